//! Who may log in and what they may do.

mod cache;
mod password;
mod permission;
mod remembered;
mod topic;
mod users;

pub(crate) use cache::{AccessCache, Rights};
pub(crate) use password::fake_hash;
pub use password::{PasswordHash, hash_password};
pub(crate) use permission::{Action, DEFAULT_EXCHANGE, compile};
pub(crate) use remembered::Remembered;
pub(crate) use topic::{TopicPermission, Variables, check_topic};
pub(crate) use users::{Granted, User, Users};
