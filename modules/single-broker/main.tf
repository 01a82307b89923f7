locals {
  create_network = var.create && var.create_network

  subnet_id          = local.create_network ? try(module.network.private_subnets[0], null) : var.subnet_id
  security_group_ids = local.create_network ? [module.network.security_group_id] : var.security_group_ids
}

module "network" {
  source = "../network"

  create = local.create_network

  name           = var.name
  region         = var.region
  cidr           = var.cidr
  tags           = var.tags
  vpc_endpoints  = var.vpc_endpoints
  agent_sources  = var.agent_sources
  client_sources = var.client_sources
}

module "host" {
  source = "../host"

  create = var.create

  name   = var.name
  region = var.region
  tags   = var.tags

  instance_type      = var.instance_type
  ami                = var.ami
  subnet_id          = local.subnet_id
  security_group_ids = local.security_group_ids
  agent_package      = var.agent_package
  authority          = var.authority
  data_volume        = var.data_volume
  permissions        = var.permissions
}

module "broker" {
  source = "../broker"

  create = var.create

  name            = var.name
  nodes           = [module.host.endpoint]
  deletion_policy = var.deletion_policy

  vhosts         = var.vhosts
  users          = var.users
  user_passwords = var.user_passwords
  permissions    = var.user_permissions
  exchanges      = var.exchanges
  queues         = var.queues
  bindings       = var.bindings
}
