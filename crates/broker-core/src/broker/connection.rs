//! The connections attached to a broker.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::measuring::Tallies;
use super::{Broker, Peer, Vhost, exhausted};
use crate::call::ConnectionId;
use crate::durability::{Durability, Promise};
use crate::lock::lock;
use crate::log::CONNECTION;
use crate::metrics::Tally;
use crate::outbox::{Event, Outbox};
use crate::refusal::Refusal;

/// What the broker knows of one connection.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) id: ConnectionId,
    pub(crate) username: Arc<str>,
    pub(crate) vhost: Arc<Vhost>,
    pub(crate) peer: Peer,
    /// What it has done.
    pub(crate) tally: Tally,
    pub(crate) outbox: Arc<Outbox>,
    /// The lowest positions it waits for, `NOT_WATCHING` for none.
    watching: ByReach<AtomicU64>,
}

/// One each for those who wait for the disk and for those who wait for the operating system.
#[derive(Debug, Default)]
pub(crate) struct ByReach<T> {
    durable: T,
    written: T,
}

/// All connections by number, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    last_id: u64,
    pub(crate) attached: BTreeMap<ConnectionId, Arc<Connection>>,
    pub(super) tallies: Tallies,
}

const NOT_WATCHING: u64 = u64::MAX;

impl Connections {
    /// Takes one in, up to the limit.
    pub(super) fn add(
        &mut self,
        most: usize,
        username: Arc<str>,
        vhost: Arc<Vhost>,
        peer: Peer,
        outbox: Arc<Outbox>,
    ) -> Result<Arc<Connection>, Refusal> {
        if self.attached.len() >= most {
            return Err(exhausted("connections", most));
        }
        self.last_id += 1;
        let id = ConnectionId(self.last_id);
        let connection = Arc::new(Connection {
            id,
            username,
            vhost,
            peer,
            tally: Tally::default(),
            outbox,
            watching: ByReach {
                durable: AtomicU64::new(NOT_WATCHING),
                written: AtomicU64::new(NOT_WATCHING),
            },
        });
        self.attached.insert(id, Arc::clone(&connection));
        Ok(connection)
    }
}

impl Connection {
    /// Tells the log that it comes or goes.
    pub(super) fn log(&self, broker: &str, what: &'static str) {
        let (id, user, vhost) = (self.id.0, &*self.username, &*self.vhost.name);
        let Peer { address, listener } = &self.peer;
        tracing::info!(
            target: CONNECTION, broker, id, user, vhost, peer = address, listener = &**listener,
            "{what}"
        );
    }
}

impl<T> ByReach<T> {
    fn of(&self, durability: Durability) -> &T {
        match durability {
            Durability::Memory | Durability::Fsync => &self.durable,
            Durability::Os => &self.written,
        }
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

    /// Wakes the connection once when the promise is kept.
    pub(super) fn watch(&self, connection: &Arc<Connection>, promise: Promise) {
        let Promise { lsn, durability } = promise;
        debug_assert!(lsn.0 < NOT_WATCHING, "no record can be there");
        let watching = connection.watching.of(durability);
        let before = watching.fetch_min(lsn.0, Ordering::SeqCst);
        if before == NOT_WATCHING {
            lock(self.watchers.of(durability)).push(Arc::clone(connection));
        }
        if durability == Durability::Os {
            self.journal.announce_written();
        }
        self.journal.hurry();
        // A commit that came before the connection was on the list did not see it there.
        if self.reached().keeps(promise) {
            self.wake_watchers();
        }
    }

    /// Wakes the connections whose positions are reached, each once.
    pub(super) fn wake_watchers(&self) {
        for durability in [Durability::Fsync, Durability::Os] {
            let at = self.reached().at(durability);
            let reached: Vec<_> = lock(self.watchers.of(durability))
                .extract_if(.., |connection| {
                    let watching = connection.watching.of(durability);
                    let reached = watching.load(Ordering::SeqCst) <= at.0;
                    if reached {
                        watching.store(NOT_WATCHING, Ordering::SeqCst);
                    }
                    reached
                })
                .collect();
            reached
                .iter()
                .for_each(|connection| connection.outbox.wake());
        }
    }

    /// Forgets a connection.
    pub(super) fn remove_connection(&self, connection: &Arc<Connection>) {
        {
            let mut connections = lock(&self.connections);
            connections.attached.remove(&connection.id);
            connections.tallies.gone(connection);
        }
        for list in [&self.watchers.durable, &self.watchers.written] {
            lock(list).retain(|other| !Arc::ptr_eq(other, connection));
        }
        let outbox = &connection.outbox;
        self.account.leave(outbox);
        self.journal_waiters.leave(outbox);
        self.writer_waiters.leave(outbox);
        self.commit_waiters.leave(outbox);
    }
}
