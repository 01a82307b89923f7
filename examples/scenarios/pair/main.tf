# A broker on two nodes: what is confirmed is on both, and when the one that serves fails, the other
# goes on. The nodes agree in a directory who serves, which is for trials on one machine; where it
# matters they agree in an etcd cluster.

provider "ferrymq" {
  ca_certificate     = "${var.credentials}/ca.pem"
  client_certificate = "${var.credentials}/client.pem"
  client_key         = "${var.credentials}/client-key.pem"
}

resource "ferrymq_broker" "shop" {
  name                  = "shop"
  deployment_mode       = "ACTIVE_STANDBY_MULTI_AZ"
  nodes                 = var.agents
  node_names            = ["north", "south"]
  replication_addresses = var.replication_addresses
  preferred_active      = var.preferred_active

  coordination = {
    file = {
      path = var.store
    }
  }

  # Both nodes have the same port, and only the one that serves listens: on one machine clients find
  # it at one address.
  listeners = {
    amqp = {
      address = "127.0.0.1"
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
  write     = "^(amq\\.default)?$"
  read      = "^orders$"
}

resource "ferrymq_queue" "orders" {
  broker = ferrymq_broker.shop.id
  vhost  = ferrymq_vhost.shop.name
  name   = "orders"
}
