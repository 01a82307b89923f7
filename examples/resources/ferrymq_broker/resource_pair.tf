# A pair on two hosts, which agree in an etcd cluster who serves. What is confirmed is on both.
resource "ferrymq_broker" "payments" {
  name             = "payments"
  deployment_mode  = "ACTIVE_STANDBY_MULTI_AZ"
  nodes            = ["broker-1.example.com:7443", "broker-2.example.com:7443"]
  preferred_active = "broker-1"

  # The hosts' addresses for each other; without it those of `nodes`.
  replication_addresses = ["10.0.1.10", "10.0.2.10"]

  coordination = {
    etcd = {
      endpoints             = ["https://etcd-1.example.com:2379", "https://etcd-2.example.com:2379", "https://etcd-3.example.com:2379"]
      ca_certificate        = file("${path.module}/etcd/ca.pem")
      client_certificate    = file("${path.module}/etcd/client.pem")
      client_key_wo         = file("${path.module}/etcd/client-key.pem")
      client_key_wo_version = 1
    }
  }

  listeners = {
    amqp = {
      port = 5673
      tls  = true
    }
  }
}

# What clients of the pair take: "broker-1.example.com:5673,broker-2.example.com:5673".
output "payments_addresses" {
  value = ferrymq_broker.payments.failover_urls["amqp"]
}
