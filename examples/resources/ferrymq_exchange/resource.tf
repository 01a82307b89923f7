resource "ferrymq_exchange" "invoices" {
  broker = ferrymq_broker.orders.id
  vhost  = ferrymq_vhost.billing.name
  name   = "invoices"
  type   = "topic"
}
