variable "create" {
  description = "Whether to create anything at all"
  type        = bool
  default     = true
}

variable "name" {
  description = "Name of the host, unique among the hosts of the region"
  type        = string
}

variable "region" {
  description = "Region. Without it: the provider's"
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of the host, its volumes, and its role"
  type        = map(string)
  default     = {}
}

################################################################################
# Host
################################################################################

variable "instance_type" {
  description = "Type of the instance; a change stops it and starts it again"
  type        = string
  default     = "m7g.large"
}

variable "ami" {
  description = "Id of the image. Without it: the newest Amazon Linux when the host is made"
  type        = string
  default     = null
}

variable "subnet_id" {
  description = "Subnet of the host"
  type        = string
}

variable "security_group_ids" {
  description = "Security groups of the host"
  type        = set(string)
}

variable "private_ip" {
  description = "Address within the subnet. Without it: AWS's choice"
  type        = string
  default     = null
}

variable "key_name" {
  description = "Key pair for logging in"
  type        = string
  default     = null
}

variable "agent_package" {
  description = "The package that the host installs at its first boot, and its SHA-256. Without it: the image has the agent in it"
  type = object({
    url    = string
    sha256 = string
  })
  default = null
}

variable "authority" {
  description = "Where the host reaches the authority that certifies its agent, `host:port`"
  type        = string
  default     = null
}

variable "user_data_extra" {
  description = "Shell commands that run at the first boot, before the agent starts; no place for secrets"
  type        = string
  default     = null
}

variable "wait_for_agent" {
  description = "Whether the host is made when its agent answers"
  type        = bool
  default     = true
}

variable "termination_protection" {
  description = "Whether nobody can terminate it, Terraform included"
  type        = bool
  default     = false
}

variable "timeouts" {
  description = "How long the instance and its agent may take"
  type = object({
    create = optional(string)
    update = optional(string)
    delete = optional(string)
  })
  default = null
}

################################################################################
# Volumes
################################################################################

variable "root_volume" {
  description = "The volume it boots from. Without it: as the image says"
  type = object({
    size_gib    = optional(number)
    volume_type = optional(string)
    iops        = optional(number)
    throughput  = optional(number)
    kms_key_id  = optional(string)
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
# Role
################################################################################

variable "create_instance_profile" {
  description = "Whether the host gets a role of its own"
  type        = bool
  default     = true
}

variable "instance_profile_name" {
  description = "Name of that role. Without it: the host's"
  type        = string
  default     = null
}

variable "iam_instance_profile" {
  description = "Instance profile of a host without a role of its own"
  type        = string
  default     = null
}

variable "permissions" {
  description = "What the brokers of the host use in AWS; nothing else is allowed"
  type = object({
    dynamodb_key_prefixes  = optional(set(string))
    dynamodb_table_arns    = optional(set(string))
    kms_encryption_context = optional(map(string))
    kms_key_arns           = optional(set(string))
    log_group_arns         = optional(set(string))
    metric_namespaces      = optional(set(string))
    secret_arns            = optional(set(string))
    ssm_parameter_arns     = optional(set(string))
  })
  default = {}
}

variable "policy_arns" {
  description = "Policies that the role has beside its own"
  type        = set(string)
  default     = null
}

variable "permissions_boundary" {
  description = "Policy that says what the role can be allowed at most"
  type        = string
  default     = null
}
