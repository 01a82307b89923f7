variable "regions" {
  description = "By region: the subnet of its host, who may reach it, its image (null: Amazon Linux), and where it reaches the authority."
  type = map(object({
    subnet_id          = string
    authority          = string
    security_group_ids = optional(set(string))
    ami                = optional(string)
  }))
}

variable "agent_package" {
  description = "The package that hosts install, and its SHA-256."
  type = object({
    url    = string
    sha256 = string
  })
}

variable "instance_profile" {
  description = "Instance profile by whose role the authority knows the hosts."
  type        = string
  default     = "ferrymq-host"
}

variable "instance_type" {
  description = "Type of the hosts."
  type        = string
  default     = "m7g.large"
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
