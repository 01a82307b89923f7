locals {
  profile = var.create_instance_profile ? one(ferrymq_instance_profile.this[*].name) : var.iam_instance_profile
}

################################################################################
# Role
################################################################################

resource "ferrymq_instance_profile" "this" {
  count = var.create && var.create_instance_profile ? 1 : 0

  name                 = coalesce(var.instance_profile_name, var.name)
  permissions          = var.permissions
  policy_arns          = var.policy_arns
  permissions_boundary = var.permissions_boundary
  tags                 = var.tags
}

################################################################################
# Host
################################################################################

resource "ferrymq_host" "this" {
  count = var.create ? 1 : 0

  name   = var.name
  region = var.region
  tags   = var.tags

  instance_type          = var.instance_type
  ami                    = var.ami
  subnet_id              = var.subnet_id
  security_group_ids     = var.security_group_ids
  private_ip             = var.private_ip
  key_name               = var.key_name
  iam_instance_profile   = local.profile
  agent_package          = var.agent_package
  authority              = var.authority
  user_data_extra        = var.user_data_extra
  wait_for_agent         = var.wait_for_agent
  termination_protection = var.termination_protection

  root_volume = var.root_volume
  data_volume = var.data_volume

  timeouts = var.timeouts
}
