# A broker with one application's share of it: a virtual host, a user who may only publish orders
# and consume its own queue, and the way from the one to the other.

provider "ferrymq" {
  ca_certificate     = "${var.credentials}/ca.pem"
  client_certificate = "${var.credentials}/client.pem"
  client_key         = "${var.credentials}/client-key.pem"
}

resource "ferrymq_broker" "shop" {
  name  = "shop"
  nodes = [var.agent]

  listeners = {
    amqp = {
      address = var.amqp_address
      port    = var.amqp_port
    }
  }
}

resource "ferrymq_vhost" "shop" {
  broker = ferrymq_broker.shop.id
  name   = "shop"
}

resource "ferrymq_user" "app" {
  broker              = ferrymq_broker.shop.id
  name                = "app"
  password_wo         = var.app_password
  password_wo_version = 1
}

resource "ferrymq_permission" "app" {
  broker    = ferrymq_broker.shop.id
  vhost     = ferrymq_vhost.shop.name
  user      = ferrymq_user.app.name
  configure = "^$"
  write     = "^orders$"
  read      = "^incoming$"
}

resource "ferrymq_exchange" "orders" {
  broker = ferrymq_broker.shop.id
  vhost  = ferrymq_vhost.shop.name
  name   = "orders"
  type   = "topic"
}

resource "ferrymq_queue" "incoming" {
  broker = ferrymq_broker.shop.id
  vhost  = ferrymq_vhost.shop.name
  name   = "incoming"
}

resource "ferrymq_binding" "incoming" {
  broker           = ferrymq_broker.shop.id
  vhost            = ferrymq_vhost.shop.name
  source           = ferrymq_exchange.orders.name
  destination      = ferrymq_queue.incoming.name
  destination_type = "queue"
  routing_key      = "order.#"
}
