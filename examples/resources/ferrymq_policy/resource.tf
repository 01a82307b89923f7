# Queues of the invoices: no more than 100,000 messages, and what dies goes to the dead-letter exchange.
resource "ferrymq_policy" "invoices" {
  broker   = ferrymq_broker.orders.id
  vhost    = ferrymq_vhost.billing.name
  name     = "invoices"
  pattern  = "^app\\.invoices"
  apply_to = "queues"
  priority = 10

  definition = {
    max-length           = 100000
    overflow             = "reject-publish"
    dead-letter-exchange = ferrymq_exchange.dead.name
  }
}
