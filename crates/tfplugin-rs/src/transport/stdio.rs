//! What the provider prints.
//!
//! Stdout belongs to the handshake, and its reader stops at the first overlong line: a provider, or
//! a library in it, that prints more would block for ever. So after the handshake line stdout
//! becomes a pipe of our own, and what comes out of it goes to the client as GRPCStdio, which shows
//! it in its log. Stderr needs nothing of the kind: the client reads it for log lines as it is.

use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::sync::mpsc;

/// How many pieces wait for a client that does not listen; more are dropped.
const PIECES: usize = 256;
const PIECE_BYTES: usize = 8 << 10;

/// What was printed, to be read by the first who asks.
#[derive(Clone, Default)]
pub(super) struct Printed(Arc<Mutex<Option<mpsc::Receiver<Bytes>>>>);

impl Printed {
    /// Takes over stdout. To be called after the handshake line.
    pub(super) fn capture() -> io::Result<Self> {
        let (reader, writer) = io::pipe()?;
        // Kept open for good: its end would look like the end of the process.
        let stdout = rustix::io::dup(io::stdout())?;
        rustix::stdio::dup2_stdout(&writer)?;
        let (sender, printed) = mpsc::channel(PIECES);
        std::thread::Builder::new()
            .name("stdout".to_owned())
            .spawn(move || forward(reader, &sender, stdout))?;
        Ok(Self(Arc::new(Mutex::new(Some(printed)))))
    }

    /// What is printed from now on, and what was so far. Nothing the second time.
    pub(super) fn take(&self) -> Option<mpsc::Receiver<Bytes>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A thread, since reading a pipe blocks and the runtime's own threads are few.
fn forward(mut reader: io::PipeReader, sender: &mpsc::Sender<Bytes>, _stdout: OwnedFd) {
    let mut piece = vec![0; PIECE_BYTES];
    while let Ok(count @ 1..) = reader.read(&mut piece) {
        // Never waits: the provider must not depend on a client that reads what it prints.
        sender
            .try_send(Bytes::copy_from_slice(&piece[..count]))
            .ok();
    }
}
