# Documents for a role that another provider keeps.
data "ferrymq_iam_policy" "hosts" {
  permissions = {
    metric_namespaces = ["FerryMQ"]
  }
}

output "role" {
  value = {
    trust  = data.ferrymq_iam_policy.hosts.assume_role_json
    policy = data.ferrymq_iam_policy.hosts.json
  }
}
