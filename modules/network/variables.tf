variable "create" {
  description = "Whether to create anything at all"
  type        = bool
  default     = true
}

variable "name" {
  description = "Name of the network, unique in its region"
  type        = string
}

variable "region" {
  description = "Region. Without it: the provider's"
  type        = string
  default     = null
}

variable "cidr" {
  description = "Addresses of the network, 16 to 24 bits of prefix; each subnet gets a sixteenth"
  type        = string
  default     = "10.20.0.0/16"

  validation {
    condition     = can(cidrnetmask(var.cidr))
    error_message = "`cidr` is a range of IPv4 addresses, such as 10.20.0.0/16."
  }
}

variable "tags" {
  description = "Tags of all that belongs to the network"
  type        = map(string)
  default     = {}
}

variable "azs" {
  description = "Names of two or three availability zones. Without it: the first `zone_count` of the region"
  type        = list(string)
  default     = null

  validation {
    condition     = var.azs == null ? true : contains([2, 3], length(var.azs))
    error_message = "`azs` names two or three zones."
  }
}

variable "zone_count" {
  description = "Over how many zones the network is spread, where `azs` names none: 2 or 3"
  type        = number
  default     = 2

  validation {
    condition     = contains([2, 3], var.zone_count)
    error_message = "`zone_count` is 2 or 3."
  }
}

variable "public_subnets" {
  description = "Whether each zone has a public subnet too, with a way to the Internet"
  type        = bool
  default     = false
}

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

variable "client_ports" {
  description = "Ports that the brokers' clients reach"
  type        = set(number)
  default     = [5671]
}

variable "status_sources" {
  description = "Who may reach the status pages: addresses, security groups or prefix lists of monitoring and load balancers"
  type        = set(string)
  default     = []
}

variable "timeouts" {
  description = "How long making, changing and removing the network may take"
  type = object({
    create = optional(string)
    update = optional(string)
    delete = optional(string)
  })
  default = null
}
