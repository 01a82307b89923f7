# What the module makes of its variables, without an agent.

mock_provider "ferrymq" {
  # OpenTofu has the other resources' arguments checked, and an invented id is none.
  mock_resource "ferrymq_broker" {
    defaults = {
      id = "ferrymq://broker-1.example.com:7443/orders"
    }
  }
}

variables {
  name  = "orders"
  nodes = ["broker-1.example.com:7443"]

  vhosts = { billing = {} }
  users  = { app = { tags = ["monitoring"] } }
  permissions = {
    app = { user = "app", vhost = "billing", read = "^app$" }
  }
  exchanges = { invoices = { vhost = "billing", type = "topic" } }
  queues = {
    app   = { vhost = "billing" }
    other = { name = "another name" }
  }
  bindings = {
    app = { source = "invoices", destination = "app", routing_key = "invoice.*" }
  }
}

run "names_come_from_keys_or_are_given" {
  command = plan

  assert {
    condition     = output.queues == { app = "app", other = "another name" }
    error_message = "unexpected queues"
  }

  assert {
    condition     = output.vhosts == { billing = "billing" } && output.users == { app = "app" }
    error_message = "unexpected virtual hosts or users"
  }
}

run "objects_are_placed_in_their_virtual_host" {
  command = plan

  assert {
    condition     = ferrymq_queue.this["app"].vhost == "billing" && ferrymq_queue.this["other"].vhost == "/"
    error_message = "a queue is in the wrong virtual host"
  }

  assert {
    condition     = ferrymq_binding.this["app"].vhost == "billing" && ferrymq_binding.this["app"].source == "invoices"
    error_message = "a binding is in the wrong virtual host or at the wrong exchange"
  }
}

run "expressions_match_nothing_unless_given" {
  command = plan

  assert {
    condition = (
      ferrymq_permission.this["app"].configure == "^$"
      && ferrymq_permission.this["app"].write == "^$"
      && ferrymq_permission.this["app"].read == "^app$"
    )
    error_message = "unexpected permissions"
  }
}

run "a_single_broker_unless_a_pair_is_asked_for" {
  command = plan

  assert {
    condition     = ferrymq_broker.this[0].deployment_mode == "SINGLE_INSTANCE" && ferrymq_broker.this[0].coordination == null
    error_message = "not a single broker"
  }
}

run "a_pair_is_passed_on" {
  command = plan

  variables {
    deployment_mode       = "ACTIVE_STANDBY_MULTI_AZ"
    nodes                 = ["broker-1.example.com:7443", "broker-2.example.com:7443"]
    replication_addresses = ["10.0.1.10", "10.0.2.10"]
    preferred_active      = "broker-1"
    durability            = "strict"
    coordination = {
      etcd = {
        endpoints          = ["https://etcd-1.example.com:2379"]
        client_certificate = "certificate"
        client_key_version = 1
      }
    }
    coordination_secrets = { client_key = "key" }
  }

  assert {
    condition = (
      ferrymq_broker.this[0].deployment_mode == "ACTIVE_STANDBY_MULTI_AZ"
      && ferrymq_broker.this[0].durability == "strict"
      && ferrymq_broker.this[0].preferred_active == "broker-1"
      && ferrymq_broker.this[0].replication_addresses[1] == "10.0.2.10"
      && ferrymq_broker.this[0].coordination.etcd.endpoints[0] == "https://etcd-1.example.com:2379"
    )
    error_message = "a setting of the pair is lost"
  }
}

run "create_false_makes_nothing" {
  command = plan

  variables {
    create = false
  }

  assert {
    condition     = length(ferrymq_broker.this) + length(ferrymq_queue.this) + length(ferrymq_user.this) == 0
    error_message = "something would be made"
  }
}

run "an_unknown_kind_of_destination_is_refused" {
  command = plan

  variables {
    bindings = {
      app = { source = "invoices", destination = "app", destination_type = "topic" }
    }
  }

  expect_failures = [var.bindings]
}
