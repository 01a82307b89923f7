//! Integration tests of the transport: the generated code, and a real child
//! process driven the way Terraform drives a provider.

mod ending;
mod generated;
mod identity;
mod security;
mod start;
mod terraform;
mod work;
