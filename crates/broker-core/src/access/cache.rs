//! What one connection knows of its permissions: looked up once, answered from memory until any
//! permission of the broker changes.

use std::sync::Arc;

use super::permission::{Action, Permission};

/// A connection's memory of its permission and of the latest answers.
#[derive(Debug, Default)]
pub(crate) struct AccessCache {
    epoch: u64,
    permission: Option<Arc<Permission>>,
    /// The latest answers; a publisher asks the same question for every message.
    recent: Vec<(Action, Box<str>, bool)>,
    /// Where the next answer goes once `recent` is full.
    next: usize,
}

/// Answers remembered; looked through one by one.
const RECENT: usize = 8;

impl AccessCache {
    /// Whether the action is allowed. `epoch` is the count of permission changes, never 0; after one
    /// the permission is asked for anew through `look_up`.
    pub(crate) fn allows(
        &mut self,
        action: Action,
        resource: &str,
        epoch: u64,
        look_up: impl FnOnce() -> Option<Arc<Permission>>,
    ) -> bool {
        if self.epoch != epoch {
            *self = Self {
                epoch,
                permission: look_up(),
                recent: Vec::new(),
                next: 0,
            };
        }
        let known = |entry: &&(Action, Box<str>, bool)| entry.0 == action && &*entry.1 == resource;
        if let Some((_, _, allowed)) = self.recent.iter().find(known) {
            return *allowed;
        }
        let allowed = self
            .permission
            .as_ref()
            .is_some_and(|permission| permission.allows(action, resource));
        let entry = (action, resource.into(), allowed);
        if self.recent.len() < RECENT {
            self.recent.push(entry);
        } else {
            self.recent[self.next] = entry;
            self.next = (self.next + 1) % RECENT;
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::compile;
    use crate::definitions::PermissionSpec;

    #[test]
    fn answers_hold_until_the_epoch_changes() {
        let permission = |write: &str| {
            let spec = PermissionSpec {
                user: String::new(),
                vhost: String::new(),
                configure: String::new(),
                write: write.into(),
                read: String::new(),
            };
            Some(Arc::new(compile(&spec, 64).unwrap()))
        };
        let mut cache = AccessCache::default();
        assert!(cache.allows(Action::Write, "a", 1, || permission("a")));
        assert!(cache.allows(Action::Write, "a", 1, || unreachable!("it is remembered")));
        assert!(!cache.allows(Action::Read, "a", 1, || unreachable!("it is remembered")));
        for round in 0..3 * RECENT {
            assert!(!cache.allows(Action::Write, &format!("b{round}"), 1, || None));
        }
        assert!(cache.allows(Action::Write, "a", 1, || None));
        assert!(!cache.allows(Action::Write, "a", 2, || permission("b")));
        assert!(
            !cache.allows(Action::Write, "b", 3, || None),
            "the user is gone"
        );
    }
}
