//! Limits that an operator sets for one user or one virtual host. Refusals have RabbitMQ's words.
//!
//! A limit turns away what comes; what is there when it is set, or comes back after a restart,
//! stays.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::changes::check_expected;
use super::{Broker, Connection, Connections, Vhost};
use crate::definitions::{Changed, Expect, Limited, LimitsSpec, Stored};
use crate::journal::Lsn;
use crate::lock::{read, write};
use crate::records::Change;
use crate::refusal::{Reason, Refusal};

/// One open channel, as its user's limit counts it, until it is dropped.
#[derive(Debug)]
pub struct ChannelSlot(Arc<AtomicU64>);

impl Drop for ChannelSlot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Broker {
    /// The limits of a user or virtual host.
    pub(crate) fn own_limits(&self, of: &Limited) -> Result<Stored<LimitsSpec>, Refusal> {
        self.find_limits(of)?.ok_or_else(|| no_limits(of))
    }

    /// All limits that were set, those of users first.
    pub(crate) fn own_limits_list(&self) -> Vec<Stored<LimitsSpec>> {
        let mut all: Vec<_> = read(&self.users)
            .values()
            .filter_map(|user| user.limits.clone())
            .collect();
        let vhosts = self.all_vhosts();
        all.extend(vhosts.iter().filter_map(|vhost| vhost.limits()));
        all
    }

    /// Sets the limits of a user or virtual host.
    pub(crate) fn put_limits(
        &self,
        spec: &LimitsSpec,
        expect: Expect,
    ) -> Result<Changed<LimitsSpec>, Refusal> {
        check(spec)?;
        let mut change = self.change();
        let found = self.find_limits(&spec.of)?;
        check_expected(expect, found.as_ref(), || thing(&spec.of))?;
        if let Some(object) = found.filter(|stored| stored.value == *spec) {
            let lsn = self.last_change();
            return Ok(Changed { object, lsn });
        }
        let object = Stored {
            value: spec.clone(),
            generation: change.next_id()?,
        };
        let lsn = change.put(&Change::LimitsPut(object.clone()))?;
        self.set_limits(&spec.of, Some(object.clone()));
        Ok(Changed { object, lsn })
    }

    /// Takes the limits of a user or virtual host away.
    pub(crate) fn delete_limits(&self, of: &Limited, expect: Expect) -> Result<Lsn, Refusal> {
        let mut change = self.change();
        let stored = self.own_limits(of)?;
        check_expected(expect, Some(&stored), || thing(of))?;
        let lsn = change.delete(&Change::LimitsDeleted(of.clone()))?;
        self.set_limits(of, None);
        Ok(lsn)
    }

    fn find_limits(&self, of: &Limited) -> Result<Option<Stored<LimitsSpec>>, Refusal> {
        match of {
            Limited::User(name) => {
                self.user(name)?;
                let users = read(&self.users);
                Ok(users
                    .get(name.as_str())
                    .and_then(|user| user.limits.clone()))
            }
            Limited::Vhost(name) => Ok(self.vhost(name)?.limits()),
        }
    }

    fn set_limits(&self, of: &Limited, limits: Option<Stored<LimitsSpec>>) {
        match of {
            Limited::User(name) => {
                if let Some(user) = write(&self.users).get_mut(name.as_str()) {
                    user.limits = limits;
                }
            }
            Limited::Vhost(name) => {
                if let Ok(vhost) = self.vhost(name) {
                    vhost.set_limits(limits);
                }
            }
        }
    }

    /// Refuses one more connection of the user to the virtual host where a limit is reached.
    pub(super) fn check_connections(
        &self,
        attached: &Connections,
        username: &str,
        vhost: &Arc<Vhost>,
    ) -> Result<(), Refusal> {
        let count = |counts: &dyn Fn(&Connection) -> bool| {
            let all = attached.attached.values();
            all.filter(|connection| counts(connection)).count() as u64
        };
        let of_vhost = vhost.limits().and_then(|it| it.value.max_connections);
        if let Some(most) = of_vhost
            && count(&|connection| Arc::ptr_eq(&connection.vhost, vhost)) >= most
        {
            let name = &vhost.name;
            let text = format!(
                "access to vhost '{name}' refused for user '{username}': connection limit \
                 ({most}) is reached"
            );
            return Err(Refusal::new(Reason::ResourceExhausted, text));
        }
        let of_user = self.user_limit(username, |limits| limits.max_connections);
        if let Some(most) = of_user
            && count(&|connection| *connection.username == *username) >= most
        {
            let text = format!(
                "connection refused for user '{username}': user connection limit ({most}) is \
                 reached"
            );
            return Err(Refusal::new(Reason::ResourceExhausted, text));
        }
        Ok(())
    }

    /// Refuses one more queue where the virtual host's limit is reached.
    pub(super) fn check_queues(&self, vhost: &Vhost, name: &str) -> Result<(), Refusal> {
        let limit = vhost.limits().and_then(|it| it.value.max_queues);
        let count = read(&vhost.topology).queues().len() as u64;
        match limit {
            Some(most) if count >= most => {
                let text = format!(
                    "cannot declare queue '{name}': queue limit in vhost '{}' ({most}) is reached",
                    vhost.name
                );
                Err(Refusal::new(Reason::ResourceExhausted, text))
            }
            _ => Ok(()),
        }
    }

    /// A place for one more channel of the user. A user who is gone has none to count.
    pub(super) fn open_channel(&self, username: &str) -> Result<ChannelSlot, Refusal> {
        let channels = {
            let users = read(&self.users);
            users.get(username).map(|user| Arc::clone(&user.channels))
        };
        let channels = channels.unwrap_or_default();
        let limit = self.user_limit(username, |limits| limits.max_channels);
        let slot = ChannelSlot(Arc::clone(&channels));
        let before = channels.fetch_add(1, Ordering::SeqCst);
        match limit {
            Some(most) if before >= most => {
                let text = format!(
                    "number of channels opened for user '{username}' has reached the maximum \
                     allowed user limit of ({most})"
                );
                Err(Refusal::new(Reason::ResourceExhausted, text))
            }
            _ => Ok(slot),
        }
    }

    fn user_limit(
        &self,
        username: &str,
        limit: impl Fn(&LimitsSpec) -> Option<u64>,
    ) -> Option<u64> {
        let users = read(&self.users);
        limit(&users.get(username)?.limits.as_ref()?.value)
    }
}

fn check(spec: &LimitsSpec) -> Result<(), Refusal> {
    let invalid = |text: &str, property: &str| {
        Err(Refusal::new(Reason::Invalid, text).at(property.to_owned()))
    };
    match spec.of {
        Limited::User(_) if spec.max_queues.is_some() => {
            invalid("queues are limited by virtual host", "max_queues")
        }
        Limited::Vhost(_) if spec.max_channels.is_some() => {
            invalid("channels are limited by user", "max_channels")
        }
        _ if [spec.max_connections, spec.max_channels, spec.max_queues] == [None; 3] => {
            invalid("no limit is set", "max_connections")
        }
        _ => Ok(()),
    }
}

fn thing(of: &Limited) -> String {
    match of {
        Limited::User(name) => format!("limits of user '{name}'"),
        Limited::Vhost(name) => format!("limits of vhost '{name}'"),
    }
}

fn no_limits(of: &Limited) -> Refusal {
    Refusal::new(Reason::NotFound, format!("there are no {}", thing(of)))
}
