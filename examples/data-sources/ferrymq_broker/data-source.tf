# A broker that another configuration declares.
data "ferrymq_broker" "orders" {
  name  = "orders"
  nodes = ["broker-1.example.com:7443"]
}
