//! Virtual hosts: namespaces with their own exchanges and queues.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock, RwLockReadGuard};

use super::changes::check_expected;
use super::users::check_tags;
use super::{Broker, LiveQueue, Topology, exhausted};
use crate::admin::DeleteIf;
use crate::arguments;
use crate::definitions::{Changed, Expect, LimitsSpec, QueueStats, Stored, VhostSpec};
use crate::journal::Lsn;
use crate::lock::{read, write};
use crate::names;
use crate::records::Change;
use crate::refusal::{Reason, Refusal};

/// All virtual hosts by name.
pub(crate) type Vhosts = BTreeMap<Arc<str>, (Stored<VhostSpec>, Arc<Vhost>)>;

/// One virtual host at work.
#[derive(Debug)]
pub(crate) struct Vhost {
    pub(crate) name: Arc<str>,
    pub(crate) topology: RwLock<Topology>,
    /// What an operator lets it have.
    limits: RwLock<Option<Stored<LimitsSpec>>>,
    /// Nothing may be declared in it any more.
    deleted: AtomicBool,
}

impl Vhost {
    pub(crate) fn new(name: &str, generation: u64) -> Arc<Self> {
        Arc::new(Self {
            name: name.into(),
            topology: RwLock::new(Topology::with_presets(name, generation)),
            limits: RwLock::default(),
            deleted: AtomicBool::new(false),
        })
    }

    /// What an operator lets it have.
    pub(super) fn limits(&self) -> Option<Stored<LimitsSpec>> {
        read(&self.limits).clone()
    }

    pub(super) fn set_limits(&self, limits: Option<Stored<LimitsSpec>>) {
        *write(&self.limits) = limits;
    }

    /// The queue of that name.
    pub(super) fn queue(&self, name: &str) -> Option<Arc<LiveQueue>> {
        read(&self.topology).queue(name).cloned()
    }

    /// Its topology, for a message to be routed and put into queues: while this is held, neither
    /// the virtual host nor a queue of it is deleted. Refused when the virtual host was.
    pub(super) fn open(&self) -> Result<RwLockReadGuard<'_, Topology>, Refusal> {
        let topology = read(&self.topology);
        self.check_alive()?;
        Ok(topology)
    }

    /// Refuses when the virtual host was deleted.
    pub(super) fn check_alive(&self) -> Result<(), Refusal> {
        if self.deleted.load(Ordering::SeqCst) {
            Err(not_found(&self.name))
        } else {
            Ok(())
        }
    }
}

impl Broker {
    /// The virtual host of that name.
    pub(crate) fn vhost(&self, name: &str) -> Result<Arc<Vhost>, Refusal> {
        let vhosts = read(&self.vhosts);
        vhosts
            .get(name)
            .map(|(_, vhost)| Arc::clone(vhost))
            .ok_or_else(|| not_found(name))
    }

    pub(crate) fn vhost_definition(&self, name: &str) -> Result<Stored<VhostSpec>, Refusal> {
        let vhosts = read(&self.vhosts);
        vhosts
            .get(name)
            .map(|(stored, _)| stored.clone())
            .ok_or_else(|| not_found(name))
    }

    pub(crate) fn vhost_definitions(&self) -> Vec<Stored<VhostSpec>> {
        read(&self.vhosts)
            .values()
            .map(|(stored, _)| stored.clone())
            .collect()
    }

    /// Creates or changes a virtual host.
    pub(crate) fn put_vhost(
        &self,
        spec: &VhostSpec,
        expect: Expect,
    ) -> Result<Changed<VhostSpec>, Refusal> {
        names::check("virtual host", &spec.name, &self.limits)?;
        self.check_vhost(spec)?;
        let mut change = self.change();
        let (found, count) = {
            let vhosts = read(&self.vhosts);
            (vhosts.get(spec.name.as_str()).cloned(), vhosts.len())
        };
        let stored = found.as_ref().map(|(stored, _)| stored);
        check_expected(expect, stored, || thing(&spec.name))?;
        if let Some(stored) = stored.filter(|stored| stored.value == *spec) {
            return Ok(Changed {
                object: stored.clone(),
                lsn: self.last_change(),
            });
        }
        if found.is_none() && count >= self.limits.vhosts {
            return Err(exhausted("virtual hosts", self.limits.vhosts));
        }
        let object = Stored {
            value: spec.clone(),
            generation: change.next_id()?,
        };
        let lsn = change.put(&Change::VhostPut(object.clone()))?;
        let vhost = match found {
            Some((_, vhost)) => vhost,
            None => Vhost::new(&spec.name, object.generation),
        };
        write(&self.vhosts).insert(Arc::clone(&vhost.name), (object.clone(), vhost));
        Ok(Changed { object, lsn })
    }

    fn check_vhost(&self, spec: &VhostSpec) -> Result<(), Refusal> {
        check_tags(&spec.tags, self)?;
        match &spec.default_queue_type {
            Some(kind) if !arguments::QUEUE_TYPES.contains(&&**kind) => {
                let offered = arguments::QUEUE_TYPES.join(", ");
                let text =
                    format!("default_queue_type '{kind}' is not offered; there are {offered}");
                Err(Refusal::new(Reason::Invalid, text).at("default_queue_type"))
            }
            _ => Ok(()),
        }
    }

    /// Deletes a virtual host with all in it and closes its connections. The condition is checked
    /// and the deletion journaled in one step under the topology's lock, so no message can slip in
    /// between.
    pub(crate) fn delete_vhost(
        &self,
        name: &str,
        expect: Expect,
        only_if: DeleteIf,
    ) -> Result<Lsn, Refusal> {
        let mut change = self.change();
        let (stored, vhost) = read(&self.vhosts)
            .get(name)
            .cloned()
            .ok_or_else(|| not_found(name))?;
        check_expected(expect, Some(&stored), || thing(name))?;
        if stored.value.protected {
            let text = format!("{} is protected from deletion", thing(name));
            return Err(Refusal::new(Reason::InUse, text).at("deletion_protection"));
        }
        let mut topology = write(&vhost.topology);
        if only_if.empty {
            check_empty(name, &topology)?;
        }
        let lsn = change.delete(&Change::VhostDeleted {
            name: name.to_owned(),
        })?;
        vhost.deleted.store(true, Ordering::SeqCst);
        let gone = std::mem::take(&mut *topology);
        drop(topology);
        write(&self.users).values_mut().for_each(|user| {
            user.leave(name);
        });
        self.access_epoch.fetch_add(1, Ordering::SeqCst);
        write(&self.vhosts).remove(name);
        drop(change);
        for queue in gone.holders() {
            queue.end(self);
        }
        self.close_connections(
            &format!("virtual host '{name}' was deleted"),
            |connection| Arc::ptr_eq(&connection.vhost, &vhost),
        );
        Ok(lsn)
    }
}

/// Refuses when a queue holds messages. Nobody can put more into one while the topology is locked.
fn check_empty(name: &str, topology: &Topology) -> Result<(), Refusal> {
    let (mut holding, mut all, mut messages) = (0, 0, 0);
    let asked_for = |queue: &&Arc<LiveQueue>| !queue.takes_replies();
    for queue in topology.holders().filter(asked_for) {
        let QueueStats {
            ready, unsettled, ..
        } = queue.stats();
        messages += ready + unsettled;
        all += 1;
        holding += u64::from(ready + unsettled > 0);
    }
    if messages == 0 {
        return Ok(());
    }
    let text = format!(
        "{} is not empty: {holding} of its {all} queues hold {messages} messages",
        thing(name)
    );
    Err(Refusal::new(Reason::NotEmpty, text))
}

fn thing(name: &str) -> String {
    format!("virtual host '{name}'")
}

fn not_found(name: &str) -> Refusal {
    Refusal::new(
        Reason::NotFound,
        format!("virtual host '{name}' does not exist"),
    )
}
