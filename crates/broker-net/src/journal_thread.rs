//! The thread that makes things durable, the one that saves it work, and how others learn of it.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use broker_core::broker::Broker;
use broker_core::journal::{Lsn, Stopped, Turn, Writer};
use tokio::sync::watch;

use crate::error::FatalError;

/// Longest sleep of an idle writer, after which it does its upkeep.
const IDLE: Duration = Duration::from_secs(1);

/// How far the journal is, for those who wait outside of the broker.
#[derive(Debug, Clone, Default)]
pub(crate) struct Progress {
    pub(crate) durable: Lsn,
    /// Why it will not get any further.
    pub(crate) ended: Option<End>,
}

/// How the journal's thread ended.
#[derive(Debug, Clone)]
pub(crate) enum End {
    Closed,
    Failed(FatalError),
}

/// Starts the thread. It ends when the broker closes its journal or the disk fails.
pub(crate) fn start(
    broker: Arc<Broker>,
    writer: Writer,
) -> io::Result<(JoinHandle<()>, watch::Receiver<Progress>)> {
    let durable = broker.durable();
    let (told, progress) = watch::channel(Progress {
        durable,
        ended: None,
    });
    let thread = thread::Builder::new()
        .name("journal".to_owned())
        .spawn(move || {
            // Nothing is used after a panic but the word that it happened: a broker whose journal
            // stands still must be seen to have failed.
            let outcome = catch_unwind(AssertUnwindSafe(|| run_both(&broker, writer, &told)));
            let end = match outcome {
                Ok(Ok(()) | Err(Stopped::Closed)) => End::Closed,
                Ok(Err(stopped)) => failed(stopped.to_string()),
                Err(_) => failed("the journal's thread panicked; the log says where".to_owned()),
            };
            told.send_modify(|progress| progress.ended = Some(end));
        })?;
    Ok((thread, progress))
}

fn failed(reason: String) -> End {
    tracing::error!(error = reason, "journal failed");
    End::Failed(FatalError(reason))
}

/// Runs the journal, and beside it what spares it time.
fn run_both(
    broker: &Broker,
    writer: Writer,
    told: &watch::Sender<Progress>,
) -> Result<(), Stopped> {
    thread::scope(|scope| {
        let ahead = thread::Builder::new().name("segments".to_owned());
        let ahead = ahead.spawn_scoped(scope, || while broker.write_ahead(IDLE).is_ok() {});
        if let Err(error) = ahead {
            tracing::warn!(%error, "no thread to prepare segments with; commits take longer");
        }
        // It closes the journal at its end, which ends the other thread as well.
        run(broker, writer, told)
    })
}

fn run(broker: &Broker, mut writer: Writer, told: &watch::Sender<Progress>) -> Result<(), Stopped> {
    loop {
        match writer.turn()? {
            Turn::Committed(_) => {
                broker.committed();
                told.send_modify(|progress| progress.durable = broker.durable());
            }
            Turn::SpaceReturned => broker.committed(),
            Turn::Written(_) => broker.written(),
            Turn::Idle => {}
            Turn::Closed => return Ok(()),
        }
        writer.wait(IDLE);
    }
}
