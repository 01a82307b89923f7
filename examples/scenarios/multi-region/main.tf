# Two regions, each with a host, a broker on it, and one application's share of that: from nothing to
# queues in one apply. Hosts get their certificates from an authority to which they prove who they are:
# `broker-agent authority --dir … --role <account>/<role of the instance profile>`.

provider "ferrymq" {
  ca_certificate     = "${var.credentials}/ca.pem"
  client_certificate = "${var.credentials}/client.pem"
  client_key         = "${var.credentials}/client-key.pem"
}

resource "ferrymq_host" "this" {
  for_each = var.regions

  name                 = "shop-${each.key}"
  region               = each.key
  subnet_id            = each.value.subnet_id
  security_group_ids   = each.value.security_group_ids
  instance_type        = var.instance_type
  ami                  = each.value.ami
  iam_instance_profile = var.instance_profile
  agent_package        = var.agent_package
  authority            = each.value.authority
}

resource "ferrymq_broker" "shop" {
  for_each = ferrymq_host.this

  name  = "shop"
  nodes = [each.value.endpoint]
}

resource "ferrymq_vhost" "shop" {
  for_each = ferrymq_broker.shop

  broker = each.value.id
  name   = "shop"
}

resource "ferrymq_user" "app" {
  for_each = ferrymq_broker.shop

  broker              = each.value.id
  name                = "app"
  password_wo         = var.app_password
  password_wo_version = 1
}

resource "ferrymq_permission" "app" {
  for_each = ferrymq_broker.shop

  broker    = each.value.id
  vhost     = ferrymq_vhost.shop[each.key].name
  user      = ferrymq_user.app[each.key].name
  configure = "^$"
  write     = "^orders$"
  read      = "^incoming$"
}

resource "ferrymq_exchange" "orders" {
  for_each = ferrymq_broker.shop

  broker = each.value.id
  vhost  = ferrymq_vhost.shop[each.key].name
  name   = "orders"
  type   = "topic"
}

resource "ferrymq_queue" "incoming" {
  for_each = ferrymq_broker.shop

  broker = each.value.id
  vhost  = ferrymq_vhost.shop[each.key].name
  name   = "incoming"
}

resource "ferrymq_binding" "incoming" {
  for_each = ferrymq_broker.shop

  broker           = each.value.id
  vhost            = ferrymq_vhost.shop[each.key].name
  source           = ferrymq_exchange.orders[each.key].name
  destination      = ferrymq_queue.incoming[each.key].name
  destination_type = "queue"
  routing_key      = "order.#"
}
