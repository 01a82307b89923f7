//! What management uses: definitions of every kind, each with get, list, put and delete.

use std::sync::Arc;

use crate::broker::{Broker, LiveQueue, no_exchange};
use crate::call::ConnectionId;
use crate::definitions::{
    AppliedPolicies, BindingSpec, Changed, ExchangeSpec, Expect, Limited, LimitsSpec,
    PermissionSpec, PolicySpec, QueueSpec, QueueStatus, Stored, TopicPermissionSpec, UserSpec,
    UserUpdate, VhostSpec,
};
use crate::journal::{Lsn, StoreId};
use crate::lock::{lock, read};
use crate::metrics::BrokerMeasures;
use crate::names;
use crate::outbox::Event;
use crate::refusal::{Reason, Refusal};

/// An operator's view of the broker: no permissions are checked here, the agent has done so.
#[derive(Debug, Clone)]
pub struct Admin {
    broker: Arc<Broker>,
}

/// What a deletion asks for first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DeleteIf {
    /// Refuse while it has consumers (queues) or bindings (exchanges).
    pub unused: bool,
    /// Refuse while it, or a queue of it (virtual hosts), holds messages, ready or unsettled; an
    /// exchange, while it keeps some back.
    pub empty: bool,
}

/// What one call moved from a queue to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drained {
    /// Messages moved.
    pub moved: u64,
    /// Messages still ready; call again once the journal is durable up to `lsn`.
    pub rest: u64,
    /// The end of the journal afterwards.
    pub lsn: Lsn,
}

/// One attached connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionInfo {
    /// Its number.
    pub id: ConnectionId,
    /// Who is connected.
    pub username: String,
    /// Where to.
    pub vhost: String,
    /// The other end's address.
    pub peer: String,
}

/// What of a journal is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncryptionStats {
    /// What is written is encrypted.
    pub encrypts: bool,
    /// Bytes of the journal up to the last that is not: what was written before encryption was set up.
    pub plain_bytes: u64,
}

/// Counts of the whole broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BrokerStats {
    /// Connections attached.
    pub connections: u64,
    /// Virtual hosts.
    pub vhosts: u64,
    /// Queues of all virtual hosts.
    pub queues: u64,
    /// Messages that delayed exchanges keep until they are due.
    pub delayed: u64,
    /// Bytes of messages in memory.
    pub memory_bytes: u64,
    /// Publishers are paused.
    pub publish_paused: bool,
    /// What the background scrub of the journal has seen.
    pub scrub: ScrubStats,
}

/// What the background scrub of the journal has seen since the broker was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ScrubStats {
    /// Bytes read again and checked.
    pub bytes: u64,
    /// Times the end of the journal was reached.
    pub rounds: u64,
    /// Places in the journal that are known to be damaged now; the log names each.
    pub damaged: u64,
}

impl Admin {
    pub(crate) fn new(broker: Arc<Broker>) -> Self {
        Self { broker }
    }

    /// The name of its journal: another disk, another name.
    pub fn store(&self) -> StoreId {
        self.broker.store()
    }

    /// The virtual host of that name.
    pub fn vhost(&self, name: &str) -> Result<Stored<VhostSpec>, Refusal> {
        self.broker.vhost_definition(name)
    }

    /// All virtual hosts by name.
    pub fn vhosts(&self) -> Vec<Stored<VhostSpec>> {
        self.broker.vhost_definitions()
    }

    /// Creates or changes a virtual host; a new one gets the preset exchanges.
    pub fn put_vhost(
        &self,
        spec: &VhostSpec,
        expect: Expect,
    ) -> Result<Changed<VhostSpec>, Refusal> {
        self.broker.put_vhost(spec, expect)
    }

    /// Deletes a virtual host with all in it and closes its connections; the condition, of which
    /// only `empty` concerns virtual hosts, is checked in the same step.
    pub fn delete_vhost(
        &self,
        name: &str,
        expect: Expect,
        only_if: DeleteIf,
    ) -> Result<Lsn, Refusal> {
        self.broker.delete_vhost(name, expect, only_if)
    }

    /// The user of that name.
    pub fn user(&self, name: &str) -> Result<Stored<UserSpec>, Refusal> {
        self.broker.user(name)
    }

    /// All users by name.
    pub fn users(&self) -> Vec<Stored<UserSpec>> {
        self.broker.user_list()
    }

    /// Creates a user or changes the given fields of one.
    pub fn put_user(
        &self,
        name: &str,
        update: UserUpdate,
        expect: Expect,
    ) -> Result<Changed<UserSpec>, Refusal> {
        self.broker.put_user(name, update, expect)
    }

    /// Deletes a user with its permissions and closes its connections.
    pub fn delete_user(&self, name: &str, expect: Expect) -> Result<Lsn, Refusal> {
        self.broker.delete_user(name, expect)
    }

    /// A user's permission in a virtual host.
    pub fn permission(&self, user: &str, vhost: &str) -> Result<Stored<PermissionSpec>, Refusal> {
        self.broker.permission(user, vhost)
    }

    /// All permissions by user and virtual host, those of one virtual host if one is named.
    pub fn permissions(&self, vhost: Option<&str>) -> Vec<Stored<PermissionSpec>> {
        self.broker.permission_list(vhost)
    }

    /// Sets a user's permission in a virtual host; connections feel it with their next operation.
    pub fn put_permission(
        &self,
        spec: &PermissionSpec,
        expect: Expect,
    ) -> Result<Changed<PermissionSpec>, Refusal> {
        self.broker.put_permission(spec, expect)
    }

    /// Takes a user's permission in a virtual host away.
    pub fn delete_permission(
        &self,
        user: &str,
        vhost: &str,
        expect: Expect,
    ) -> Result<Lsn, Refusal> {
        self.broker.delete_permission(user, vhost, expect)
    }

    /// A user's permission at a topic exchange.
    pub fn topic_permission(
        &self,
        user: &str,
        vhost: &str,
        exchange: &str,
    ) -> Result<Stored<TopicPermissionSpec>, Refusal> {
        self.broker.topic_permission(user, vhost, exchange)
    }

    /// All topic permissions by user, virtual host and exchange, those of one virtual host if one is
    /// named.
    pub fn topic_permissions(&self, vhost: Option<&str>) -> Vec<Stored<TopicPermissionSpec>> {
        self.broker.topic_permission_list(vhost)
    }

    /// Sets a user's permission at a topic exchange; connections feel it with their next operation.
    pub fn put_topic_permission(
        &self,
        spec: &TopicPermissionSpec,
        expect: Expect,
    ) -> Result<Changed<TopicPermissionSpec>, Refusal> {
        self.broker.put_topic_permission(spec, expect)
    }

    /// Takes a user's permission at a topic exchange away, which opens it.
    pub fn delete_topic_permission(
        &self,
        user: &str,
        vhost: &str,
        exchange: &str,
        expect: Expect,
    ) -> Result<Lsn, Refusal> {
        self.broker
            .delete_topic_permission(user, vhost, exchange, expect)
    }

    /// The limits of a user or virtual host.
    pub fn limits(&self, of: &Limited) -> Result<Stored<LimitsSpec>, Refusal> {
        self.broker.own_limits(of)
    }

    /// All limits of users and virtual hosts.
    pub fn all_limits(&self) -> Vec<Stored<LimitsSpec>> {
        self.broker.own_limits_list()
    }

    /// Sets the limits of a user or virtual host; what is there already stays.
    pub fn put_limits(
        &self,
        spec: &LimitsSpec,
        expect: Expect,
    ) -> Result<Changed<LimitsSpec>, Refusal> {
        self.broker.put_limits(spec, expect)
    }

    /// Takes the limits of a user or virtual host away.
    pub fn delete_limits(&self, of: &Limited, expect: Expect) -> Result<Lsn, Refusal> {
        self.broker.delete_limits(of, expect)
    }

    /// The exchange of that name.
    pub fn exchange(&self, vhost: &str, name: &str) -> Result<Stored<ExchangeSpec>, Refusal> {
        self.broker.exchange(&*self.broker.vhost(vhost)?, name)
    }

    /// How many messages an exchange keeps back until they are due: none, unless it is a delayed one.
    pub fn delayed(&self, vhost: &str, name: &str) -> Result<u64, Refusal> {
        let vhost = self.broker.vhost(vhost)?;
        let topology = read(&vhost.topology);
        let exchange = topology.exchange(name);
        let exchange = exchange.ok_or_else(|| no_exchange(name, &vhost.name))?;
        Ok(exchange.delayed_messages())
    }

    /// The virtual host's exchanges by name.
    pub fn exchanges(&self, vhost: &str) -> Result<Vec<Stored<ExchangeSpec>>, Refusal> {
        let vhost = self.broker.vhost(vhost)?;
        let mut list: Vec<_> = read(&vhost.topology)
            .exchanges()
            .map(|exchange| exchange.definition.clone())
            .collect();
        list.sort_by(|left, right| left.value.name.cmp(&right.value.name));
        Ok(list)
    }

    /// Creates an exchange; one that exists with other properties is a mismatch. With a generation
    /// expected it changes one in place, of which only the alternate exchange can change.
    pub fn put_exchange(
        &self,
        spec: &ExchangeSpec,
        expect: Expect,
    ) -> Result<Changed<ExchangeSpec>, Refusal> {
        let vhost = self.broker.vhost(&spec.vhost)?;
        match expect {
            Expect::Generation(_) => self.broker.change_exchange(&vhost, spec.clone(), expect),
            _ => self.broker.put_exchange(&vhost, spec.clone(), expect),
        }
    }

    /// Deletes an exchange and its bindings.
    pub fn delete_exchange(
        &self,
        vhost: &str,
        name: &str,
        expect: Expect,
        only_if: DeleteIf,
    ) -> Result<Lsn, Refusal> {
        let vhost = self.broker.vhost(vhost)?;
        self.broker.delete_exchange(&vhost, name, expect, only_if)
    }

    /// The queue of that name with its counts.
    pub fn queue(&self, vhost: &str, name: &str) -> Result<QueueStatus, Refusal> {
        Ok(status(
            &*self.broker.queue(&*self.broker.vhost(vhost)?, name)?,
        ))
    }

    /// The virtual host's queues by name, with their counts.
    pub fn queues(&self, vhost: &str) -> Result<Vec<QueueStatus>, Refusal> {
        let vhost = self.broker.vhost(vhost)?;
        let mut queues: Vec<_> = read(&vhost.topology).queues().cloned().collect();
        queues.sort_by(|left, right| left.name.cmp(&right.name));
        Ok(queues.iter().map(|queue| status(queue)).collect())
    }

    /// Creates a queue; one that exists with other properties is a mismatch. With a generation
    /// expected it changes one in place: limits, times and where dead letters go can change, the
    /// rest is a mismatch.
    pub fn put_queue(
        &self,
        spec: &QueueSpec,
        expect: Expect,
    ) -> Result<Changed<QueueSpec>, Refusal> {
        if spec.exclusive {
            let text = "an exclusive queue belongs to a connection and cannot be made without one";
            return Err(Refusal::new(Reason::Invalid, text).at("exclusive"));
        }
        let vhost = self.broker.vhost(&spec.vhost)?;
        let (queue, lsn) = match expect {
            Expect::Generation(_) => self.broker.change_queue(&vhost, spec.clone(), expect)?,
            _ => {
                names::check_reserved("queue", &spec.name)?;
                self.broker.put_queue(&vhost, spec.clone(), None, expect)?
            }
        };
        Ok(Changed {
            object: queue.definition(),
            lsn,
        })
    }

    /// Deletes a queue; the conditions are checked in the same step.
    pub fn delete_queue(
        &self,
        vhost: &str,
        name: &str,
        expect: Expect,
        only_if: DeleteIf,
    ) -> Result<Lsn, Refusal> {
        let vhost = self.broker.vhost(vhost)?;
        let (_, lsn) = self
            .broker
            .delete_queue_named(&vhost, name, expect, only_if)?;
        Ok(lsn)
    }

    /// Moves messages ready in a queue to the end of another one, in their order: as many as one
    /// call may and the journal takes now. They are durable there before they are gone here; what is
    /// delivered and not settled stays. Refused when the other queue takes no more; what was moved by
    /// then has moved.
    pub fn drain_queue(
        &self,
        vhost: &str,
        from: &str,
        to: &str,
        expect: Expect,
    ) -> Result<Drained, Refusal> {
        let vhost = self.broker.vhost(vhost)?;
        self.broker.drain_queue(&vhost, from, to, expect)
    }

    /// Forgets the queue's ready messages and says how many.
    pub fn purge_queue(&self, vhost: &str, name: &str) -> Result<(u64, Lsn), Refusal> {
        let vhost = self.broker.vhost(vhost)?;
        let (count, lsn) = self.broker.purge(&self.broker.queue(&vhost, name)?)?;
        Ok((u64::from(count), lsn))
    }

    /// Checks what a queue would be declared with, by itself: nothing is looked for or changed.
    pub fn check_queue(&self, spec: &QueueSpec) -> Result<(), Refusal> {
        names::check_reserved("queue", &spec.name)?;
        self.broker.check_queue(spec)
    }

    /// The same for an exchange.
    pub fn check_exchange(&self, spec: &ExchangeSpec) -> Result<(), Refusal> {
        names::check_reserved("exchange", &spec.name)?;
        self.broker.check_exchange(spec)
    }

    /// The same for a policy.
    pub fn check_policy(&self, spec: &PolicySpec) -> Result<(), Refusal> {
        self.broker.check_policy(spec)
    }

    /// The policies that apply to an exchange.
    pub fn exchange_policies(&self, vhost: &str, name: &str) -> Result<AppliedPolicies, Refusal> {
        self.broker
            .exchange_policies(&*self.broker.vhost(vhost)?, name)
    }

    /// The policy, or operator policy, of that name.
    pub fn policy(
        &self,
        vhost: &str,
        name: &str,
        operator: bool,
    ) -> Result<Stored<PolicySpec>, Refusal> {
        self.broker.policy(vhost, name, operator)
    }

    /// The virtual host's policies, or operator policies, by name.
    pub fn policies(
        &self,
        vhost: &str,
        operator: bool,
    ) -> Result<Vec<Stored<PolicySpec>>, Refusal> {
        let mut list = self.broker.policy_list(vhost, operator)?;
        list.sort_by(|left, right| left.value.name.cmp(&right.value.name));
        Ok(list)
    }

    /// Declares or changes a policy; when it returns, queues and exchanges work by it.
    pub fn put_policy(
        &self,
        spec: &PolicySpec,
        expect: Expect,
    ) -> Result<Changed<PolicySpec>, Refusal> {
        self.broker.put_policy(spec, expect)
    }

    /// Deletes a policy; when it returns, nothing works by it any more.
    pub fn delete_policy(
        &self,
        vhost: &str,
        name: &str,
        operator: bool,
        expect: Expect,
    ) -> Result<Lsn, Refusal> {
        self.broker.delete_policy(vhost, name, operator, expect)
    }

    /// The one binding that equals the given one.
    pub fn binding(&self, spec: &BindingSpec) -> Result<Stored<BindingSpec>, Refusal> {
        self.broker.binding(&*self.broker.vhost(&spec.vhost)?, spec)
    }

    /// The virtual host's bindings by source, destination and key. The bindings every queue has to
    /// the default exchange are not among them.
    pub fn bindings(&self, vhost: &str) -> Result<Vec<Stored<BindingSpec>>, Refusal> {
        let vhost = self.broker.vhost(vhost)?;
        let mut list: Vec<_> = read(&vhost.topology).bindings().cloned().collect();
        list.sort_by(|Stored { value: left, .. }, Stored { value: right, .. }| {
            (&left.source, &left.destination, &left.routing_key).cmp(&(
                &right.source,
                &right.destination,
                &right.routing_key,
            ))
        });
        Ok(list)
    }

    /// Creates a binding.
    pub fn put_binding(
        &self,
        spec: &BindingSpec,
        expect: Expect,
    ) -> Result<Changed<BindingSpec>, Refusal> {
        self.broker
            .put_binding(&self.broker.vhost(&spec.vhost)?, spec, expect)
    }

    /// Deletes a binding.
    pub fn delete_binding(&self, spec: &BindingSpec, expect: Expect) -> Result<Lsn, Refusal> {
        self.broker
            .delete_binding(&self.broker.vhost(&spec.vhost)?, spec, expect)
    }

    /// The connections attached now, oldest first.
    pub fn connections(&self) -> Vec<ConnectionInfo> {
        lock(self.broker.connections())
            .attached
            .values()
            .map(|connection| ConnectionInfo {
                id: connection.id,
                username: connection.username.to_string(),
                vhost: connection.vhost.name.to_string(),
                peer: connection.peer.address.clone(),
            })
            .collect()
    }

    /// Asks a connection to close and says whether there is one of that number.
    pub fn close_connection(&self, id: ConnectionId, reason: &str) -> bool {
        let connection = lock(self.broker.connections()).attached.get(&id).cloned();
        if let Some(connection) = &connection {
            connection
                .outbox
                .push(std::iter::once(Event::Close(reason.to_owned())));
        }
        connection.is_some()
    }

    /// Everything that is counted and timed, of the broker and all in it.
    pub fn measure(&self) -> BrokerMeasures {
        self.broker.measure()
    }

    /// Counts of the whole broker.
    pub fn stats(&self) -> BrokerStats {
        self.broker.stats()
    }

    /// What of its journal is encrypted.
    pub fn encryption(&self) -> EncryptionStats {
        self.broker.encryption()
    }
}

fn status(queue: &LiveQueue) -> QueueStatus {
    let standing = queue.standing();
    QueueStatus {
        definition: standing.definition.clone(),
        policies: standing.applied.shown(),
        stats: queue.stats(),
    }
}
