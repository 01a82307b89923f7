data "ferrymq_queue" "app" {
  broker = data.ferrymq_broker.orders.id
  vhost  = "billing"
  name   = "app.invoices"
}

output "waiting" {
  description = "Messages waiting for a consumer when the plan was made."
  value       = data.ferrymq_queue.app.messages_ready
}
