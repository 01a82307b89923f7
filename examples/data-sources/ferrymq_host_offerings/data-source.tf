data "ferrymq_host_offerings" "graviton" {
  region         = "eu-west-1"
  instance_types = ["m7g.*"]
}
