resource "ferrymq_host" "orders" {
  name                 = "orders-1"
  region               = "eu-west-1"
  subnet_id            = "subnet-0123456789abcdef0"
  instance_type        = "m7g.large"
  security_group_ids   = ["sg-0123456789abcdef0"]
  iam_instance_profile = "ferrymq-host"
  data_volume          = { size_gib = 100 }
  tags                 = { team = "payments" }

  agent_package = {
    url    = "https://packages.example.com/ferrymq-agent-0.1.0-arm64.tar.gz"
    sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
  }
  authority = "10.0.1.5:7445"
}

resource "ferrymq_broker" "orders" {
  name  = "orders"
  nodes = [ferrymq_host.orders.endpoint]
}
