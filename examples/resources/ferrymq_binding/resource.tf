resource "ferrymq_binding" "app" {
  broker           = ferrymq_broker.orders.id
  vhost            = ferrymq_vhost.billing.name
  source           = ferrymq_exchange.invoices.name
  destination      = ferrymq_queue.app.name
  destination_type = "queue"
  routing_key      = "invoice.*"

  # A binding goes with the exchange or queue at either end, also when that is made anew under the
  # same name: then the binding has to be made anew too.
  lifecycle {
    replace_triggered_by = [ferrymq_exchange.invoices, ferrymq_queue.app]
  }
}
