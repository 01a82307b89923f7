//! The users of one broker and what each may do where.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::permission::Permission;
use crate::definitions::{PermissionSpec, Stored, UserSpec};

/// All users by name.
pub(crate) type Users = BTreeMap<Arc<str>, User>;

/// One user.
#[derive(Debug)]
pub(crate) struct User {
    pub(crate) definition: Stored<UserSpec>,
    /// By virtual host.
    pub(crate) permissions: BTreeMap<String, Granted>,
}

/// A permission and its compiled form.
#[derive(Debug, Clone)]
pub(crate) struct Granted {
    pub(crate) definition: Stored<PermissionSpec>,
    pub(crate) compiled: Arc<Permission>,
}

impl User {
    pub(crate) fn new(definition: Stored<UserSpec>) -> Self {
        Self {
            definition,
            permissions: BTreeMap::new(),
        }
    }
}
