output "id" {
  description = "Id of the instance"
  value       = one(ferrymq_host.this[*].id)
}

output "endpoint" {
  description = "Where the agent answers, for `nodes` of a broker"
  value       = one(ferrymq_host.this[*].endpoint)
}

output "private_ip" {
  description = "Address within the network"
  value       = one(ferrymq_host.this[*].private_ip)
}

output "public_ip" {
  description = "Address on the Internet; null without one"
  value       = one(ferrymq_host.this[*].public_ip)
}

output "availability_zone" {
  description = "Zone of the host"
  value       = one(ferrymq_host.this[*].availability_zone)
}

output "iam_instance_profile" {
  description = "Name of its instance profile"
  value       = local.profile
}

output "role_arn" {
  description = "ARN of the role that was made for it"
  value       = one(ferrymq_instance_profile.this[*].role_arn)
}
