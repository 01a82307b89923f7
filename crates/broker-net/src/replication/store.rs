//! Calls to the coordination store, on a thread that may wait.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, mpsc};
use std::thread;

use broker_core::replication::coordinator::{CasOutcome, Coordinator, ReadError, Version};
use broker_core::replication::record::Record;
use broker_core::replication::replica::Input;

use super::inbox::{Inbox, Item};

/// A question for the store.
#[derive(Debug)]
pub(super) enum Ask {
    Read,
    Cas {
        expected: Version,
        record: Box<Record>,
    },
}

/// Starts the thread. It ends after its last answer when the sender is gone; nobody waits for that,
/// since a store may take its time.
pub(super) fn start(
    coordinator: Arc<dyn Coordinator>,
    inbox: Inbox,
) -> io::Result<mpsc::Sender<Ask>> {
    let (asks, asked) = mpsc::channel();
    thread::Builder::new()
        .name("coordination".to_owned())
        .spawn(move || {
            for ask in asked {
                inbox.push(Item::Input(answer(&*coordinator, ask)));
            }
        })?;
    Ok(asks)
}

/// A store that panics is one that does not answer.
fn answer(coordinator: &dyn Coordinator, ask: Ask) -> Input {
    match ask {
        Ask::Read => {
            let read = catch_unwind(AssertUnwindSafe(|| coordinator.read()));
            Input::Read(read.unwrap_or_else(|_| {
                let what = "it panicked; this is a defect";
                Err(ReadError::Unreachable(what.to_owned()))
            }))
        }
        Ask::Cas { expected, record } => {
            let nonce = record.writer_nonce;
            let cas = catch_unwind(AssertUnwindSafe(|| coordinator.cas(&expected, &record)));
            Input::Cas(nonce, cas.unwrap_or(CasOutcome::Unknown))
        }
    }
}
