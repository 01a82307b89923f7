# How the nodes of a pair fare, at every refresh.
data "ferrymq_replication_status" "orders" {
  broker = ferrymq_broker.orders.id
}

# A warning in every plan while a node lacks something.
check "orders_in_sync" {
  assert {
    condition     = data.ferrymq_replication_status.orders.in_sync
    error_message = "Only ${join(", ", data.ferrymq_replication_status.orders.in_sync_nodes)} has all that was confirmed."
  }
}
