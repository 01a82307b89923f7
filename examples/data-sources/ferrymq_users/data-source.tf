data "ferrymq_users" "all" {
  broker = data.ferrymq_broker.orders.id
}

output "administrators" {
  description = "Names of the users who administer the broker."
  value       = [for user in data.ferrymq_users.all.users : user.name if contains(user.tags, "administrator")]
}
