output "broker_id" {
  description = "Id of the broker, for resources of other configurations."
  value       = ferrymq_broker.shop.id
}

output "amqp_url" {
  description = "Where AMQP clients connect."
  value       = ferrymq_broker.shop.instances[0].endpoints[0]
}
