variable "name" {
  description = "Name of network, role, host and broker."
  type        = string
  default     = "shop"
}

variable "region" {
  description = "Region of it all."
  type        = string
}

variable "cidr" {
  description = "Addresses of the network."
  type        = string
  default     = "10.20.0.0/16"
}

variable "agent_sources" {
  description = "Addresses from which Terraform runs."
  type        = set(string)
}

variable "client_sources" {
  description = "Addresses of the brokers' clients."
  type        = set(string)
}

variable "instance_type" {
  description = "Type of the host."
  type        = string
  default     = "m7g.large"
}

variable "ami" {
  description = "Image of the host; null: the newest Amazon Linux."
  type        = string
  default     = null
}

variable "agent_package" {
  description = "The package that the host installs, and its SHA-256."
  type = object({
    url    = string
    sha256 = string
  })
}

variable "authority" {
  description = "Where the host reaches the authority that certifies it, `host:port`."
  type        = string
}

variable "credentials" {
  description = "Directory with `ca.pem`, `client.pem` and `client-key.pem`: what `broker-agent init` leaves in `admin/`."
  type        = string
  default     = "admin"
}

variable "app_password" {
  description = "Password of the user `app`."
  type        = string
  sensitive   = true
  ephemeral   = true
}
