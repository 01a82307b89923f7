data "ferrymq_exchanges" "billing" {
  broker = data.ferrymq_broker.orders.id
  vhost  = "billing"
}

output "topics" {
  description = "Names of its topic exchanges."
  value       = [for exchange in data.ferrymq_exchanges.billing.exchanges : exchange.name if exchange.type == "topic"]
}
