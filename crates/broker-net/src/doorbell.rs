//! How the broker wakes a connection's task.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use broker_core::outbox::Wake;
use futures_util::task::AtomicWaker;

/// Rung by the broker, answered by one task. Rings that come before the answer are one ring.
#[derive(Debug, Clone, Default)]
pub(crate) struct Doorbell(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    rung: AtomicBool,
    task: AtomicWaker,
}

impl Wake for Doorbell {
    fn wake(&self) {
        if !self.0.rung.swap(true, Ordering::AcqRel) {
            self.0.task.wake();
        }
    }
}

impl Doorbell {
    /// Ready once per ring.
    pub(crate) fn poll_rung(&self, context: &mut Context<'_>) -> Poll<()> {
        if self.answer() {
            return Poll::Ready(());
        }
        self.0.task.register(context.waker());
        // It may have been rung between the look and the registration.
        if self.answer() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    fn answer(&self) -> bool {
        self.0.rung.load(Ordering::Relaxed) && self.0.rung.swap(false, Ordering::AcqRel)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::task::noop_waker;

    use super::*;

    #[test]
    fn rings_before_an_answer_are_one() {
        let bell = Doorbell::default();
        let waker = noop_waker();
        let mut context = Context::from_waker(&waker);
        assert!(bell.poll_rung(&mut context).is_pending());
        bell.wake();
        bell.clone().wake();
        assert!(bell.poll_rung(&mut context).is_ready());
        assert!(bell.poll_rung(&mut context).is_pending());
    }
}
