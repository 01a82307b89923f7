//! The thread that puts lines into files.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender};

use super::chain::Chain;
use super::file::{LogFile, Rotation};
use super::{AGENT, Kind};

/// What the thread is told.
#[derive(Debug)]
pub(super) enum Message {
    /// An object of JSON for a log.
    Line {
        dir: String,
        kind: Kind,
        text: String,
    },
    /// To answer when everything before is in its file.
    Flush(SyncSender<()>),
}

/// Lines that nobody could write.
#[derive(Debug, Default)]
pub(super) struct Lost {
    general: AtomicU64,
    audit: AtomicU64,
    connection: AtomicU64,
}

impl Lost {
    fn of(&self, kind: Kind) -> &AtomicU64 {
        match kind {
            Kind::General => &self.general,
            Kind::Audit => &self.audit,
            Kind::Connection => &self.connection,
        }
    }

    /// Counts one.
    pub(super) fn count(&self, kind: Kind) {
        self.of(kind).fetch_add(1, Ordering::Relaxed);
    }
}

/// All files.
#[derive(Debug)]
pub(super) struct Writer {
    dir: PathBuf,
    rotation: Rotation,
    lost: Arc<Lost>,
    logs: HashMap<(String, Kind), Log>,
}

#[derive(Debug)]
struct Log {
    file: LogFile,
    /// Of an audit log.
    chain: Option<Chain>,
    /// Lines that are not in the file yet.
    pending: String,
    pending_lines: u64,
    /// The chain as it is in the file.
    written: Option<Chain>,
}

impl Writer {
    pub(super) fn new(dir: PathBuf, rotation: Rotation, lost: Arc<Lost>) -> Self {
        Self {
            dir,
            rotation,
            lost,
            logs: HashMap::new(),
        }
    }

    /// Writes until nobody can log any more. All that waits is written at once.
    pub(super) fn run(&mut self, messages: &Receiver<Message>) {
        while let Ok(first) = messages.recv() {
            let mut flushed = Vec::new();
            self.take(first, &mut flushed);
            while let Ok(next) = messages.try_recv() {
                self.take(next, &mut flushed);
            }
            self.tell_lost();
            self.write();
            for done in flushed {
                // Who does not wait any more need not hear of it.
                let _ = done.send(());
            }
        }
    }

    fn take(&mut self, message: Message, flushed: &mut Vec<SyncSender<()>>) {
        match message {
            Message::Line { dir, kind, text } => self.log(dir, kind).add(&text),
            Message::Flush(done) => flushed.push(done),
        }
    }

    fn log(&mut self, dir: String, kind: Kind) -> &mut Log {
        let file = self.dir.join(&dir).join(format!("{}.log", kind.name()));
        let rotation = self.rotation;
        self.logs
            .entry((dir, kind))
            .or_insert_with(|| Log::new(LogFile::new(file, rotation), kind))
    }

    /// Says in the agent's log of each kind how many lines were lost.
    fn tell_lost(&mut self) {
        for kind in [Kind::General, Kind::Audit, Kind::Connection] {
            let lost = self.lost.of(kind).swap(0, Ordering::Relaxed);
            if lost > 0 {
                let text = format!(
                    "{{\"level\":\"WARN\",\"message\":\"lines were lost\",\"lost\":{lost}}}"
                );
                self.log(AGENT.to_owned(), kind).add(&text);
            }
        }
    }

    fn write(&mut self) {
        for ((_, kind), log) in &mut self.logs {
            let lines = log.pending_lines;
            if log.write().is_err() {
                self.lost.of(*kind).fetch_add(lines, Ordering::Relaxed);
            }
        }
    }
}

impl Log {
    fn new(file: LogFile, kind: Kind) -> Self {
        // One that cannot be read begins anew, which the check of the chain shows.
        let last = || file.last_line().ok().flatten();
        let chain = (kind == Kind::Audit)
            .then(|| last().map_or_else(Chain::default, |line| Chain::after(&line)));
        Self {
            file,
            written: chain.clone(),
            chain,
            pending: String::new(),
            pending_lines: 0,
        }
    }

    fn add(&mut self, text: &str) {
        match &mut self.chain {
            Some(chain) => self.pending.push_str(&chain.link(text)),
            None => self.pending.push_str(text),
        }
        self.pending.push('\n');
        self.pending_lines += 1;
    }

    /// Writes what is pending, or gives it up.
    fn write(&mut self) -> io::Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let written = self.file.write(&self.pending);
        self.pending.clear();
        self.pending_lines = 0;
        match &written {
            Ok(()) => self.written.clone_from(&self.chain),
            Err(_) => self.chain.clone_from(&self.written),
        }
        written
    }
}
