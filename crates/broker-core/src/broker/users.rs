//! Users and permissions of a broker.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::changes::check_expected;
use super::{Broker, exhausted};
use crate::access::{Granted, User, compile};
use crate::definitions::{
    Changed, Expect, PasswordChange, PermissionSpec, Stored, UserSpec, UserUpdate,
};
use crate::journal::Lsn;
use crate::lock::{read, write};
use crate::names;
use crate::records::Change;
use crate::refusal::{Reason, Refusal};

/// Most tags of one user or virtual host.
const MAX_TAGS: usize = 64;

impl Broker {
    pub(crate) fn user(&self, name: &str) -> Result<Stored<UserSpec>, Refusal> {
        let users = read(&self.users);
        users
            .get(name)
            .map(|user| user.definition.clone())
            .ok_or_else(|| no_user(name))
    }

    pub(crate) fn user_list(&self) -> Vec<Stored<UserSpec>> {
        read(&self.users)
            .values()
            .map(|user| user.definition.clone())
            .collect()
    }

    /// Creates a user or changes the given fields of one.
    pub(crate) fn put_user(
        &self,
        name: &str,
        update: UserUpdate,
        expect: Expect,
    ) -> Result<Changed<UserSpec>, Refusal> {
        names::check("user", name, &self.limits)?;
        if let Some(tags) = &update.tags {
            check_tags(tags, self)?;
        }
        let mut change = self.change();
        let (found, count) = {
            let users = read(&self.users);
            (
                users.get(name).map(|user| user.definition.clone()),
                users.len(),
            )
        };
        check_expected(expect, found.as_ref(), || user_thing(name))?;
        if found.is_none() && count >= self.limits.users {
            return Err(exhausted("users", self.limits.users));
        }
        let value = updated(name, found.as_ref(), update);
        if let Some(stored) = found.filter(|stored| stored.value == value) {
            return Ok(Changed {
                object: stored,
                lsn: self.last_change(),
            });
        }
        let object = Stored {
            value,
            generation: change.next_id()?,
        };
        let lsn = change.put(&Change::UserPut(object.clone()))?;
        write(&self.users)
            .entry(name.into())
            .or_insert_with(|| User::new(object.clone()))
            .definition = object.clone();
        Ok(Changed { object, lsn })
    }

    /// Deletes a user with its permissions and closes its connections.
    pub(crate) fn delete_user(&self, name: &str, expect: Expect) -> Result<Lsn, Refusal> {
        let mut change = self.change();
        let stored = self.user(name)?;
        check_expected(expect, Some(&stored), || user_thing(name))?;
        let lsn = change.delete(&Change::UserDeleted {
            name: name.to_owned(),
        })?;
        write(&self.users).remove(name);
        self.access_epoch.fetch_add(1, Ordering::SeqCst);
        drop(change);
        self.close_connections(&format!("user '{name}' was deleted"), |connection| {
            *connection.username == *name
        });
        Ok(lsn)
    }

    pub(crate) fn permission(
        &self,
        user: &str,
        vhost: &str,
    ) -> Result<Stored<PermissionSpec>, Refusal> {
        let users = read(&self.users);
        users
            .get(user)
            .and_then(|user| user.permissions.get(vhost))
            .map(|granted| granted.definition.clone())
            .ok_or_else(|| no_permission(user, vhost))
    }

    pub(crate) fn permission_list(&self, vhost: Option<&str>) -> Vec<Stored<PermissionSpec>> {
        read(&self.users)
            .values()
            .flat_map(|user| user.permissions.values())
            .filter(|granted| vhost.is_none_or(|vhost| granted.definition.value.vhost == vhost))
            .map(|granted| granted.definition.clone())
            .collect()
    }

    /// Sets a user's permission in a virtual host.
    pub(crate) fn put_permission(
        &self,
        spec: &PermissionSpec,
        expect: Expect,
    ) -> Result<Changed<PermissionSpec>, Refusal> {
        let compiled = Arc::new(compile(spec, self.limits.expression_bytes)?);
        let mut change = self.change();
        self.vhost(&spec.vhost)?;
        let found = {
            let users = read(&self.users);
            let user = users
                .get(spec.user.as_str())
                .ok_or_else(|| no_user(&spec.user))?;
            user.permissions
                .get(&spec.vhost)
                .map(|granted| granted.definition.clone())
        };
        let thing = || permission_thing(&spec.user, &spec.vhost);
        check_expected(expect, found.as_ref(), thing)?;
        if let Some(stored) = found.filter(|stored| stored.value == *spec) {
            return Ok(Changed {
                object: stored,
                lsn: self.last_change(),
            });
        }
        let object = Stored {
            value: spec.clone(),
            generation: change.next_id()?,
        };
        let lsn = change.put(&Change::PermissionPut(object.clone()))?;
        if let Some(user) = write(&self.users).get_mut(spec.user.as_str()) {
            let granted = Granted {
                definition: object.clone(),
                compiled,
            };
            user.permissions.insert(spec.vhost.clone(), granted);
        }
        self.access_epoch.fetch_add(1, Ordering::SeqCst);
        Ok(Changed { object, lsn })
    }

    /// Takes a user's permission in a virtual host away.
    pub(crate) fn delete_permission(
        &self,
        user: &str,
        vhost: &str,
        expect: Expect,
    ) -> Result<Lsn, Refusal> {
        let mut change = self.change();
        let stored = self.permission(user, vhost)?;
        check_expected(expect, Some(&stored), || permission_thing(user, vhost))?;
        let record = Change::PermissionDeleted {
            user: user.to_owned(),
            vhost: vhost.to_owned(),
        };
        let lsn = change.delete(&record)?;
        if let Some(user) = write(&self.users).get_mut(user) {
            user.permissions.remove(vhost);
        }
        self.access_epoch.fetch_add(1, Ordering::SeqCst);
        Ok(lsn)
    }
}

/// The user after the update; a new one starts without password and tags.
fn updated(name: &str, found: Option<&Stored<UserSpec>>, update: UserUpdate) -> UserSpec {
    let mut value = match found {
        Some(stored) => stored.value.clone(),
        None => UserSpec {
            name: name.to_owned(),
            password: None,
            tags: BTreeSet::new(),
        },
    };
    match update.password {
        None => {}
        Some(PasswordChange::Remove) => value.password = None,
        Some(PasswordChange::Set(hash)) => value.password = Some(hash),
    }
    if let Some(tags) = update.tags {
        value.tags = tags;
    }
    value
}

/// Checks the tags of a user or virtual host.
pub(super) fn check_tags(tags: &BTreeSet<String>, broker: &Broker) -> Result<(), Refusal> {
    if tags.len() > MAX_TAGS {
        return Err(exhausted("tags of one user or virtual host", MAX_TAGS).at("tags"));
    }
    tags.iter()
        .try_for_each(|tag| names::check("tag", tag, &broker.limits))
        .map_err(|refusal| refusal.at("tags"))
}

fn user_thing(name: &str) -> String {
    format!("user '{name}'")
}

fn permission_thing(user: &str, vhost: &str) -> String {
    format!("permission of user '{user}' in virtual host '{vhost}'")
}

fn no_user(name: &str) -> Refusal {
    Refusal::new(Reason::NotFound, format!("user '{name}' does not exist"))
}

fn no_permission(user: &str, vhost: &str) -> Refusal {
    let text = format!("user '{user}' has no permission in virtual host '{vhost}'");
    Refusal::new(Reason::NotFound, text)
}
