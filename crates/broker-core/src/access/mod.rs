//! Who may log in and what they may do.

mod password;
mod permission;

pub use password::{PasswordHash, hash_password};
pub(crate) use password::{fake_hash, verify};
pub(crate) use permission::{Action, Permission, compile};
