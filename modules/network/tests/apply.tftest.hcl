# Made, changed and removed in the account, or the stand-in for one, that the environment names.

variables {
  name           = "module"
  cidr           = "10.40.0.0/16"
  client_sources = ["10.0.0.0/8"]
}

run "a_private_network" {
  assert {
    condition     = length(output.private_subnets) == 2 && length(output.public_subnets) == 0
    error_message = "unexpected subnets"
  }

  assert {
    condition     = startswith(output.security_group_id, "sg-") && startswith(output.vpc_id, "vpc-")
    error_message = "unexpected ids"
  }
}

run "public_subnets_come_in_place" {
  variables {
    public_subnets = true
  }

  assert {
    condition     = output.vpc_id == run.a_private_network.vpc_id && length(output.public_subnets) == 2
    error_message = "unexpected subnets"
  }

  assert {
    condition     = output.private_subnets == run.a_private_network.private_subnets
    error_message = "private subnets have changed"
  }
}
