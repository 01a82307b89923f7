output "broker_id" {
  description = "Id of the broker, for `broker` of further resources"
  value       = module.broker.broker_id
}

output "endpoints" {
  description = "URLs that clients connect to"
  value       = module.broker.endpoints
}

output "private_ip" {
  description = "Address of the host"
  value       = module.host.private_ip
}

output "role_arn" {
  description = "ARN of the host's role"
  value       = module.host.role_arn
}

output "vpc_id" {
  description = "Id of the network that was made for the broker; null without one"
  value       = module.network.vpc_id
}
