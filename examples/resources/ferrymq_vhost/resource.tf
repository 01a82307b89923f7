resource "ferrymq_vhost" "billing" {
  broker      = ferrymq_broker.orders.id
  name        = "billing"
  description = "Invoices and payments"
}

# Queues that do not say are of type quorum, and nobody deletes it by mistake.
resource "ferrymq_vhost" "ledger" {
  broker              = ferrymq_broker.orders.id
  name                = "ledger"
  description         = "What must not be lost"
  tags                = ["production"]
  default_queue_type  = "quorum"
  deletion_protection = true
}
