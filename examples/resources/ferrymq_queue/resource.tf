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

# Limits, times and dead letters change in place: messages and consumers stay.
resource "ferrymq_queue" "mails" {
  broker               = ferrymq_broker.orders.id
  vhost                = ferrymq_vhost.billing.name
  name                 = "mails"
  type                 = "quorum"
  delivery_limit       = 5
  dead_letter_exchange = ferrymq_exchange.dead.name
  max_length           = 50000
  overflow             = "reject-publish"
  message_ttl          = 86400000 # A day.
}

# Everything that happened in a week, for everybody to read from where they want.
resource "ferrymq_queue" "events" {
  broker           = ferrymq_broker.orders.id
  vhost            = ferrymq_vhost.billing.name
  name             = "events"
  type             = "stream"
  max_age          = "7D"
  max_length_bytes = 50000000000
}

# When it is destroyed, what waits in it goes to another queue first.
resource "ferrymq_queue" "old" {
  broker          = ferrymq_broker.orders.id
  vhost           = ferrymq_vhost.billing.name
  name            = "old"
  deletion_policy = "drain_to"
  drain_to        = ferrymq_queue.app.name
}
