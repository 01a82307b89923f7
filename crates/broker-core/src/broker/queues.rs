//! Queues: declaring and deleting.

use std::sync::Arc;

use super::changes::check_expected;
use super::exchanges::exchanges_deleted;
use super::topology::Removal;
use super::{Broker, LiveQueue, Vhost, exhausted};
use crate::admin::DeleteIf;
use crate::arguments;
use crate::call::{ConnectionId, QueueId};
use crate::definitions::{Expect, QueueSpec, QueueStats, Stored};
use crate::journal::Lsn;
use crate::lock::{lock, read, write};
use crate::names;
use crate::queue::DeleteError;
use crate::records::Change;
use crate::refusal::{Reason, Refusal};
use crate::value::Value;

/// Which queue a deletion means.
#[derive(Debug, Clone, Copy)]
pub(super) enum DeleteTarget<'a> {
    /// Whatever has the name.
    Named(&'a str),
    /// This one and not a later one of the same name.
    This(&'a Arc<LiveQueue>),
    /// This one, if nobody has used it for as long as it may be unused.
    Abandoned(&'a Arc<LiveQueue>),
}

pub(super) fn no_queue(name: &str, vhost: &str) -> Refusal {
    Refusal::new(
        Reason::NotFound,
        format!("no queue '{name}' in vhost '{vhost}'"),
    )
}

pub(super) fn thing(name: &str, vhost: &str) -> String {
    format!("queue '{name}' in vhost '{vhost}'")
}

impl Broker {
    pub(crate) fn queue(&self, vhost: &Vhost, name: &str) -> Result<Arc<LiveQueue>, Refusal> {
        vhost.queue(name).ok_or_else(|| no_queue(name, &vhost.name))
    }

    /// Creates a queue, or checks that the one there is the same. `owner` is the connection that
    /// asks; an exclusive queue becomes its own.
    pub(crate) fn put_queue(
        &self,
        vhost: &Arc<Vhost>,
        mut spec: QueueSpec,
        owner: Option<ConnectionId>,
        expect: Expect,
    ) -> Result<(Arc<LiveQueue>, Lsn), Refusal> {
        self.say_type(vhost, &mut spec);
        arguments::normalize_queue(&mut spec.arguments, spec.durable && !spec.exclusive);
        if let Some(queue) = existing_queue(vhost, &spec, owner, expect)? {
            queue.touch(self);
            return Ok((queue, self.last_change()));
        }
        self.check_queue(&spec)?;
        let mut change = self.change();
        vhost.check_alive()?;
        if let Some(queue) = existing_queue(vhost, &spec, owner, expect)? {
            return Ok((queue, self.last_change()));
        }
        if read(&vhost.topology).queues().len() >= self.limits.queues_per_vhost {
            return Err(exhausted("queues", self.limits.queues_per_vhost));
        }
        self.check_queues(vhost, &spec.name)?;
        let owner = owner.filter(|_| spec.exclusive);
        let definition = Stored {
            value: spec,
            generation: change.next_id()?,
        };
        let id = QueueId(definition.generation);
        let standing = read(&vhost.topology).standing(definition.clone());
        let queue = Arc::new(LiveQueue::new(id, standing, owner, self.account));
        let lsn = if queue.is_durable() {
            change.put(&Change::QueuePut(definition))?
        } else {
            self.last_change()
        };
        write(&vhost.topology).insert_queue(Arc::clone(&queue));
        queue.touch(self);
        Ok((queue, lsn))
    }

    /// Gives a queue whose declaration does not say its type the virtual host's default, if it can be
    /// of that type. One that is there already is what it is, whatever the default was then.
    fn say_type(&self, vhost: &Vhost, spec: &mut QueueSpec) {
        if spec.arguments.contains_key(arguments::QUEUE_TYPE) {
            return;
        }
        let Ok(definition) = self.vhost_definition(&vhost.name) else {
            return;
        };
        let Some(default) = definition.value.default_queue_type else {
            return;
        };
        let there = vhost.queue(&spec.name).map(|queue| queue.definition());
        let kind = match there {
            Some(there) => there.value.arguments.get(arguments::QUEUE_TYPE).cloned(),
            None if spec.durable && !spec.exclusive && !spec.auto_delete => {
                Some(Value::Text(default))
            }
            None => None,
        };
        if let Some(kind) = kind {
            let argument = arguments::QUEUE_TYPE.to_owned();
            spec.arguments.insert(argument, kind);
        }
    }

    /// Checks what a queue is declared with, whatever there is already.
    pub(crate) fn check_queue(&self, spec: &QueueSpec) -> Result<(), Refusal> {
        names::check("queue", &spec.name, &self.limits)?;
        let thing = thing(&spec.name, &spec.vhost);
        let shape = arguments::Shape {
            durable: spec.durable,
            exclusive: spec.exclusive,
            auto_delete: spec.auto_delete,
        };
        arguments::check_queue(&spec.arguments, shape, &thing, &self.limits)
    }

    /// Deletes a queue with its bindings and messages. The conditions are checked, the deletion
    /// journaled and the queue ended in one step under its lock, so no message can slip in between;
    /// and under that of the topology, so none is on its way from there to the queue.
    pub(super) fn delete_queue(
        &self,
        vhost: &Arc<Vhost>,
        target: DeleteTarget<'_>,
        expect: Expect,
        only_if: DeleteIf,
    ) -> Result<(QueueStats, Lsn), Refusal> {
        // What has died in it goes on.
        self.bury();
        let mut change = self.change();
        let (name, this) = match target {
            DeleteTarget::Named(name) => (name, None),
            DeleteTarget::This(this) | DeleteTarget::Abandoned(this) => (&*this.name, Some(this)),
        };
        let queue = vhost
            .queue(name)
            .ok_or_else(|| no_queue(name, &vhost.name))?;
        if this.is_some_and(|this| !Arc::ptr_eq(this, &queue)) {
            return Err(no_queue(name, &vhost.name));
        }
        check_expected(expect, Some(&queue.definition()), || {
            thing(name, &vhost.name)
        })?;
        let mut topology = write(&vhost.topology);
        let removal = Removal::Queue(name);
        let itself = queue.is_durable().then(|| Change::QueueDeleted {
            vhost: vhost.name.to_string(),
            name: name.to_owned(),
            id: queue.id,
        });
        let records = itself
            .into_iter()
            .chain(exchanges_deleted(&topology, removal))
            .collect();
        let refuse = |error| refuse_delete(error, name, &vhost.name);
        let (deleted, _) = queue.run(self, |state, at, out| {
            if matches!(target, DeleteTarget::Abandoned(_)) && !state.is_abandoned(at.now) {
                return Err(refuse(DeleteError::InUse(state.stats())));
            }
            let stats = state
                .check_delete(only_if.unused, only_if.empty)
                .map_err(refuse)?;
            let lsn = change.delete_together(records)?;
            state.end(out);
            Ok((stats, lsn))
        });
        if deleted.is_ok() {
            self.queue_gone(&queue);
            let gone = topology.remove(removal);
            self.end_delays(&gone);
        }
        deleted
    }

    /// Deletes a queue that nobody can use any more. A disk too full to take note of that puts it
    /// off, not away.
    pub(super) fn delete_abandoned(
        &self,
        vhost: &Arc<Vhost>,
        queue: &Arc<LiveQueue>,
        only_if: DeleteIf,
    ) {
        let target = DeleteTarget::This(queue);
        match self.delete_queue(vhost, target, Expect::Any, only_if) {
            Err(refusal) if refusal.reason == Reason::ResourceExhausted => {
                lock(&self.abandoned).push((Arc::clone(vhost), Arc::clone(queue), only_if));
                self.journal.recall();
            }
            // Refused if a consumer came meanwhile, or somebody else deleted it: right both times.
            Ok(_) | Err(_) => {}
        }
    }

    /// Deletes what could not be deleted before, if the journal may have room for that now.
    pub(super) fn delete_put_off(&self) {
        if !self.journal.is_stuck() {
            let abandoned = std::mem::take(&mut *lock(&self.abandoned));
            for (vhost, queue, only_if) in abandoned {
                self.delete_abandoned(&vhost, &queue, only_if);
            }
        }
    }

    /// Deletes the queue of that name.
    pub(crate) fn delete_queue_named(
        &self,
        vhost: &Arc<Vhost>,
        name: &str,
        expect: Expect,
        only_if: DeleteIf,
    ) -> Result<(QueueStats, Lsn), Refusal> {
        self.delete_queue(vhost, DeleteTarget::Named(name), expect, only_if)
    }

    /// Forgets the queue's ready messages and says how many.
    pub(crate) fn purge(&self, queue: &Arc<LiveQueue>) -> Result<(u32, Lsn), Refusal> {
        if queue.is_stream() {
            let thing = thing(&queue.name, &queue.vhost);
            let text = format!("queue.purge not supported by stream queues {thing}");
            return Err(Refusal::new(Reason::NotImplemented, text));
        }
        let purged = queue.run(self, |state, _, out| state.purge(out));
        self.journal.hurry();
        Ok(purged)
    }

    /// The queue's last consumer went: an auto-delete queue goes too, unless somebody came.
    pub(super) fn delete_unused(&self, vhost: &Arc<Vhost>, queue: &Arc<LiveQueue>) {
        if queue.takes_replies() {
            return self.end_replies(vhost, queue);
        }
        if queue.auto_delete {
            let only_if = DeleteIf {
                unused: true,
                empty: false,
            };
            self.delete_abandoned(vhost, queue, only_if);
        }
    }
}

/// The queue of the declaration's name, if there is one and it is what the caller declares.
fn existing_queue(
    vhost: &Vhost,
    spec: &QueueSpec,
    owner: Option<ConnectionId>,
    expect: Expect,
) -> Result<Option<Arc<LiveQueue>>, Refusal> {
    let found = vhost.queue(&spec.name);
    let standing = found.as_deref().map(LiveQueue::standing);
    let definition = standing.as_deref().map(|standing| &standing.definition);
    check_expected(expect, definition, || thing(&spec.name, &vhost.name))?;
    let (Some(queue), Some(definition)) = (&found, definition) else {
        return Ok(None);
    };
    if owner.is_some() {
        check_owner(queue, owner)?;
    }
    check_equivalent(spec, &definition.value)?;
    Ok(found)
}

/// Refuses the use of another connection's exclusive queue.
pub(super) fn check_owner(
    queue: &LiveQueue,
    connection: Option<ConnectionId>,
) -> Result<(), Refusal> {
    if queue.owner.is_none() || queue.owner == connection {
        return Ok(());
    }
    Err(locked(&queue.name, &queue.vhost))
}

/// The words clients know from RabbitMQ.
fn locked(name: &str, vhost: &str) -> Refusal {
    let text = format!(
        "cannot obtain exclusive access to locked {}. It could be originally declared on another \
         connection or the exclusive property value does not match that of the original \
         declaration.",
        thing(name, vhost)
    );
    Refusal::new(Reason::Locked, text)
}

/// Refuses a declaration that differs from what is there, naming the first difference.
pub(super) fn check_equivalent(received: &QueueSpec, current: &QueueSpec) -> Result<(), Refusal> {
    let thing = || thing(&current.name, &current.vhost);
    if received.exclusive != current.exclusive {
        return Err(locked(&current.name, &current.vhost).at("exclusive"));
    }
    for (property, received, current) in [
        ("durable", received.durable, current.durable),
        ("auto_delete", received.auto_delete, current.auto_delete),
    ] {
        if received != current {
            return Err(arguments::inequivalent(
                property,
                &thing(),
                received,
                current,
            ));
        }
    }
    arguments::check_equal(&received.arguments, &current.arguments, thing)
}

fn refuse_delete(error: DeleteError, name: &str, vhost: &str) -> Refusal {
    let thing = thing(name, vhost);
    match error {
        DeleteError::Deleted => no_queue(name, vhost),
        DeleteError::InUse(QueueStats { consumers, .. }) => {
            Refusal::new(Reason::InUse, format!("{thing} has consumers: {consumers}"))
        }
        DeleteError::NotEmpty(QueueStats {
            ready, unsettled, ..
        }) => Refusal::new(
            Reason::NotEmpty,
            format!(
                "{thing} is not empty: it holds {} messages ({ready} ready, {unsettled} unsettled)",
                ready + unsettled
            ),
        ),
    }
}
