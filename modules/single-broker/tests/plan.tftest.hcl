# What the module makes of its variables, without AWS.

mock_provider "ferrymq" {
  mock_resource "ferrymq_broker" {
    defaults = {
      id = "ferrymq://broker-1.example.com:7443/orders"
    }
  }
}

variables {
  name   = "orders"
  users  = { app = {} }
  queues = { orders = {} }
}

run "all_has_one_name" {
  command = plan

  assert {
    condition     = module.host.iam_instance_profile == "orders" && module.broker.queues == { orders = "orders" }
    error_message = "unexpected names"
  }
}

run "a_network_of_others_is_taken" {
  command = plan

  variables {
    create_network     = false
    subnet_id          = "subnet-0123abcd"
    security_group_ids = ["sg-0123abcd"]
  }

  assert {
    condition     = output.vpc_id == null
    error_message = "a network is made"
  }
}

run "nothing_is_made_without_create" {
  command = plan

  variables {
    create = false
    users  = {}
    queues = {}
  }

  assert {
    condition     = output.vpc_id == null && output.broker_id == null && output.private_ip == null
    error_message = "something is made"
  }
}
