//! The connections attached to a broker.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Broker, Vhost, exhausted};
use crate::call::ConnectionId;
use crate::journal::Lsn;
use crate::lock::lock;
use crate::outbox::{Event, Outbox};
use crate::refusal::Refusal;

/// What the broker knows of one connection.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) id: ConnectionId,
    pub(crate) username: Arc<str>,
    pub(crate) vhost: Arc<Vhost>,
    pub(crate) peer: String,
    pub(crate) outbox: Arc<Outbox>,
    /// The lowest position it waits for, `NOT_WATCHING` for none.
    watching: AtomicU64,
}

/// All connections by number, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    last_id: u64,
    pub(crate) attached: BTreeMap<ConnectionId, Arc<Connection>>,
}

const NOT_WATCHING: u64 = u64::MAX;

impl Connections {
    /// Takes one in, up to the limit.
    pub(super) fn add(
        &mut self,
        most: usize,
        username: Arc<str>,
        vhost: Arc<Vhost>,
        peer: String,
        outbox: Arc<Outbox>,
    ) -> Result<Arc<Connection>, Refusal> {
        if self.attached.len() >= most {
            return Err(exhausted("connections", most));
        }
        self.last_id += 1;
        let id = ConnectionId(self.last_id);
        let watching = AtomicU64::new(NOT_WATCHING);
        let connection = Arc::new(Connection {
            id,
            username,
            vhost,
            peer,
            outbox,
            watching,
        });
        self.attached.insert(id, Arc::clone(&connection));
        Ok(connection)
    }
}

impl Broker {
    /// Tells all connections that match to close.
    pub(super) fn close_connections(&self, reason: &str, matches: impl Fn(&Connection) -> bool) {
        let matching: Vec<_> = lock(&self.connections)
            .attached
            .values()
            .filter(|connection| matches(connection))
            .map(Arc::clone)
            .collect();
        for connection in matching {
            connection
                .outbox
                .push(std::iter::once(Event::Close(reason.to_owned())));
        }
    }

    /// Wakes the connection once when the journal is durable up to there.
    pub(super) fn watch_commit(&self, connection: &Arc<Connection>, lsn: Lsn) {
        debug_assert!(lsn.0 < NOT_WATCHING, "no record can be there");
        let before = connection.watching.fetch_min(lsn.0, Ordering::SeqCst);
        if before == NOT_WATCHING {
            lock(&self.watchers).push(Arc::clone(connection));
        }
        // A commit that came before the connection was on the list did not see it there.
        if self.durable() >= lsn {
            self.wake_watchers();
        }
    }

    /// Wakes the connections whose positions are reached, each once.
    pub(super) fn wake_watchers(&self) {
        let durable = self.durable();
        let reached: Vec<_> = lock(&self.watchers)
            .extract_if(.., |connection| {
                let reached = connection.watching.load(Ordering::SeqCst) <= durable.0;
                if reached {
                    connection.watching.store(NOT_WATCHING, Ordering::SeqCst);
                }
                reached
            })
            .collect();
        reached
            .iter()
            .for_each(|connection| connection.outbox.wake());
    }

    /// Forgets a connection.
    pub(super) fn remove_connection(&self, connection: &Arc<Connection>) {
        lock(&self.connections).attached.remove(&connection.id);
        lock(&self.watchers).retain(|other| !Arc::ptr_eq(other, connection));
        let outbox = &connection.outbox;
        self.account.leave(outbox);
        self.journal_waiters.leave(outbox);
        self.writer_waiters.leave(outbox);
    }
}
