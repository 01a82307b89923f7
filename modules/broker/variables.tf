variable "create" {
  description = "Whether to create anything at all"
  type        = bool
  default     = true
}

################################################################################
# Broker
################################################################################

variable "name" {
  description = "Name of the broker, unique on its agents"
  type        = string
}

variable "nodes" {
  description = "Agents that host the broker, each as `host:port`: one, or the two of a pair"
  type        = list(string)
}

variable "listeners" {
  description = "Where clients connect. Without it: AMQP over TLS on port 5671 of all the host's addresses"
  type = object({
    amqp = object({
      address = optional(string)
      port    = optional(number)
      tls     = optional(bool, true)
    })
  })
  default = null
}

variable "deletion_policy" {
  description = "What destroying the broker does while its queues hold messages: `if_empty` fails at plan, `force` loses them"
  type        = string
  default     = "if_empty"
}

variable "timeouts" {
  description = "How long creating and updating the broker wait for its agents, and for a pair to be in sync"
  type = object({
    create = optional(string)
    update = optional(string)
  })
  default = null
}

################################################################################
# Pair
################################################################################

variable "deployment_mode" {
  description = "`SINGLE_INSTANCE`, or `ACTIVE_STANDBY_MULTI_AZ` for a pair on two `nodes`"
  type        = string
  default     = "SINGLE_INSTANCE"
}

variable "durability" {
  description = "What a pair does while one node is away: `preferred` goes on with the other alone, `strict` confirms nothing"
  type        = string
  default     = "preferred"
}

variable "coordination" {
  description = "Where the nodes of a pair agree who serves: `dynamodb` in AWS, `etcd`, or `file` for a trial on one machine. Keys and passwords go in `coordination_secrets`; a higher `…_version` writes them again"
  type = object({
    dynamodb = optional(object({
      table    = string
      region   = string
      endpoint = optional(string)
    }))
    etcd = optional(object({
      endpoints          = list(string)
      ca_certificate     = optional(string)
      client_certificate = optional(string)
      client_key_version = optional(number)
      username           = optional(string)
      password_version   = optional(number)
    }))
    file = optional(object({
      path = string
    }))
  })
  default = null
}

variable "coordination_secrets" {
  description = "What the agents log in to etcd with; written to them and stored nowhere else"
  type = object({
    client_key = optional(string)
    password   = optional(string)
  })
  default   = {}
  sensitive = true
  ephemeral = true
}

variable "node_names" {
  description = "Names of a pair's nodes, in the order of `nodes`. Without it: their hosts' names"
  type        = list(string)
  default     = null
}

variable "replication_addresses" {
  description = "Where a pair's nodes reach each other, each as `host` or `host:port`. Without it: the hosts of `nodes`"
  type        = list(string)
  default     = null
}

variable "preferred_active" {
  description = "Name of the node of a pair that should be active; changing it switches over"
  type        = string
  default     = null
}

################################################################################
# Access
################################################################################

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

variable "permissions" {
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

################################################################################
# Topology
################################################################################

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

variable "arguments" {
  description = "Optional arguments such as `{ x-queue-type = \"quorum\" }`, by key of `exchanges`, `queues` or `bindings`"
  # Arguments differ from object to object, which the type of a map of objects cannot say.
  type = object({
    exchanges = optional(any, {})
    queues    = optional(any, {})
    bindings  = optional(any, {})
  })
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
