# The module against a running agent. The environment names it: TF_VAR_nodes='["host:7443"]', and
# FERRYMQ_CA_CERTIFICATE, FERRYMQ_CLIENT_CERTIFICATE and FERRYMQ_CLIENT_KEY for the provider. The
# broker listens on a port that the agent's machine chooses.

variables {
  name = "module-test"
  listeners = {
    amqp = { address = "127.0.0.1", port = 0, tls = true }
  }

  # An ephemeral variable of a root module that is tested has to be set.
  coordination_secrets = {}

  vhosts         = { billing = {} }
  users          = { app = {} }
  user_passwords = { app = "a password of a test" }
  permissions = {
    app = { user = "app", vhost = "billing", write = "^invoices$", read = "^app$" }
  }
  exchanges = {
    invoices = { vhost = "billing", type = "topic" }
    archive  = { vhost = "billing", type = "fanout" }
  }
  queues    = { app = { vhost = "billing" } }
  arguments = { queues = { app = { x-queue-mode = "lazy" } } }
  bindings = {
    app     = { source = "invoices", destination = "app", routing_key = "invoice.*" }
    archive = { source = "invoices", destination = "archive", destination_type = "exchange", routing_key = "#" }
  }
}

run "everything_comes_up_in_one_apply" {
  assert {
    condition     = startswith(output.endpoints[0], "amqps://")
    error_message = "no AMQP endpoint over TLS"
  }

  assert {
    condition     = length(ferrymq_binding.this) == 2
    error_message = "a binding is missing"
  }
}

run "a_second_apply_changes_nothing" {
  command = plan

  # Not known before the apply if the broker had to be made again.
  assert {
    condition     = startswith(output.endpoints[0], "amqps://")
    error_message = "the broker would change"
  }
}

run "a_replaced_exchange_keeps_its_bindings" {
  variables {
    exchanges = {
      invoices = { vhost = "billing", type = "direct" }
      archive  = { vhost = "billing", type = "fanout" }
    }
  }

  assert {
    condition     = ferrymq_exchange.this["invoices"].type == "direct" && length(ferrymq_binding.this) == 2
    error_message = "a binding is missing"
  }
}

run "a_queue_more_leaves_the_rest_alone" {
  variables {
    queues = {
      app   = { vhost = "billing" }
      audit = {}
    }
  }

  assert {
    condition     = output.queues == { app = "app", audit = "audit" } && length(ferrymq_binding.this) == 2
    error_message = "a queue or a binding is missing"
  }
}
