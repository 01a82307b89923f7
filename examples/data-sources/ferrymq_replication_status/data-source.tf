# How the nodes of a pair fare, at every refresh.
data "ferrymq_replication_status" "payments" {
  broker = ferrymq_broker.payments.id
}

# A warning in every plan while a node lacks something.
check "payments_in_sync" {
  assert {
    condition     = data.ferrymq_replication_status.payments.in_sync
    error_message = "Only ${join(", ", data.ferrymq_replication_status.payments.in_sync_nodes)} has all that was confirmed."
  }
}
