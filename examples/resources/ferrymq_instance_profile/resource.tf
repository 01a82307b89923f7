resource "ferrymq_instance_profile" "hosts" {
  name = "ferrymq-host"

  permissions = {
    metric_namespaces = ["FerryMQ"]
    log_group_arns    = ["arn:aws:logs:eu-west-1:123456789012:log-group:/ferrymq/shop"]
    kms_key_arns      = ["arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"]
  }
}

resource "ferrymq_host" "shop" {
  name                 = "shop-1"
  region               = "eu-west-1"
  subnet_id            = "subnet-0123456789abcdef0"
  instance_type        = "m7g.large"
  iam_instance_profile = ferrymq_instance_profile.hosts.name
}
