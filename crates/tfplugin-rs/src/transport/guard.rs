//! Panics: caught around one call, logged in the form Terraform reads.
//!
//! Uncaught, a panic would end the connection, and Terraform would report that the
//! plugin did not respond. Caught, it becomes one diagnostic about one resource, and
//! the others go on.

use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};

use futures_util::FutureExt;
use serde_json::{Map, Value};

use crate::logging;

/// What a call said when it panicked. Secrets are masked in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the provider panicked: {message}")]
pub struct Panicked {
    /// The panic's message.
    pub message: String,
}

/// Runs `work` and turns a panic in it into an error.
///
/// The work is given up in the middle, so what it shares with others must stay sound
/// then: a `std` mutex it held is poisoned, a half-done change stays half done.
pub async fn guard<F: Future>(work: F) -> Result<F::Output, Panicked> {
    AssertUnwindSafe(work)
        .catch_unwind()
        .await
        .map_err(|payload| Panicked {
            message: logging::masked(text_of(payload.as_ref())).into_owned(),
        })
}

/// From now on panics are written to stderr as one log line instead of raw text.
pub(crate) fn log_panics() {
    panic::set_hook(Box::new(log_panic));
}

/// Bypasses `tracing`: a panic is written at every level, and may come from within.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let mut fields = Map::new();
    if let Some(location) = panic.location() {
        fields.insert("location".to_owned(), location.to_string().into());
    }
    if let Some(thread) = std::thread::current().name() {
        fields.insert("thread".to_owned(), thread.into());
    }
    let backtrace = Backtrace::capture();
    if backtrace.status() == BacktraceStatus::Captured {
        fields.insert("backtrace".to_owned(), backtrace.to_string().into());
    }
    let message = format!("panic: {}", text_of(panic.payload()));
    fields.insert("@message".to_owned(), Value::String(message));
    logging::write_line(tracing::Level::ERROR, module_path!(), fields);
}

fn text_of(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("(a panic without text)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_value_passes_and_a_panic_becomes_an_error() {
        assert_eq!(guard(async { 7 }).await, Ok(7));

        let literal = guard(async { panic!("out of cheese") }).await;
        let literal: Result<(), _> = literal;
        assert_eq!(
            literal.unwrap_err().to_string(),
            "the provider panicked: out of cheese"
        );

        let formatted: Result<(), _> = guard(async { panic!("shelf {} is empty", 3) }).await;
        assert_eq!(formatted.unwrap_err().message, "shelf 3 is empty");

        let other: Result<(), _> = guard(async { panic::panic_any(7_u8) }).await;
        assert_eq!(other.unwrap_err().message, "(a panic without text)");
    }

    #[tokio::test]
    async fn a_secret_in_a_panic_is_masked() {
        logging::mask("guard-test-secret");
        let panicked: Result<(), _> =
            guard(async { panic!("login with {} failed", "guard-test-secret") }).await;
        assert_eq!(panicked.unwrap_err().message, "login with *** failed");
    }
}
