terraform {
  required_version = ">= 1.11"

  required_providers {
    ferrymq = {
      source  = "ferrymq/ferrymq"
      version = ">= 0.1"
    }
  }
}
