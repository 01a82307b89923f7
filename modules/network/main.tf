resource "ferrymq_network" "this" {
  count = var.create ? 1 : 0

  name   = var.name
  region = var.region
  cidr   = var.cidr
  tags   = var.tags

  availability_zones = var.azs
  zone_count         = var.azs == null ? var.zone_count : null
  public_subnets     = var.public_subnets
  vpc_endpoints      = var.vpc_endpoints

  agent_sources  = var.agent_sources
  client_sources = var.client_sources
  client_ports   = var.client_ports
  status_sources = var.status_sources

  timeouts = var.timeouts
}
