output "amqp_url" {
  description = "Where AMQP clients connect."
  value       = ferrymq_broker.this.instances[0].endpoints[0]
}

output "private_ip" {
  description = "Address of the host."
  value       = ferrymq_host.this.private_ip
}
