//! The users of one broker and what each may do where.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::permission::Permission;
use crate::definitions::{LimitsSpec, PermissionSpec, Stored, TopicPermissionSpec, UserSpec};

/// All users by name.
pub(crate) type Users = BTreeMap<Arc<str>, User>;

/// One user.
#[derive(Debug)]
pub(crate) struct User {
    pub(crate) definition: Stored<UserSpec>,
    /// By virtual host.
    pub(crate) permissions: BTreeMap<String, Granted>,
    /// By virtual host and exchange.
    pub(crate) topic_permissions: BTreeMap<(String, String), Stored<TopicPermissionSpec>>,
    pub(crate) limits: Option<Stored<LimitsSpec>>,
    /// Channels open now, of all its connections.
    pub(crate) channels: Arc<AtomicU64>,
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
            topic_permissions: BTreeMap::new(),
            limits: None,
            channels: Arc::default(),
        }
    }

    /// Takes away what it may do in a virtual host.
    pub(crate) fn leave(&mut self, vhost: &str) {
        self.permissions.remove(vhost);
        self.topic_permissions
            .retain(|(there, _), _| there != vhost);
    }
}
