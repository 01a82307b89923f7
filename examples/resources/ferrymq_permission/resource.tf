# Regular expressions over names of queues and exchanges: this user publishes to one exchange and
# consumes from queues whose name begins with its own.
resource "ferrymq_permission" "app" {
  broker    = ferrymq_broker.orders.id
  vhost     = ferrymq_vhost.billing.name
  user      = ferrymq_user.app.name
  configure = "^$"
  write     = "^invoices$"
  read      = "^app\\."
}
