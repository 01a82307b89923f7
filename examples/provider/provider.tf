terraform {
  required_version = ">= 1.11"

  required_providers {
    ferrymq = {
      source  = "ferrymq/ferrymq"
      version = ">= 0.1"
    }
  }
}

# Credentials for agents: what `broker-agent init` leaves in `admin/`. Each is a path or the PEM
# itself. FERRYMQ_CA_CERTIFICATE, FERRYMQ_CLIENT_CERTIFICATE and FERRYMQ_CLIENT_KEY stand in for
# those that are not set.
#
# No address here: every broker names its agents and every queue names its broker, so that all of it
# comes up in one apply.
provider "ferrymq" {
  ca_certificate     = "admin/ca.pem"
  client_certificate = "admin/client.pem"
  client_key         = "admin/client-key.pem"
}
