//! What management uses: definitions of every kind, each with get, list, put and delete.

use std::sync::Arc;

use crate::broker::Broker;
use crate::call::ConnectionId;
use crate::definitions::{
    BindingSpec, Changed, ExchangeSpec, Expect, PermissionSpec, QueueSpec, QueueStatus, Stored,
    UserSpec, UserUpdate, VhostSpec,
};
use crate::journal::Lsn;
use crate::refusal::Refusal;

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
    /// Refuse while it holds messages, ready or unsettled.
    pub empty: bool,
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

/// Counts of the whole broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BrokerStats {
    /// Connections attached.
    pub connections: u64,
    /// Virtual hosts.
    pub vhosts: u64,
    /// Queues of all virtual hosts.
    pub queues: u64,
    /// Bytes of messages in memory.
    pub memory_bytes: u64,
    /// Publishers are paused.
    pub publish_paused: bool,
}

#[allow(unused_variables, clippy::todo)]
impl Admin {
    pub(crate) fn new(broker: Arc<Broker>) -> Self {
        Self { broker }
    }

    /// The virtual host of that name.
    pub fn vhost(&self, name: &str) -> Result<Stored<VhostSpec>, Refusal> {
        todo!()
    }

    /// All virtual hosts by name.
    pub fn vhosts(&self) -> Vec<Stored<VhostSpec>> {
        todo!()
    }

    /// Creates or changes a virtual host; a new one gets the preset exchanges.
    pub fn put_vhost(
        &self,
        spec: &VhostSpec,
        expect: Expect,
    ) -> Result<Changed<VhostSpec>, Refusal> {
        todo!()
    }

    /// Deletes a virtual host with all in it and closes its connections.
    pub fn delete_vhost(&self, name: &str, expect: Expect) -> Result<Lsn, Refusal> {
        todo!()
    }

    /// The user of that name.
    pub fn user(&self, name: &str) -> Result<Stored<UserSpec>, Refusal> {
        todo!()
    }

    /// All users by name.
    pub fn users(&self) -> Vec<Stored<UserSpec>> {
        todo!()
    }

    /// Creates a user or changes the given fields of one.
    pub fn put_user(
        &self,
        name: &str,
        update: UserUpdate,
        expect: Expect,
    ) -> Result<Changed<UserSpec>, Refusal> {
        todo!()
    }

    /// Deletes a user with its permissions and closes its connections.
    pub fn delete_user(&self, name: &str, expect: Expect) -> Result<Lsn, Refusal> {
        todo!()
    }

    /// A user's permission in a virtual host.
    pub fn permission(&self, user: &str, vhost: &str) -> Result<Stored<PermissionSpec>, Refusal> {
        todo!()
    }

    /// All permissions by user and virtual host, those of one virtual host if one is named.
    pub fn permissions(&self, vhost: Option<&str>) -> Vec<Stored<PermissionSpec>> {
        todo!()
    }

    /// Sets a user's permission in a virtual host; connections feel it with their next operation.
    pub fn put_permission(
        &self,
        spec: &PermissionSpec,
        expect: Expect,
    ) -> Result<Changed<PermissionSpec>, Refusal> {
        todo!()
    }

    /// Takes a user's permission in a virtual host away.
    pub fn delete_permission(
        &self,
        user: &str,
        vhost: &str,
        expect: Expect,
    ) -> Result<Lsn, Refusal> {
        todo!()
    }

    /// The exchange of that name.
    pub fn exchange(&self, vhost: &str, name: &str) -> Result<Stored<ExchangeSpec>, Refusal> {
        todo!()
    }

    /// The virtual host's exchanges by name.
    pub fn exchanges(&self, vhost: &str) -> Result<Vec<Stored<ExchangeSpec>>, Refusal> {
        todo!()
    }

    /// Creates an exchange. One that exists with other properties is a mismatch.
    pub fn put_exchange(
        &self,
        spec: &ExchangeSpec,
        expect: Expect,
    ) -> Result<Changed<ExchangeSpec>, Refusal> {
        todo!()
    }

    /// Deletes an exchange and its bindings.
    pub fn delete_exchange(
        &self,
        vhost: &str,
        name: &str,
        expect: Expect,
        only_if: DeleteIf,
    ) -> Result<Lsn, Refusal> {
        todo!()
    }

    /// The queue of that name with its counts.
    pub fn queue(&self, vhost: &str, name: &str) -> Result<QueueStatus, Refusal> {
        todo!()
    }

    /// The virtual host's queues by name, with their counts.
    pub fn queues(&self, vhost: &str) -> Result<Vec<QueueStatus>, Refusal> {
        todo!()
    }

    /// Creates a queue. One that exists with other properties is a mismatch.
    pub fn put_queue(
        &self,
        spec: &QueueSpec,
        expect: Expect,
    ) -> Result<Changed<QueueSpec>, Refusal> {
        todo!()
    }

    /// Deletes a queue; the conditions are checked in the same step.
    pub fn delete_queue(
        &self,
        vhost: &str,
        name: &str,
        expect: Expect,
        only_if: DeleteIf,
    ) -> Result<Lsn, Refusal> {
        todo!()
    }

    /// Forgets the queue's ready messages and says how many.
    pub fn purge_queue(&self, vhost: &str, name: &str) -> Result<(u64, Lsn), Refusal> {
        todo!()
    }

    /// The one binding that equals the given one.
    pub fn binding(&self, spec: &BindingSpec) -> Result<Stored<BindingSpec>, Refusal> {
        todo!()
    }

    /// The virtual host's bindings by source, destination and key. The bindings every queue has to
    /// the default exchange are not among them.
    pub fn bindings(&self, vhost: &str) -> Result<Vec<Stored<BindingSpec>>, Refusal> {
        todo!()
    }

    /// Creates a binding.
    pub fn put_binding(
        &self,
        spec: &BindingSpec,
        expect: Expect,
    ) -> Result<Changed<BindingSpec>, Refusal> {
        todo!()
    }

    /// Deletes a binding.
    pub fn delete_binding(&self, spec: &BindingSpec, expect: Expect) -> Result<Lsn, Refusal> {
        todo!()
    }

    /// The connections attached now, oldest first.
    pub fn connections(&self) -> Vec<ConnectionInfo> {
        todo!()
    }

    /// Asks a connection to close and says whether there is one of that number.
    pub fn close_connection(&self, id: ConnectionId, reason: &str) -> bool {
        todo!()
    }

    /// Counts of the whole broker.
    pub fn stats(&self) -> BrokerStats {
        todo!()
    }
}
