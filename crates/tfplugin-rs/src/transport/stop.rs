//! The signal that a user wants the run to end.

use tokio_util::sync::CancellationToken;

/// Says that Terraform was asked to stop. Clones share one state.
///
/// StopProvider fires it. Calls in flight are *not* cut off: Terraform waits for them
/// and saves the state they return. So whatever waits long (an instance to boot, a
/// queue to drain) should watch the token, give up waiting, and answer with what is
/// true so far and an error.
#[derive(Clone, Debug, Default)]
pub struct StopToken(CancellationToken);

impl StopToken {
    /// A token that has not fired.
    pub fn new() -> Self {
        Self::default()
    }

    /// A token that fires with this one, and may fire before.
    pub(crate) fn child(&self) -> Self {
        Self(self.0.child_token())
    }

    /// Fires it when the guard is dropped.
    pub(crate) fn stop_on_drop(&self) -> impl Send + use<> {
        self.0.clone().drop_guard()
    }

    /// Fires it, for good. Firing twice is the same as once.
    pub fn stop(&self) {
        self.0.cancel();
    }

    /// Whether it has fired.
    pub fn is_stopped(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Waits until it fires; at once if it has.
    pub async fn stopped(&self) {
        self.0.cancelled().await;
    }

    /// Runs `wait`, and drops it with `None` when the token fires first. For waits
    /// only: a call that changes something must run to its end.
    pub async fn unless_stopped<F: Future>(&self, wait: F) -> Option<F::Output> {
        self.0.run_until_cancelled(wait).await
    }
}
