//! What the framework costs: values on the wire, planning, and starting.
//!
//! `cargo bench -p tfplugin-rs` prints one line per figure, with the bar it is held against and
//! how the figure came about; it exits with 1 if a bar is missed. Time is processor time of the
//! measuring thread where that is what matters, so a busy machine changes little; of several
//! rounds the best counts. `cargo bench -p tfplugin-rs -- codec` runs one part.

#![allow(clippy::cast_precision_loss, reason = "figures for people")]
#![allow(clippy::print_stdout, reason = "the report")]
#![allow(clippy::unwrap_used, reason = "a benchmark stops where a test would")]

mod clock;
mod codec;
#[path = "../../tests/transport/identity.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared with the transport tests")]
mod identity;
mod plan;
mod report;
mod start;

use std::process::ExitCode;

use crate::report::Report;

fn main() -> ExitCode {
    // The measured child is this program too, so that nothing else needs to be built.
    if std::env::var_os("TF_PLUGIN_MAGIC_COOKIE").is_some() {
        return start::serve_empty();
    }
    let chosen = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with("--"));
    let mut report = Report::default();
    for (name, part) in [
        ("codec", codec::measure as fn(&mut Report)),
        ("plan", plan::measure),
        ("start", start::measure),
    ] {
        if chosen.as_deref().is_none_or(|chosen| chosen == name) {
            part(&mut report);
        }
    }
    report.finish()
}
