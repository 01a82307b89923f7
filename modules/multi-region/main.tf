module "region" {
  source   = "../single-broker"
  for_each = var.create ? var.regions : {}

  name   = "${var.name}-${each.key}"
  region = each.key
  tags   = var.tags

  create_network     = each.value.subnet_id == null
  cidr               = each.value.cidr
  agent_sources      = coalesce(each.value.agent_sources, var.agent_sources)
  client_sources     = coalesce(each.value.client_sources, var.client_sources)
  vpc_endpoints      = var.vpc_endpoints
  subnet_id          = each.value.subnet_id
  security_group_ids = each.value.security_group_ids

  instance_type = coalesce(each.value.instance_type, var.instance_type)
  ami           = each.value.ami
  agent_package = var.agent_package
  authority     = each.value.authority
  data_volume   = var.data_volume
  permissions   = each.value.permissions

  deletion_policy  = var.deletion_policy
  vhosts           = var.vhosts
  users            = var.users
  user_passwords   = var.user_passwords
  user_permissions = var.user_permissions
  exchanges        = var.exchanges
  queues           = var.queues
  bindings         = var.bindings
}
