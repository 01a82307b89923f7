//! What holds a server's connections back, all at once.
//!
//! A connection's driver looks at it at the start of each turn: one load of an atomic number where
//! nothing is held back. Only who is held back is registered to be woken.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use tokio::sync::Notify;

/// What connections may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    /// Everything.
    On,
    /// Nothing more is accepted or read; what is owed goes out.
    Draining,
    /// Nothing at all is accepted, read or written.
    Paused,
}

/// Shared by all connections of a server, and by whoever holds them back.
#[derive(Debug, Clone, Default)]
pub(crate) struct Brake(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    flow: AtomicU8,
    /// Counts what went out to clients while draining.
    sent: AtomicU64,
    changed: Notify,
}

impl Brake {
    /// From the return of this on, no turn of a connection that begins does more.
    pub(crate) fn set(&self, flow: Flow) {
        self.0.flow.store(flow as u8, Ordering::SeqCst);
        self.0.changed.notify_waiters();
    }

    #[inline]
    pub(crate) fn flow(&self) -> Flow {
        match self.0.flow.load(Ordering::SeqCst) {
            0 => Flow::On,
            1 => Flow::Draining,
            _ => Flow::Paused,
        }
    }

    /// A connection has sent something while draining.
    pub(crate) fn note_sent(&self) {
        self.0.sent.fetch_add(1, Ordering::Relaxed);
    }

    /// How often connections have sent something while draining.
    pub(crate) fn sent(&self) -> u64 {
        self.0.sent.load(Ordering::Relaxed)
    }

    /// Where changes from now on are told; wait with `notified` before looking at the flow.
    pub(crate) fn changed(&self) -> &Notify {
        &self.0.changed
    }

    /// Resolves when nothing is held back.
    pub(crate) async fn released(&self) {
        loop {
            let changed = self.0.changed.notified();
            if self.flow() == Flow::On {
                return;
            }
            changed.await;
        }
    }
}
