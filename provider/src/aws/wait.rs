//! Waiting for AWS and for agents: until it is so, the deadline, or an interruption.

use std::time::Duration;

use cloud_aws::{Answer, Kind};
use tfplugin_rs::prelude::*;

use crate::agents::Agents;

/// How often is looked at first: what is fast is seen soon.
const FIRST_POLL: Duration = Duration::from_millis(500);

/// How often is looked at what takes long.
const POLL: Duration = Duration::from_secs(4);

/// How often the log says that it still waits.
const PROGRESS: Duration = Duration::from_secs(15);

/// How often a call is made that speaks of something new. With growing pauses that is half a minute.
const PATIENCE: usize = 10;

/// A call about something that was just made and may not be known everywhere yet.
pub(crate) async fn patiently<'c, T>(
    doing: &str,
    cx: &Context<Agents>,
    call: impl Fn() -> Answer<'c, T>,
) -> Result<T> {
    let mut wait = Wait::new("AWS to know what was just made");
    let mut left = PATIENCE;
    loop {
        let error = match call().await {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        left -= 1;
        let is_hopeless = error.kind != Kind::NotFound || left == 0;
        if is_hopeless || wait.turn(&error.to_string(), cx).await.is_err() {
            return Err(super::failed(doing, &error).into());
        }
    }
}

/// A wait, from its beginning.
pub(crate) struct Wait {
    what: String,
    started: tokio::time::Instant,
    told: tokio::time::Instant,
    pause: Duration,
}

/// Why a wait has ended in vain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Vain {
    Deadline,
    Interrupted,
}

impl Wait {
    /// `what` completes "waiting for …".
    pub(crate) fn new(what: impl Into<String>) -> Self {
        let now = tokio::time::Instant::now();
        Self {
            what: what.into(),
            started: now,
            told: now,
            pause: FIRST_POLL,
        }
    }

    /// Until the next look; `so_far` is how things stand.
    pub(crate) async fn turn(&mut self, so_far: &str, cx: &Context<Agents>) -> Result<(), Vain> {
        let now = tokio::time::Instant::now();
        if now - self.told >= PROGRESS {
            self.told = now;
            let waited = (now - self.started).as_secs();
            tracing::info!(waited, so_far, "still waiting for {}", self.what);
        }
        if cx.stop().is_stopped() {
            return Err(Vain::Interrupted);
        }
        let next = now + self.pause;
        self.pause = (self.pause * 2).min(POLL);
        if cx.deadline().is_some_and(|deadline| next > deadline) {
            return Err(Vain::Deadline);
        }
        cx.stop()
            .unless_stopped(tokio::time::sleep_until(next))
            .await;
        Ok(())
    }

    /// The error of a wait that has ended in vain.
    pub(crate) fn failed(&self, vain: Vain, so_far: &str, member: &'static str) -> Diagnostic {
        let what = &self.what;
        match vain {
            Vain::Deadline => {
                let detail = format!(
                    "Waited for {what} for {} s: {so_far}. Raise `timeouts.{member}` if it needs \
                     longer.",
                    self.started.elapsed().as_secs()
                );
                Diagnostic::error("The operation took too long", detail)
                    .at(AttributePath::from("timeouts").attribute(member))
            }
            Vain::Interrupted => {
                let detail = format!(
                    "Was waiting for {what} when the run was interrupted: {so_far}. What there is of \
                     it is in the state."
                );
                Diagnostic::error("Interrupted", detail)
            }
        }
    }
}
