//! Log files: what happened to a broker (`general`), who did what to it and who was refused (`audit`),
//! and who connected (`connection`).
//!
//! Everything the process says goes through `tracing`; standard error shows it all as
//! [`logging`](crate::logging) is told, and this module puts it into files as well: an event with a
//! field `broker` into those of that broker, `<dir>/<broker>/<kind>.log`, everything else into those of
//! the agent, `<dir>/_agent/<kind>.log`. The target of an event decides on its kind. One thread
//! writes; whoever logs never waits for a disk. What comes faster than the disk takes it, or while it is
//! full, is lost, and the next line says how much.
//!
//! Secrets do not get here: passwords and keys are of types that cannot be shown, and an event names
//! objects, never requests.

pub(crate) mod audit;
mod chain;
mod file;
mod line;
mod verify;
mod writer;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use std::{io, thread};

use agent_api::v1;
use broker_core::log::{AUDIT, CONNECTION};
use serde::{Deserialize, Serialize};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

pub(crate) use self::file::Rotation;
use self::line::Line;
pub(crate) use self::verify::verify;
use self::writer::{Lost, Message, Writer};

/// The agent's own directory: no broker's name begins like this.
const AGENT: &str = "_agent";

/// Lines that may wait for the disk.
const WAITING: usize = 8192;

/// Which log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    General,
    Audit,
    Connection,
}

/// Which logs of a broker are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    pub(crate) general: bool,
    pub(crate) audit: bool,
    pub(crate) connection: bool,
}

impl Default for Wanted {
    fn default() -> Self {
        Self {
            general: true,
            audit: true,
            connection: true,
        }
    }
}

impl Wanted {
    /// What a caller asks for.
    pub(crate) fn asked(logs: Option<v1::Logs>) -> Self {
        let logs = logs.unwrap_or_default();
        Self {
            general: logs.general.unwrap_or(true),
            audit: logs.audit.unwrap_or(true),
            connection: logs.connection.unwrap_or(true),
        }
    }

    /// As callers see it.
    pub(crate) fn shown(self) -> v1::Logs {
        v1::Logs {
            general: Some(self.general),
            audit: Some(self.audit),
            connection: Some(self.connection),
        }
    }

    /// Whether nothing is left out.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
    pub(crate) fn is_all(&self) -> bool {
        *self == Self::default()
    }

    const fn wants(self, kind: Kind) -> bool {
        match kind {
            Kind::General => self.general,
            Kind::Audit => self.audit,
            Kind::Connection => self.connection,
        }
    }
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::General => "general",
            Self::Audit => "audit",
            Self::Connection => "connection",
        }
    }
}

/// The log files of an agent. Clones are handles of the same.
#[derive(Debug, Clone)]
pub(crate) struct Logs {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    writer: SyncSender<Message>,
    lost: Arc<Lost>,
    /// Brokers of which not all is wanted.
    wanted: RwLock<HashMap<String, Wanted>>,
}

impl Logs {
    /// Starts the thread that writes to `dir`.
    ///
    /// # Errors
    /// When there can be no further thread.
    pub(crate) fn start(dir: PathBuf, rotation: Rotation) -> io::Result<Self> {
        let (sender, receiver) = sync_channel(WAITING);
        let lost = Arc::new(Lost::default());
        let mut writer = Writer::new(dir, rotation, Arc::clone(&lost));
        thread::Builder::new()
            .name("logs".to_owned())
            .spawn(move || writer.run(&receiver))?;
        let shared = Shared {
            writer: sender,
            lost,
            wanted: RwLock::default(),
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// From now on these logs of a broker are written.
    pub(crate) fn set(&self, broker: &str, wanted: Wanted) {
        let all = &self.shared.wanted;
        let mut all = all.write().unwrap_or_else(PoisonError::into_inner);
        all.insert(broker.to_owned(), wanted);
    }

    /// Waits until what was logged before is in its file, for a bounded time.
    pub(crate) fn flush(&self, patience: Duration) {
        let (done, flushed) = sync_channel(1);
        if self.shared.writer.send(Message::Flush(done)).is_ok() {
            // A disk that takes longer keeps nobody from stopping.
            let _ = flushed.recv_timeout(patience);
        }
    }

    fn wants(&self, broker: Option<&str>, kind: Kind) -> bool {
        let Some(broker) = broker else {
            return true;
        };
        let wanted = self.shared.wanted.read();
        let wanted = wanted.unwrap_or_else(PoisonError::into_inner);
        let wanted = wanted.get(broker).copied().unwrap_or_default();
        wanted.wants(kind)
    }
}

impl<S: Subscriber> Layer<S> for Logs {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let kind = Kind::of(event.metadata());
        let line = Line::of(event);
        let broker = line.broker();
        if !self.wants(broker, kind) {
            return;
        }
        let dir = broker.unwrap_or(AGENT).to_owned();
        let text = line.text();
        let sent = self
            .shared
            .writer
            .try_send(Message::Line { dir, kind, text });
        if let Err(TrySendError::Full(_)) = sent {
            self.shared.lost.count(kind);
        }
    }
}

#[cfg(test)]
mod tests;
