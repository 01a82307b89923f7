# What the module makes of its variables, without AWS.

mock_provider "ferrymq" {
  mock_resource "ferrymq_broker" {
    defaults = {
      id = "ferrymq://broker-1.example.com:7443/orders"
    }
  }
}

variables {
  name = "shop"
  regions = {
    eu-west-1 = { cidr = "10.20.0.0/16" }
    us-east-1 = { subnet_id = "subnet-0123abcd", security_group_ids = ["sg-0123abcd"] }
  }
  queues         = { orders = {} }
  user_passwords = {}
}

run "each_region_has_its_own" {
  assert {
    condition     = toset(keys(output.broker_ids)) == toset(["eu-west-1", "us-east-1"])
    error_message = "unexpected regions"
  }

  assert {
    condition     = output.vpc_ids["eu-west-1"] != null && output.vpc_ids["us-east-1"] == null
    error_message = "unexpected networks"
  }
}

run "nothing_is_made_without_create" {
  command = plan

  variables {
    create = false
  }

  assert {
    condition     = output.broker_ids == {}
    error_message = "something is made"
  }
}

run "halves_of_a_network_are_refused" {
  command = plan

  variables {
    regions = { eu-west-1 = { subnet_id = "subnet-0123abcd" } }
  }

  expect_failures = [var.regions]
}
