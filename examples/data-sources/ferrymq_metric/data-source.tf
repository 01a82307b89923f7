data "ferrymq_metric" "waiting" {
  broker     = data.ferrymq_broker.orders.id
  namespace  = "rabbitmq"
  name       = "MessageReadyCount"
  dimensions = { VirtualHost = "/", Queue = "orders" }
  statistic  = "Maximum"
}

output "waiting" {
  description = "Messages that waited in the queue a minute ago; null before the first minute is over."
  value       = data.ferrymq_metric.waiting.value
}
