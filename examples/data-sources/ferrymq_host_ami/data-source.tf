data "ferrymq_host_ami" "ours" {
  name_pattern = "ferrymq-agent-*"
  architecture = "arm64"
}
