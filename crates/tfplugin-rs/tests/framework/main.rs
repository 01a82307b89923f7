//! The framework under the real Terraform: the example provider from nothing to destruction.

mod lifecycle;
mod terraform;
