variable "agents" {
  description = "The two agents that are to host the broker, each as `host:port`."
  type        = list(string)
  default     = ["localhost:7443", "localhost:7543"]
}

variable "replication_addresses" {
  description = "Where the two reach each other, each as `host:port`."
  type        = list(string)
  default     = ["localhost:7444", "localhost:7544"]
}

variable "credentials" {
  description = "Directory with `ca.pem`, `client.pem` and `client-key.pem`: what `broker-agent init` leaves in `admin/`."
  type        = string
  default     = "admin"
}

variable "store" {
  description = "Directory in which the nodes agree who serves; an absolute path."
  type        = string
}

variable "amqp_port" {
  description = "Port the broker listens on, over TLS."
  type        = number
  default     = 5671
}

variable "preferred_active" {
  description = "Node that should serve: `north` or `south`. Null for whichever does."
  type        = string
  default     = null
}

variable "app_password" {
  description = "Password of the user `app`."
  type        = string
  sensitive   = true
  ephemeral   = true
}
