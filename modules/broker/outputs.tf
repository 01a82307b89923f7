output "broker_id" {
  description = "Id of the broker, for `broker` of further resources"
  value       = local.broker
}

output "endpoints" {
  description = "URLs that clients connect to"
  value       = flatten(ferrymq_broker.this[*].instances[*].endpoints)
}

output "failover_urls" {
  description = "By protocol, what clients take to find the node that serves"
  value       = one(ferrymq_broker.this[*].failover_urls)
}

output "active_node" {
  description = "Name of the node of a pair that serves; null for a single broker"
  value       = one(ferrymq_broker.this[*].active_node)
}

output "in_sync" {
  description = "Whether every node of a pair has all that was confirmed; null for a single broker"
  value       = one(ferrymq_broker.this[*].in_sync)
}

output "console_url" {
  description = "Page of the broker on its agent; null when the agent serves none"
  value       = one(ferrymq_broker.this[*].console_url)
}

output "vhosts" {
  description = "Names of the virtual hosts by key"
  value       = { for key, vhost in ferrymq_vhost.this : key => vhost.name }
}

output "users" {
  description = "Names of the users by key"
  value       = { for key, user in ferrymq_user.this : key => user.name }
}

output "exchanges" {
  description = "Names of the exchanges by key"
  value       = { for key, exchange in ferrymq_exchange.this : key => exchange.name }
}

output "queues" {
  description = "Names of the queues by key"
  value       = { for key, queue in ferrymq_queue.this : key => queue.name }
}

output "queue_ids" {
  description = "Ids of the queues by key"
  value       = { for key, queue in ferrymq_queue.this : key => queue.id }
}
