resource "ferrymq_network" "shop" {
  name   = "shop"
  region = "eu-west-1"
  cidr   = "10.20.0.0/16"

  agent_sources  = ["10.9.0.0/24"]
  client_sources = ["10.0.0.0/8"]
  vpc_endpoints  = ["dynamodb", "kms", "logs", "monitoring", "s3"]
}

resource "ferrymq_host" "shop" {
  name               = "shop-1"
  region             = ferrymq_network.shop.region
  subnet_id          = ferrymq_network.shop.private_subnet_ids[0]
  security_group_ids = [ferrymq_network.shop.security_group_id]
  instance_type      = "m7g.large"
}
