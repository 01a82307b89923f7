# Made and removed in the account, or the stand-in for one, that the environment names; nobody waits for
# the agent, which may be out of reach.

run "network" {
  module {
    source = "../network"
  }

  variables {
    name = "module-host"
    cidr = "10.41.0.0/16"
  }
}

run "a_host_in_it" {
  variables {
    name               = "module-host"
    ami                = "ami-0123abcd"
    subnet_id          = run.network.private_subnets[0]
    security_group_ids = [run.network.security_group_id]
    wait_for_agent     = false
    data_volume        = { size_gib = 10, on_destroy = "delete" }
    permissions        = { metric_namespaces = ["FerryMQ"] }
  }

  assert {
    condition     = startswith(output.private_ip, "10.41.") && output.endpoint == "${output.private_ip}:7443"
    error_message = "unexpected addresses"
  }

  assert {
    condition     = endswith(output.role_arn, ":role/module-host")
    error_message = "unexpected role"
  }
}
