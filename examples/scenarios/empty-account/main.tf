# From an empty account to a queue in one apply, with this provider alone: a network, a role for hosts,
# a host, a broker on it, and one application's share of that. The host gets its certificate from an
# authority to which it proves who it is: `broker-agent authority --dir … --role <account>/<var.name>`.

provider "ferrymq" {
  ca_certificate     = "${var.credentials}/ca.pem"
  client_certificate = "${var.credentials}/client.pem"
  client_key         = "${var.credentials}/client-key.pem"
}

resource "ferrymq_network" "this" {
  name           = var.name
  region         = var.region
  cidr           = var.cidr
  agent_sources  = var.agent_sources
  client_sources = var.client_sources
}

resource "ferrymq_instance_profile" "hosts" {
  name = var.name
}

resource "ferrymq_host" "this" {
  name                 = "${var.name}-1"
  region               = ferrymq_network.this.region
  subnet_id            = ferrymq_network.this.private_subnet_ids[0]
  security_group_ids   = [ferrymq_network.this.security_group_id]
  instance_type        = var.instance_type
  ami                  = var.ami
  iam_instance_profile = ferrymq_instance_profile.hosts.name
  agent_package        = var.agent_package
  authority            = var.authority
}

resource "ferrymq_broker" "this" {
  name  = var.name
  nodes = [ferrymq_host.this.endpoint]
}

resource "ferrymq_vhost" "shop" {
  broker = ferrymq_broker.this.id
  name   = "shop"
}

resource "ferrymq_user" "app" {
  broker              = ferrymq_broker.this.id
  name                = "app"
  password_wo         = var.app_password
  password_wo_version = 1
}

resource "ferrymq_permission" "app" {
  broker    = ferrymq_broker.this.id
  vhost     = ferrymq_vhost.shop.name
  user      = ferrymq_user.app.name
  configure = "^$"
  write     = "^orders$"
  read      = "^incoming$"
}

resource "ferrymq_exchange" "orders" {
  broker = ferrymq_broker.this.id
  vhost  = ferrymq_vhost.shop.name
  name   = "orders"
  type   = "topic"
}

resource "ferrymq_queue" "incoming" {
  broker = ferrymq_broker.this.id
  vhost  = ferrymq_vhost.shop.name
  name   = "incoming"
}

resource "ferrymq_binding" "incoming" {
  broker           = ferrymq_broker.this.id
  vhost            = ferrymq_vhost.shop.name
  source           = ferrymq_exchange.orders.name
  destination      = ferrymq_queue.incoming.name
  destination_type = "queue"
  routing_key      = "order.#"
}
