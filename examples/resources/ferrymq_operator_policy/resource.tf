# Whatever is declared: no queue of the virtual host holds more than 1 GiB, and none stays unused for a week.
resource "ferrymq_operator_policy" "bounds" {
  broker   = ferrymq_broker.orders.id
  vhost    = ferrymq_vhost.billing.name
  name     = "bounds"
  pattern  = ""
  apply_to = "queues"

  definition = {
    max-length-bytes = 1073741824
    expires          = 604800000
  }
}
