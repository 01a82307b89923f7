//! What one connection knows of its permissions: looked up once, answered from memory until any
//! permission of the broker changes.

use std::collections::HashMap;
use std::sync::Arc;

use super::permission::{Action, Permission};
use super::topic::TopicPermission;

/// What a connection may do.
#[derive(Debug, Default)]
pub(crate) struct Rights {
    pub(crate) permission: Option<Arc<Permission>>,
    /// By exchange; none for one whose expressions do not compile with the connection's names.
    pub(crate) topics: HashMap<String, Option<TopicPermission>>,
}

/// A connection's memory of its permissions and of the latest answers.
#[derive(Debug, Default)]
pub(crate) struct AccessCache {
    epoch: u64,
    rights: Rights,
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
        look_up: impl FnOnce() -> Rights,
    ) -> bool {
        self.renew(epoch, look_up);
        let known = |entry: &&(Action, Box<str>, bool)| entry.0 == action && &*entry.1 == resource;
        if let Some((_, _, allowed)) = self.recent.iter().find(known) {
            return *allowed;
        }
        let permission = self.rights.permission.as_ref();
        let allowed = permission.is_some_and(|permission| permission.allows(action, resource));
        let entry = (action, resource.into(), allowed);
        if self.recent.len() < RECENT {
            self.recent.push(entry);
        } else {
            self.recent[self.next] = entry;
            self.next = (self.next + 1) % RECENT;
        }
        allowed
    }

    /// Whether a routing key may be published or bound with at a topic exchange.
    pub(crate) fn allows_key(
        &mut self,
        action: Action,
        exchange: &str,
        key: &str,
        epoch: u64,
        look_up: impl FnOnce() -> Rights,
    ) -> bool {
        self.renew(epoch, look_up);
        match self.rights.topics.get(exchange) {
            None => true,
            Some(topic) => topic.as_ref().is_some_and(|it| it.allows(action, key)),
        }
    }

    fn renew(&mut self, epoch: u64, look_up: impl FnOnce() -> Rights) {
        if self.epoch != epoch {
            *self = Self {
                epoch,
                rights: look_up(),
                recent: Vec::new(),
                next: 0,
            };
        }
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
            Rights {
                permission: Some(Arc::new(compile(&spec, 64).unwrap())),
                ..Rights::default()
            }
        };
        let mut cache = AccessCache::default();
        assert!(cache.allows(Action::Write, "a", 1, || permission("a")));
        assert!(cache.allows(Action::Write, "a", 1, || unreachable!("it is remembered")));
        assert!(!cache.allows(Action::Read, "a", 1, || unreachable!("it is remembered")));
        for round in 0..3 * RECENT {
            assert!(!cache.allows(Action::Write, &format!("b{round}"), 1, Rights::default));
        }
        assert!(cache.allows(Action::Write, "a", 1, Rights::default));
        assert!(!cache.allows(Action::Write, "a", 2, || permission("b")));
        assert!(
            !cache.allows(Action::Write, "b", 3, Rights::default),
            "the user is gone"
        );
    }
}
