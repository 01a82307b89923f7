# The user may open a few connections, the virtual host may hold some hundred queues.
resource "ferrymq_limits" "app" {
  broker          = ferrymq_broker.orders.id
  user            = ferrymq_user.app.name
  max_connections = 20
  max_channels    = 200
}

resource "ferrymq_limits" "billing" {
  broker          = ferrymq_broker.orders.id
  vhost           = ferrymq_vhost.billing.name
  max_connections = 1000
  max_queues      = 500
}
