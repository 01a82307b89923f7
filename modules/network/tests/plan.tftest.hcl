# What the module makes of its variables, without AWS.

mock_provider "ferrymq" {}

variables {
  name = "shop"
}

run "nobody_is_let_in_by_default" {
  command = plan

  assert {
    condition     = length(ferrymq_network.this[0].client_sources) + length(ferrymq_network.this[0].agent_sources) == 0
    error_message = "somebody is let in"
  }

  assert {
    condition     = ferrymq_network.this[0].public_subnets == false && ferrymq_network.this[0].zone_count == 2
    error_message = "unexpected subnets"
  }
}

run "nothing_is_made_without_create" {
  command = plan

  variables {
    create = false
  }

  assert {
    condition     = length(ferrymq_network.this) == 0 && output.private_subnets == []
    error_message = "something is made"
  }
}

run "bad_values_are_refused" {
  command = plan

  variables {
    cidr       = "anywhere"
    azs        = ["eu-west-1a"]
    zone_count = 7
  }

  expect_failures = [var.cidr, var.azs, var.zone_count]
}
