locals {
  broker = one(ferrymq_broker.this[*].id)

  # Names by key, taken from the resources so that a virtual host is there before what is in it.
  vhosts = merge({ "/" = "/" }, { for key, vhost in ferrymq_vhost.this : key => vhost.name })

  destinations = {
    queue    = ferrymq_queue.this
    exchange = ferrymq_exchange.this
  }
}

################################################################################
# Broker
################################################################################

resource "ferrymq_broker" "this" {
  count = var.create ? 1 : 0

  name            = var.name
  nodes           = var.nodes
  listeners       = var.listeners
  deletion_policy = var.deletion_policy

  deployment_mode       = var.deployment_mode
  durability            = var.durability
  node_names            = var.node_names
  replication_addresses = var.replication_addresses
  preferred_active      = var.preferred_active

  coordination = var.coordination == null ? null : {
    dynamodb = var.coordination.dynamodb
    file     = var.coordination.file
    etcd = var.coordination.etcd == null ? null : {
      endpoints             = var.coordination.etcd.endpoints
      ca_certificate        = var.coordination.etcd.ca_certificate
      client_certificate    = var.coordination.etcd.client_certificate
      client_key_wo         = var.coordination_secrets.client_key
      client_key_wo_version = var.coordination.etcd.client_key_version
      username              = var.coordination.etcd.username
      password_wo           = var.coordination_secrets.password
      password_wo_version   = var.coordination.etcd.password_version
    }
  }

  timeouts = var.timeouts
}

################################################################################
# Access
################################################################################

resource "ferrymq_vhost" "this" {
  for_each = { for key, vhost in var.vhosts : key => vhost if var.create }

  broker          = local.broker
  name            = coalesce(each.value.name, each.key)
  description     = each.value.description
  deletion_policy = each.value.deletion_policy
}

resource "ferrymq_user" "this" {
  for_each = { for key, user in var.users : key => user if var.create }

  broker              = local.broker
  name                = coalesce(each.value.name, each.key)
  tags                = each.value.tags
  password_wo         = lookup(var.user_passwords, each.key, null)
  password_wo_version = each.value.password_version
}

resource "ferrymq_permission" "this" {
  for_each = { for key, permission in var.permissions : key => permission if var.create }

  broker    = local.broker
  vhost     = local.vhosts[each.value.vhost]
  user      = ferrymq_user.this[each.value.user].name
  configure = each.value.configure
  write     = each.value.write
  read      = each.value.read
}

################################################################################
# Topology
################################################################################

resource "ferrymq_exchange" "this" {
  for_each = { for key, exchange in var.exchanges : key => exchange if var.create }

  broker      = local.broker
  vhost       = local.vhosts[each.value.vhost]
  name        = coalesce(each.value.name, each.key)
  type        = each.value.type
  durable     = each.value.durable
  auto_delete = each.value.auto_delete
  internal    = each.value.internal
  arguments   = try(var.arguments.exchanges[each.key], null)
}

resource "ferrymq_queue" "this" {
  for_each = { for key, queue in var.queues : key => queue if var.create }

  broker          = local.broker
  vhost           = local.vhosts[each.value.vhost]
  name            = coalesce(each.value.name, each.key)
  durable         = each.value.durable
  durability      = each.value.durability
  auto_delete     = each.value.auto_delete
  deletion_policy = each.value.deletion_policy
  arguments       = try(var.arguments.queues[each.key], null)
}

resource "ferrymq_binding" "this" {
  for_each = { for key, binding in var.bindings : key => binding if var.create }

  broker           = local.broker
  vhost            = ferrymq_exchange.this[each.value.source].vhost
  source           = ferrymq_exchange.this[each.value.source].name
  destination      = local.destinations[each.value.destination_type][each.value.destination].name
  destination_type = each.value.destination_type
  routing_key      = each.value.routing_key
  arguments        = try(var.arguments.bindings[each.key], null)
}
