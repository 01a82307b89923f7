//! Drives a provider in process, the way Terraform does.
