resource "ferrymq_queue" "app" {
  broker = ferrymq_broker.orders.id
  vhost  = ferrymq_vhost.billing.name
  name   = "app.invoices"
}

# A plan that would delete a queue with messages in it fails, unless it says that they may be lost.
resource "ferrymq_queue" "scratch" {
  broker          = ferrymq_broker.orders.id
  vhost           = ferrymq_vhost.billing.name
  name            = "scratch"
  durable         = false
  deletion_policy = "force"
}

# Presence of vehicles: not worth a disk write, and out of date after a restart.
resource "ferrymq_queue" "positions" {
  broker     = ferrymq_broker.orders.id
  vhost      = ferrymq_vhost.billing.name
  name       = "positions"
  durability = "memory"
}
