//! The thread that makes things durable, the one that saves it work, and how others learn of it.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};
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

/// Called after each turn that wrote or committed.
pub(crate) type OnTurn = Box<dyn Fn() + Send>;

/// How the journal's thread ended.
#[derive(Debug, Clone)]
pub(crate) enum End {
    Closed,
    Failed(FatalError),
}

/// The thread, where it tells its progress, and where that is to be heard.
pub(crate) type Started = (
    JoinHandle<()>,
    Weak<watch::Sender<Progress>>,
    watch::Receiver<Progress>,
);

/// Starts the thread. It ends when the broker closes its journal or the disk fails, and drops the
/// sender of the progress last.
pub(crate) fn start(
    broker: Arc<Broker>,
    writer: Writer,
    on_turn: Option<OnTurn>,
) -> io::Result<Started> {
    let durable = broker.durable();
    let (told, progress) = watch::channel(Progress {
        durable,
        ended: None,
    });
    let told = Arc::new(told);
    let teller = Arc::downgrade(&told);
    let thread = thread::Builder::new()
        .name("journal".to_owned())
        .spawn(move || {
            let prepare = || while broker.write_ahead(IDLE).is_ok() {};
            let on_turn = on_turn.as_deref();
            run_both(|| run(&broker, writer, &told, on_turn), prepare, &told);
        })?;
    Ok((thread, teller, progress))
}

fn failed(reason: String) -> End {
    tracing::error!(error = reason, "journal failed");
    End::Failed(FatalError(reason))
}

/// Runs the journal (`write`), and beside it what spares it time (`prepare`). The end of the first is
/// told at once: on a sick disk the other may hang for long, in a write that nobody waits for.
fn run_both(
    write: impl FnOnce() -> Result<(), Stopped>,
    prepare: impl FnOnce() + Send,
    told: &watch::Sender<Progress>,
) {
    thread::scope(|scope| {
        let ahead = thread::Builder::new().name("segments".to_owned());
        let ahead = ahead.spawn_scoped(scope, || {
            // The journal works without; it must be seen all the same.
            if catch_unwind(AssertUnwindSafe(prepare)).is_err() {
                tracing::error!("no more segments are prepared after a panic; this is a defect");
            }
        });
        if let Err(error) = ahead {
            tracing::warn!(%error, "no thread to prepare segments with; commits take longer");
        }
        // Nothing is used after a panic but the word that it happened: a broker whose journal
        // stands still must be seen to have failed. The writer closes the journal when it goes, by
        // panic too, which ends the other thread as well.
        let end = match catch_unwind(AssertUnwindSafe(write)) {
            Ok(Ok(()) | Err(Stopped::Closed)) => End::Closed,
            Ok(Err(stopped)) => failed(stopped.to_string()),
            Err(_) => failed("the journal's thread panicked; the log says where".to_owned()),
        };
        told.send_modify(|progress| progress.ended = Some(end));
    });
}

fn run(
    broker: &Broker,
    mut writer: Writer,
    told: &watch::Sender<Progress>,
    on_turn: Option<&(dyn Fn() + Send)>,
) -> Result<(), Stopped> {
    let moved = || {
        if let Some(on_turn) = on_turn {
            on_turn();
        }
    };
    loop {
        match writer.turn()? {
            Turn::Committed(_) => {
                moved();
                broker.committed();
                told.send_modify(|progress| {
                    progress.durable = progress.durable.max(broker.durable());
                });
            }
            Turn::SpaceReturned => broker.committed(),
            Turn::Written(_) => {
                moved();
                broker.written();
            }
            Turn::Idle => {}
            Turn::Closed => return Ok(()),
        }
        writer.wait(IDLE);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn outcome(progress: &watch::Receiver<Progress>) -> Option<bool> {
        let ended = progress.borrow().ended.clone();
        ended.map(|end| matches!(end, End::Closed))
    }

    #[test]
    fn the_end_is_told_while_the_other_thread_hangs() {
        for panics in [false, true] {
            let (told, mut progress) = watch::channel(Progress::default());
            let (release, hangs) = mpsc::channel::<()>();
            let thread = thread::spawn(move || {
                let write = || {
                    assert!(!panics, "meant to panic");
                    Ok(())
                };
                let hang = move || assert!(hangs.recv().is_err(), "let go");
                run_both(write, hang, &told);
            });
            let runtime = tokio::runtime::Builder::new_current_thread()
                .build()
                .unwrap();
            let ended = progress.wait_for(|progress| progress.ended.is_some());
            assert!(runtime.block_on(ended).is_ok());
            assert_eq!(outcome(&progress), Some(!panics));
            assert!(!thread.is_finished(), "the other still hangs");
            drop(release);
            thread.join().unwrap();
        }
    }

    #[test]
    fn a_panic_of_the_other_thread_is_no_end_of_the_journal() {
        let (told, progress) = watch::channel(Progress::default());
        run_both(|| Ok(()), || panic!("meant to panic"), &told);
        assert_eq!(outcome(&progress), Some(true));
    }
}
