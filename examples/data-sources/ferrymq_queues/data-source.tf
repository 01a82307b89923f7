# All queues of a virtual host whose name begins with "app."
data "ferrymq_queues" "app" {
  broker       = data.ferrymq_broker.orders.id
  vhost        = "billing"
  name_pattern = "^app\\."
}

output "backlog" {
  description = "Messages that wait in them."
  value       = sum(concat([0], data.ferrymq_queues.app.queues[*].messages_ready))
}
