//! Who may log in and what they may do.

mod cache;
mod password;
mod permission;
mod remembered;
mod users;

pub(crate) use cache::AccessCache;
pub(crate) use password::fake_hash;
pub use password::{PasswordHash, hash_password};
pub(crate) use permission::{Action, DEFAULT_EXCHANGE, compile};
pub(crate) use remembered::Remembered;
pub(crate) use users::{Granted, User, Users};
