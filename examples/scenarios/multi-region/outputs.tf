output "amqp_urls" {
  description = "By region, where AMQP clients connect."
  value       = { for region, broker in ferrymq_broker.shop : region => broker.instances[0].endpoints[0] }
}

output "hosts" {
  description = "By region, the instance and its address."
  value       = { for region, host in ferrymq_host.this : region => { id = host.id, private_ip = host.private_ip } }
}
