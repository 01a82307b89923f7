resource "ferrymq_vhost" "billing" {
  broker      = ferrymq_broker.orders.id
  name        = "billing"
  description = "Invoices and payments"
}
