output "active_node" {
  description = "Name of the node that serves."
  value       = ferrymq_broker.shop.active_node
}

output "in_sync" {
  description = "Whether both nodes have all that was confirmed."
  value       = ferrymq_broker.shop.in_sync
}

output "amqp_addresses" {
  description = "What AMQP clients take to find the node that serves."
  value       = ferrymq_broker.shop.failover_urls["amqp"]
}
