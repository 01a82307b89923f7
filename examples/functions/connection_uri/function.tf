variable "password" {
  type      = string
  sensitive = true
}

# Special characters in names and passwords are encoded: amqps://app:…@broker-1.example.com:5671/billing
output "uri" {
  value = provider::ferrymq::connection_uri(
    ferrymq_broker.orders.instances[0].endpoints[0],
    ferrymq_user.app.name,
    var.password,
    ferrymq_vhost.billing.name,
  )
  sensitive = true
}
