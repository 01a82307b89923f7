//! When the process ends, and for how long it may still finish its calls.
//!
//! Terraform ends a provider by `GRPCController.Shutdown` and kills it two seconds
//! later if it is still there. When Terraform itself dies nobody says a word, so the
//! process watches for that: it ends when its parent has changed, or when no
//! connection has been open for a while (a wrapper between the two may outlive
//! Terraform).
//!
//! The parent is polled. Linux can send a signal on a parent's death, but means the
//! parent's *thread*, and the threads of a Go program come and go; waiting on a
//! process handle needs system calls that std does not offer safely. One `getppid`
//! every half second costs nothing and is the same on every Unix.

use std::io;
use std::os::unix::process::parent_id;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::time::{interval, timeout};
use tokio_util::sync::CancellationToken;

const PARENT_POLL: Duration = Duration::from_millis(500);

/// Why the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The parent process is gone.
    Orphaned,
    /// The client called `Shutdown`.
    Shutdown,
    /// Somebody sent SIGTERM, or SIGINT to a provider under a debugger.
    Terminated,
    /// No connection for too long.
    Unused,
}

impl End {
    /// How long open calls may take to finish.
    pub(crate) const fn drain(self) -> Duration {
        match self {
            // Nobody is there to hear the answers.
            Self::Orphaned | Self::Unused => Duration::ZERO,
            // Terraform kills after two seconds; the socket should be gone by then.
            Self::Shutdown => Duration::from_secs(1),
            // As long as service managers commonly wait before they kill.
            Self::Terminated => Duration::from_secs(10),
        }
    }
}

/// The process that started us.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parent(u32);

impl Parent {
    /// To be called early: a parent that dies before this is taken for its successor.
    pub(crate) fn current() -> Self {
        Self(parent_id())
    }

    async fn gone(self) {
        let mut ticks = interval(PARENT_POLL);
        while parent_id() == self.0 {
            ticks.tick().await;
        }
    }
}

/// The events that can end the process, armed.
pub(crate) struct Lifecycle {
    /// `None` under a debugger: then only signals end the process.
    parent: Option<Parent>,
    interrupt: Signal,
    terminate: Signal,
}

impl Lifecycle {
    /// Takes over the signals; must run inside a tokio runtime.
    ///
    /// SIGINT and SIGHUP go to the whole process group, and what they mean is
    /// Terraform's decision: it calls StopProvider and still wants the answers of calls
    /// in flight. If it dies of one instead, the parent is gone.
    pub(crate) fn begin(parent: Option<Parent>) -> io::Result<Self> {
        // tokio never restores a signal's default once it was listened to, so this one
        // is ignored from here on although its listener is dropped at once.
        drop(signal(SignalKind::hangup())?);
        Ok(Self {
            parent,
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for the first reason to end.
    pub(crate) async fn end(
        mut self,
        shutdown: &CancellationToken,
        open_connections: watch::Receiver<usize>,
        unused_timeout: Duration,
    ) -> End {
        let Some(parent) = self.parent else {
            return tokio::select! {
                () = shutdown.cancelled() => End::Shutdown,
                _ = self.interrupt.recv() => End::Terminated,
                _ = self.terminate.recv() => End::Terminated,
            };
        };
        tokio::select! {
            () = shutdown.cancelled() => End::Shutdown,
            _ = self.terminate.recv() => End::Terminated,
            () = parent.gone() => End::Orphaned,
            () = unused(open_connections, unused_timeout) => End::Unused,
        }
    }
}

/// Returns once no connection was open for `patience`. A client may come back within
/// that time: gRPC reconnects after a broken transport.
async fn unused(mut open: watch::Receiver<usize>, patience: Duration) {
    loop {
        let none = open.wait_for(|&count| count == 0).await.is_ok();
        let some = timeout(patience, open.wait_for(|&count| count > 0)).await;
        // A closed channel means that the listener ended, so none will ever come.
        if !none || !matches!(some, Ok(Ok(_))) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_connection_resets_the_patience() {
        let (count, open) = watch::channel(0);
        let patience = Duration::from_secs(60);
        let waiting = tokio::spawn(unused(open, patience));
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_secs(59)).await;
            count.send_replace(1);
            tokio::time::sleep(Duration::from_secs(3600)).await;
            assert!(!waiting.is_finished());
            count.send_replace(0);
        }
        let since = tokio::time::Instant::now();
        waiting.await.unwrap();
        assert_eq!(since.elapsed(), patience);
    }
}
