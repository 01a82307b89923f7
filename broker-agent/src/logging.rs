//! Log lines: to standard error, for people or as JSON.

use std::io::{self, IsTerminal as _};

use anyhow::Context as _;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

use crate::config::LogFormat;

/// Environment variable that overrides the filter.
const FILTER_VARIABLE: &str = "FERRYMQ_LOG";

/// Starts logging for the whole process.
pub(crate) fn start(format: LogFormat, filter: Option<&str>) -> anyhow::Result<()> {
    let from_environment = std::env::var(FILTER_VARIABLE)
        .ok()
        .filter(|text| !text.is_empty());
    let directives = from_environment.as_deref().or(filter).unwrap_or("info");
    let filter = EnvFilter::try_new(directives).with_context(|| {
        format!("log filter {directives:?}: write a level such as info, or module=level pairs")
    })?;
    let terminal = io::stderr().is_terminal();
    // A log that cannot be written, as on a full disk, must not take the process with it: reporting
    // that on standard error would panic for the same reason.
    let lines = fmt()
        .log_internal_errors(false)
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(terminal);
    let json = match format {
        LogFormat::Auto => !terminal,
        LogFormat::Human => false,
        LogFormat::Json => true,
    };
    let started = if json {
        lines.json().flatten_event(true).try_init()
    } else {
        lines.with_target(false).try_init()
    };
    started
        .map_err(anyhow::Error::from_boxed)
        .context("start logging")
}
