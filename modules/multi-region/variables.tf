variable "create" {
  description = "Whether to create anything at all"
  type        = bool
  default     = true
}

variable "name" {
  description = "What brokers, hosts, roles and networks are called, before the region"
  type        = string
}

variable "tags" {
  description = "Tags of all that is made in AWS"
  type        = map(string)
  default     = {}
}

variable "regions" {
  description = "By region: the addresses of its network, or subnet and security groups that are there already; who may reach it; its image; where it reaches the authority; what its broker uses in AWS"
  type = map(object({
    cidr               = optional(string, "10.20.0.0/16")
    subnet_id          = optional(string)
    security_group_ids = optional(set(string))
    agent_sources      = optional(set(string))
    client_sources     = optional(set(string))
    instance_type      = optional(string)
    ami                = optional(string)
    authority          = optional(string)
    permissions = optional(object({
      dynamodb_key_prefixes  = optional(set(string))
      dynamodb_table_arns    = optional(set(string))
      kms_encryption_context = optional(map(string))
      kms_key_arns           = optional(set(string))
      log_group_arns         = optional(set(string))
      metric_namespaces      = optional(set(string))
      secret_arns            = optional(set(string))
      ssm_parameter_arns     = optional(set(string))
    }), {})
  }))

  validation {
    condition     = alltrue([for region in var.regions : (region.subnet_id == null) == (region.security_group_ids == null)])
    error_message = "`subnet_id` and `security_group_ids` go together."
  }
}

################################################################################
# Networks
################################################################################

variable "vpc_endpoints" {
  description = "Services of AWS that are reached within the network. `dynamodb` and `s3` cost nothing, others by the hour and zone"
  type        = set(string)
  default     = ["dynamodb", "s3"]
}

variable "agent_sources" {
  description = "Who may reach the agents: addresses, security groups or prefix lists of whoever runs Terraform"
  type        = set(string)
  default     = []
}

variable "client_sources" {
  description = "Who may reach `client_ports`: addresses, security groups or prefix lists of the brokers' clients"
  type        = set(string)
  default     = []
}

################################################################################
# Hosts
################################################################################

variable "instance_type" {
  description = "Type of the instance; a change stops it and starts it again"
  type        = string
  default     = "m7g.large"
}

variable "agent_package" {
  description = "The package that the host installs at its first boot, and its SHA-256. Without it: the image has the agent in it"
  type = object({
    url    = string
    sha256 = string
  })
  default = null
}

variable "data_volume" {
  description = "A volume of its own for what the agent stores, which outlives the host unless `on_destroy` is `delete`"
  type = object({
    size_gib    = number
    volume_type = optional(string, "gp3")
    iops        = optional(number)
    throughput  = optional(number)
    kms_key_id  = optional(string)
    on_destroy  = optional(string, "keep")
  })
  default = { size_gib = 100 }

  validation {
    condition     = var.data_volume == null ? true : contains(["keep", "delete"], var.data_volume.on_destroy)
    error_message = "`on_destroy` is `keep` or `delete`."
  }
}

################################################################################
# Brokers
################################################################################

variable "deletion_policy" {
  description = "What destroying the broker does while its queues hold messages: `if_empty` fails at plan, `force` loses them"
  type        = string
  default     = "if_empty"
}

variable "vhosts" {
  description = "Virtual hosts beside `/`. The key is the name unless `name` is set"
  type = map(object({
    name            = optional(string)
    description     = optional(string, "")
    deletion_policy = optional(string, "if_empty")
  }))
  default = {}
}

variable "users" {
  description = "Users. The key is the name unless `name` is set. A higher `password_version` writes the password again"
  type = map(object({
    name             = optional(string)
    tags             = optional(set(string), [])
    password_version = optional(number, 1)
  }))
  default = {}
}

variable "user_passwords" {
  description = "Passwords by key of `users`; written to the broker and stored nowhere else. A user without one cannot log in"
  type        = map(string)
  default     = {}
  sensitive   = true
  ephemeral   = true
}

variable "user_permissions" {
  description = "What users may do: `user` is a key of `users`, `vhost` is `/` or a key of `vhosts`; the rest are regular expressions over names, by default matching nothing"
  type = map(object({
    user      = string
    vhost     = optional(string, "/")
    configure = optional(string, "^$")
    write     = optional(string, "^$")
    read      = optional(string, "^$")
  }))
  default = {}
}

variable "exchanges" {
  description = "Exchanges. The key is the name unless `name` is set; `vhost` is `/` or a key of `vhosts`"
  type = map(object({
    name        = optional(string)
    vhost       = optional(string, "/")
    type        = optional(string, "direct")
    durable     = optional(bool, true)
    auto_delete = optional(bool, false)
    internal    = optional(bool, false)
  }))
  default = {}
}

variable "queues" {
  description = "Queues. The key is the name unless `name` is set; `vhost` is `/` or a key of `vhosts`"
  type = map(object({
    name            = optional(string)
    vhost           = optional(string, "/")
    durable         = optional(bool, true)
    durability      = optional(string, "fsync")
    auto_delete     = optional(bool, false)
    deletion_policy = optional(string, "if_empty")
  }))
  default = {}
}

variable "bindings" {
  description = "Bindings: `source` is a key of `exchanges`, `destination` a key of `queues`, or of `exchanges` where `destination_type` is `exchange`"
  type = map(object({
    source           = string
    destination      = string
    destination_type = optional(string, "queue")
    routing_key      = optional(string, "")
  }))
  default = {}

  validation {
    condition     = alltrue([for binding in var.bindings : contains(["queue", "exchange"], binding.destination_type)])
    error_message = "`destination_type` is `queue` or `exchange`."
  }
}
