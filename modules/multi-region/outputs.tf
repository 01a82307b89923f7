output "broker_ids" {
  description = "By region, the id of the broker"
  value       = { for region, it in module.region : region => it.broker_id }
}

output "endpoints" {
  description = "By region, URLs that clients connect to"
  value       = { for region, it in module.region : region => it.endpoints }
}

output "private_ips" {
  description = "By region, the address of the host"
  value       = { for region, it in module.region : region => it.private_ip }
}

output "vpc_ids" {
  description = "By region, id of the network that was made; null where there is another"
  value       = { for region, it in module.region : region => it.vpc_id }
}
