//! The framework under the real Terraform: the example providers from nothing to destruction.

mod lifecycle;
mod nested;
mod terraform;
