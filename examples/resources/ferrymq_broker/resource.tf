# AMQP over TLS on port 5671 of all the host's addresses.
resource "ferrymq_broker" "orders" {
  name  = "orders"
  nodes = ["broker-1.example.com:7443"]
}

# A second broker on the same host, on a port of its own and in plaintext, for clients on that host
# alone.
resource "ferrymq_broker" "local" {
  name  = "local"
  nodes = ["broker-1.example.com:7443"]

  listeners = {
    amqp = {
      address = "127.0.0.1"
      port    = 5672
      tls     = false
    }
  }
}

output "orders_endpoints" {
  value = ferrymq_broker.orders.instances[0].endpoints
}
