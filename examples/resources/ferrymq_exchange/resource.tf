resource "ferrymq_exchange" "invoices" {
  broker = ferrymq_broker.orders.id
  vhost  = ferrymq_vhost.billing.name
  name   = "invoices"
  type   = "topic"
}

# Gets what dies in queues, and what no binding of "invoices" takes.
resource "ferrymq_exchange" "dead" {
  broker = ferrymq_broker.orders.id
  vhost  = ferrymq_vhost.billing.name
  name   = "dead"
  type   = "fanout"
}

# Messages of one customer go to the same queue.
resource "ferrymq_exchange" "by_customer" {
  broker             = ferrymq_broker.orders.id
  vhost              = ferrymq_vhost.billing.name
  name               = "by-customer"
  type               = "x-consistent-hash"
  hash_header        = "customer"
  alternate_exchange = ferrymq_exchange.dead.name
}

# Messages go on after as many milliseconds as their header x-delay says.
resource "ferrymq_exchange" "reminders" {
  broker       = ferrymq_broker.orders.id
  vhost        = ferrymq_vhost.billing.name
  name         = "reminders"
  type         = "x-delayed-message"
  delayed_type = "direct"
}
