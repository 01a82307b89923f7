data "ferrymq_hosts" "payments" {
  region = "eu-west-1"
  tags   = { team = "payments" }
}

output "agents" {
  value = data.ferrymq_hosts.payments.hosts[*].endpoint
}
