# Publishes with keys that begin with its own name, binds with those of public events.
resource "ferrymq_topic_permission" "app" {
  broker   = ferrymq_broker.orders.id
  vhost    = ferrymq_vhost.billing.name
  user     = ferrymq_user.app.name
  exchange = ferrymq_exchange.invoices.name
  write    = "^{username}\\."
  read     = "^public\\."
}
