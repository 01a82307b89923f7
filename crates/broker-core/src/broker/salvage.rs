//! Getting out of a damaged journal what is still in it: the definitions, and every message that no
//! readable record settles.
//!
//! Nothing is changed and nothing made up. Damage takes away what it hit and no more: a message
//! whose queue's definition is lost comes without the queue's name, and one whose settlement is lost
//! comes although it may have been consumed.

use std::io;

use super::recovery::Recovery;
use crate::account::Account;
use crate::call::{QueueId, Sequence};
use crate::definitions::{
    BindingSpec, ExchangeSpec, LimitsSpec, PermissionSpec, PolicySpec, QueueSpec,
    TopicPermissionSpec, UserSpec, VhostSpec,
};
use crate::journal::{self, Disk, Fault, Keys, Lsn, RecordRef, Skipped};
use crate::lock::read;
use crate::message::Properties;
use crate::records::{self, PublishRecord, read_publish};

/// What a journal still tells.
#[derive(Debug)]
pub struct Salvaged {
    /// What was declared and not deleted.
    pub definitions: Definitions,
    /// Messages shown.
    pub messages: u64,
    /// What could not be read.
    pub skipped: Vec<Skipped>,
}

/// Everything declared in a broker.
#[derive(Debug, Default)]
pub struct Definitions {
    /// Virtual hosts.
    pub vhosts: Vec<VhostSpec>,
    /// Users, with the hashes of their passwords.
    pub users: Vec<UserSpec>,
    /// Permissions.
    pub permissions: Vec<PermissionSpec>,
    /// Exchanges but for those that every virtual host has.
    pub exchanges: Vec<ExchangeSpec>,
    /// Durable queues.
    pub queues: Vec<QueueSpec>,
    /// Bindings.
    pub bindings: Vec<BindingSpec>,
    /// Policies and operator policies.
    pub policies: Vec<PolicySpec>,
    /// Topic permissions.
    pub topic_permissions: Vec<TopicPermissionSpec>,
    /// Limits of users and virtual hosts.
    pub limits: Vec<LimitsSpec>,
}

/// A message in one queue. One that sat in several queues comes once for each.
#[derive(Debug)]
pub struct SalvagedMessage<'a> {
    /// The queue's definition, unless that is lost, or the message waited in a delayed exchange.
    pub queue: Option<&'a QueueSpec>,
    /// The queue's number within the broker.
    pub queue_id: u64,
    /// Its place in the queue.
    pub sequence: u64,
    /// Where it was published.
    pub exchange: &'a str,
    /// By which key.
    pub routing_key: &'a str,
    /// As the publisher's protocol has them.
    pub properties: &'a Properties,
    /// The payload.
    pub body: &'a [u8],
}

/// Why a salvage did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum SalvageError {
    /// The directory cannot be listed.
    #[error("cannot {0}")]
    Disk(#[from] Fault),
    /// Whoever takes the messages failed.
    #[error(transparent)]
    Taker(#[from] io::Error),
}

/// Hands over all messages of the journal on `disk`, queue by queue, each in its order. `keys` decrypt
/// what is encrypted.
///
/// # Errors
/// See [`SalvageError`]. Whatever else is wrong is told in [`Salvaged::skipped`].
pub fn salvage(
    disk: &dyn Disk,
    keys: Option<&Keys>,
    take: &mut dyn FnMut(&SalvagedMessage<'_>) -> io::Result<()>,
) -> Result<Salvaged, SalvageError> {
    let mut recovery = Recovery::new(Account::new(u64::MAX, 1 << 20));
    let mut journal = journal::salvage(disk, keys, &mut recovery)?;
    let definitions = definitions(&recovery);
    let mut messages = 0;
    let mut lost = Vec::new();
    for (id, spec, held) in queues(&mut recovery) {
        for (sequence, record) in held {
            let place = (id, sequence);
            let taken = journal.record(record, |record| hand_over(record, place, &spec, take));
            match taken {
                Some(taken) => {
                    taken?;
                    messages += 1;
                }
                // It was good a moment ago.
                None => lost.push(record),
            }
        }
    }
    journal
        .skipped
        .extend(lost.into_iter().map(|record| Skipped {
            file: "the journal".to_owned(),
            offset: record.0,
            bytes: 0,
            reason: format!(
                "the record at lsn {} cannot be read a second time",
                record.0
            ),
        }));
    Ok(Salvaged {
        definitions,
        messages,
        skipped: journal.skipped,
    })
}

/// A queue's number, its definition, and its messages: places and where their records begin.
type QueueLeft = (QueueId, Option<QueueSpec>, Vec<(Sequence, Lsn)>);

/// The queues with messages, those whose definition is lost last.
fn queues(recovery: &mut Recovery) -> Vec<QueueLeft> {
    let mut specs = Vec::new();
    for (_, vhost) in recovery.vhosts.values() {
        let topology = read(&vhost.topology);
        let queues = topology.queues();
        specs.extend(queues.map(|queue| (queue.id, Some(queue.definition().value))));
    }
    let mut lost: Vec<_> = recovery.contents.keys().copied().collect();
    lost.retain(|id| specs.iter().all(|(known, _)| known != id));
    specs.sort_by_key(|(id, _)| id.0);
    lost.sort_by_key(|id| id.0);
    specs.extend(lost.into_iter().map(|id| (id, None)));
    let left = specs
        .into_iter()
        .filter_map(|(id, spec)| Some((id, spec, recovery.take_places(id)?)));
    left.collect()
}

fn hand_over(
    record: RecordRef<'_>,
    (queue, sequence): (QueueId, Sequence),
    spec: &Option<QueueSpec>,
    take: &mut dyn FnMut(&SalvagedMessage<'_>) -> io::Result<()>,
) -> io::Result<()> {
    debug_assert_eq!(record.kind, records::PUBLISH);
    let PublishRecord {
        exchange,
        routing_key,
        properties,
        body,
        ..
    } = read_publish(record.payload).map_err(io::Error::other)?;
    take(&SalvagedMessage {
        queue: spec.as_ref(),
        queue_id: queue.0,
        sequence: sequence.0,
        exchange,
        routing_key,
        properties: &properties,
        body,
    })
}

fn definitions(recovery: &Recovery) -> Definitions {
    let mut all = Definitions::default();
    for user in recovery.users.values() {
        all.users.push(user.definition.value.clone());
        let granted = user.permissions.values();
        let permissions = granted.map(|granted| granted.definition.value.clone());
        all.permissions.extend(permissions);
        let topics = user.topic_permissions.values();
        all.topic_permissions
            .extend(topics.map(|stored| stored.value.clone()));
        all.limits
            .extend(user.limits.as_ref().map(|stored| stored.value.clone()));
    }
    for (definition, vhost) in recovery.vhosts.values() {
        all.vhosts.push(definition.value.clone());
        all.limits.extend(vhost.limits().map(|stored| stored.value));
        let topology = read(&vhost.topology);
        let queues = topology.queues().map(|queue| queue.definition().value);
        all.queues.extend(queues);
        let exchanges = topology
            .exchanges()
            .map(|exchange| &exchange.definition.value);
        let own = exchanges.filter(|exchange| !super::Topology::is_preset(&exchange.name));
        all.exchanges.extend(own.cloned());
        let bindings = topology.bindings().map(|binding| binding.value.clone());
        all.bindings.extend(bindings);
        for operator in [false, true] {
            let policies = topology.policies.list(operator).iter();
            let policies = policies.map(|policy| policy.definition.value.clone());
            all.policies.extend(policies);
        }
    }
    all.sort();
    all
}

impl Definitions {
    /// Equal definitions come in equal order.
    fn sort(&mut self) {
        let name = |vhost: &str, name: &str| (vhost.to_owned(), name.to_owned());
        self.vhosts.sort_by(|a, b| a.name.cmp(&b.name));
        self.users.sort_by(|a, b| a.name.cmp(&b.name));
        self.permissions
            .sort_by_cached_key(|it| name(&it.user, &it.vhost));
        self.exchanges
            .sort_by_cached_key(|it| name(&it.vhost, &it.name));
        self.queues
            .sort_by_cached_key(|it| name(&it.vhost, &it.name));
        self.topic_permissions
            .sort_by_cached_key(|it| (name(&it.user, &it.vhost), it.exchange.clone()));
        self.limits.sort_by(|a, b| a.of.cmp(&b.of));
        self.policies
            .sort_by_cached_key(|it| (name(&it.vhost, &it.name), it.operator));
        self.bindings.sort_by_cached_key(|it| {
            let ends = (it.destination.clone(), it.routing_key.clone());
            (name(&it.vhost, &it.source), ends)
        });
    }
}
