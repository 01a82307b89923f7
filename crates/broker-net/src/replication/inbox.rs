//! What waits for a replica's thread.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use broker_core::replication::frame::Peer;
use broker_core::replication::replica::{Input, Packet};
use broker_core::replication::timing::Moment;
use tokio::sync::Notify;

use super::clock;
use super::link::Link;
use super::replicated::Command;

/// Bytes of packets that wait, above which connections are read no further.
const MOST_BYTES: usize = 16 << 20;

/// Things that wait, above which connections are read no further.
const MOST_ITEMS: usize = 1024;

/// Something for the thread.
#[derive(Debug)]
pub(super) enum Item {
    /// For the replica as it is.
    Input(Input),
    /// A packet came.
    Packet(Peer, Packet),
    /// A connection was taken.
    Joined(Peer, Link),
    /// A connection is gone.
    Ended(Peer),
    /// Clients have what was owed to them since the draining of this number began.
    Drained(u64),
    /// Somebody wants something.
    Command(Command),
}

/// Filled from anywhere, emptied by one thread.
#[derive(Debug, Clone, Default)]
pub(super) struct Inbox(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    waiting: Mutex<Waiting>,
    /// The thread sleeps on it, with `waiting`.
    filled: Condvar,
    /// Connections wait for it when there is too much.
    room: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    items: VecDeque<Item>,
    packet_bytes: usize,
    /// The journal has moved; told as one, however often.
    journal_moved: bool,
    sleeps: bool,
    /// The thread has ended.
    closed: bool,
}

impl Waiting {
    fn is_full(&self) -> bool {
        self.packet_bytes >= MOST_BYTES || self.items.len() >= MOST_ITEMS
    }
}

impl Inbox {
    /// Adds what comes rarely, or once for each question.
    pub(super) fn push(&self, item: Item) {
        let mut waiting = self.lock();
        if waiting.closed {
            return;
        }
        waiting.items.push_back(item);
        self.wake(waiting);
    }

    /// Nobody takes anything any more: what waits is dropped, as is all that comes, so that whoever
    /// asked for something is not kept waiting.
    pub(super) fn close(&self) {
        let mut waiting = self.lock();
        waiting.closed = true;
        waiting.packet_bytes = 0;
        let items = std::mem::take(&mut waiting.items);
        drop(waiting);
        drop(items);
        self.0.room.notify_waiters();
    }

    /// The journal has moved. Any number of these wait as one.
    pub(super) fn journal_moved(&self) {
        let mut waiting = self.lock();
        if !waiting.journal_moved {
            waiting.journal_moved = true;
            self.wake(waiting);
        }
    }

    /// Adds a packet once there is room.
    pub(super) async fn push_packet(&self, peer: Peer, packet: Packet, len: usize) {
        loop {
            let room = self.0.room.notified();
            {
                let mut waiting = self.lock();
                if waiting.closed {
                    return;
                }
                if !waiting.is_full() {
                    waiting.packet_bytes += len;
                    waiting.items.push_back(Item::Packet(peer, packet));
                    return self.wake(waiting);
                }
            }
            room.await;
        }
    }

    /// Takes all that waits; sleeps until there is something, or until that moment.
    pub(super) fn take(&self, until: Moment, into: &mut Vec<Item>) {
        let mut waiting = self.lock();
        while waiting.items.is_empty() && !waiting.journal_moved {
            let left = until.0.saturating_sub(clock::now().0);
            if left == 0 {
                break;
            }
            waiting.sleeps = true;
            let slept = self
                .0
                .filled
                .wait_timeout(waiting, Duration::from_nanos(left));
            waiting = slept.unwrap_or_else(PoisonError::into_inner).0;
            waiting.sleeps = false;
        }
        let was_full = waiting.is_full();
        into.extend(waiting.items.drain(..));
        if std::mem::take(&mut waiting.journal_moved) {
            into.push(Item::Input(Input::JournalMoved));
        }
        waiting.packet_bytes = 0;
        drop(waiting);
        if was_full {
            self.0.room.notify_waiters();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        let waiting = self.0.waiting.lock();
        waiting.unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self, waiting: MutexGuard<'_, Waiting>) {
        let sleeps = waiting.sleeps;
        drop(waiting);
        if sleeps {
            self.0.filled.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use broker_core::replication::frame::{Frame, Session};
    use broker_core::replication::record::{Incarnation, NodeId};

    use super::*;

    const PEER: Peer = Peer {
        node: NodeId(1),
        session: Session {
            incarnation: Incarnation(1),
            count: 1,
        },
    };

    fn far() -> Moment {
        clock::now().plus(Duration::from_secs(30))
    }

    #[test]
    fn a_journal_that_moves_often_is_told_once() {
        let (inbox, mut items) = (Inbox::default(), Vec::new());
        inbox.journal_moved();
        inbox.journal_moved();
        inbox.push(Item::Input(Input::Tick));
        inbox.take(far(), &mut items);
        assert!(matches!(
            items[..],
            [Item::Input(Input::Tick), Item::Input(Input::JournalMoved)]
        ));
        items.clear();
        inbox.take(clock::now(), &mut items);
        assert!(items.is_empty());
    }

    #[test]
    fn who_fills_it_wakes_the_thread() {
        let inbox = Inbox::default();
        let other = inbox.clone();
        let thread = thread::spawn(move || {
            let mut items = Vec::new();
            other.take(far(), &mut items);
            items.len()
        });
        inbox.push(Item::Input(Input::Tick));
        assert_eq!(thread.join().unwrap(), 1);
    }

    #[tokio::test]
    async fn nobody_waits_for_a_thread_that_has_ended() {
        let inbox = Inbox::default();
        let ask = || {
            let (told, result) = tokio::sync::oneshot::channel();
            inbox.push(Item::Command(Command::ForcePromote { told }));
            result
        };
        let before = ask();
        inbox.close();
        let behind = ask();
        assert!(before.await.is_err() && behind.await.is_err());
        inbox
            .push_packet(PEER, Packet::Frame(Frame::Leave), MOST_BYTES)
            .await;
        inbox
            .push_packet(PEER, Packet::Frame(Frame::Leave), MOST_BYTES)
            .await;
    }

    #[tokio::test]
    async fn a_full_one_makes_connections_wait() {
        let (inbox, mut items) = (Inbox::default(), Vec::new());
        let leave = || Packet::Frame(Frame::Leave);
        inbox.push_packet(PEER, leave(), MOST_BYTES).await;
        let mut second = Box::pin(inbox.push_packet(PEER, leave(), 1));
        assert!(futures_util::poll!(&mut second).is_pending());
        // What is not a packet comes through.
        inbox.push(Item::Ended(PEER));
        inbox.take(far(), &mut items);
        assert_eq!(items.len(), 2);
        second.await;
        inbox.take(far(), &mut items);
        assert_eq!(items.len(), 3);
    }
}
