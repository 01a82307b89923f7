output "vpc_id" {
  description = "Id of the VPC"
  value       = one(ferrymq_network.this[*].id)
}

output "region" {
  description = "Region of the network"
  value       = one(ferrymq_network.this[*].region)
}

output "azs" {
  description = "Names of its availability zones"
  value       = try(ferrymq_network.this[0].availability_zones, [])
}

output "private_subnets" {
  description = "Ids of the private subnets, in the order of `azs`"
  value       = try(ferrymq_network.this[0].private_subnet_ids, [])
}

output "public_subnets" {
  description = "Ids of the public subnets, in the order of `azs`"
  value       = try(ferrymq_network.this[0].public_subnet_ids, [])
}

output "security_group_id" {
  description = "Id of the security group for hosts"
  value       = one(ferrymq_network.this[*].security_group_id)
}
