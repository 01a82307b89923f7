# What reaches one queue.
data "ferrymq_bindings" "app" {
  broker      = data.ferrymq_broker.orders.id
  vhost       = "billing"
  destination = "app.invoices"
}

output "keys" {
  description = "Keys by which messages come to it."
  value       = data.ferrymq_bindings.app.bindings[*].routing_key
}
