variable "agent" {
  description = "The agent that is to host the broker, as `host:port`."
  type        = string
  default     = "localhost:7443"
}

variable "credentials" {
  description = "Directory with `ca.pem`, `client.pem` and `client-key.pem`: what `broker-agent init` leaves in `admin/`."
  type        = string
  default     = "admin"
}

variable "amqp_address" {
  description = "Address the broker listens on."
  type        = string
  default     = "127.0.0.1"
}

variable "amqp_port" {
  description = "Port the broker listens on, over TLS."
  type        = number
  default     = 5671
}

variable "app_password" {
  description = "Password of the user `app`."
  type        = string
  sensitive   = true
  ephemeral   = true
}
