resource "ferrymq_binding" "app" {
  broker           = ferrymq_broker.orders.id
  vhost            = ferrymq_vhost.billing.name
  source           = ferrymq_exchange.invoices.name
  destination      = ferrymq_queue.app.name
  destination_type = "queue"
  routing_key      = "invoice.*"
}
