//! Log lines: to standard error, for people or as JSON, and to files.

use std::io::{self, IsTerminal as _};

use anyhow::Context as _;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, fmt, registry};

use crate::config::LogFormat;
use crate::logs::Logs;

/// Environment variable that overrides the filter.
const FILTER_VARIABLE: &str = "FERRYMQ_LOG";

/// What standard error shows by default: the rest is in the log files.
const DEFAULT: &str = "info,audit=warn,connection=off";

/// Starts logging for the whole process; to files, too, if there are to be any.
pub(crate) fn start(
    format: LogFormat,
    filter: Option<&str>,
    files: Option<Logs>,
) -> anyhow::Result<()> {
    let from_environment = std::env::var(FILTER_VARIABLE)
        .ok()
        .filter(|text| !text.is_empty());
    let directives = from_environment.as_deref().or(filter).unwrap_or(DEFAULT);
    let filter = EnvFilter::try_new(directives).with_context(|| {
        format!("log filter {directives:?}: write a level such as info, or module=level pairs")
    })?;
    let terminal = io::stderr().is_terminal();
    // A log that cannot be written, as on a full disk, must not take the process with it: reporting
    // that on standard error would panic for the same reason.
    let lines = fmt::layer()
        .log_internal_errors(false)
        .with_writer(io::stderr)
        .with_ansi(terminal);
    let json = match format {
        LogFormat::Auto => !terminal,
        LogFormat::Human => false,
        LogFormat::Json => true,
    };
    let lines = if json {
        lines.json().flatten_event(true).boxed()
    } else {
        lines.with_target(false).boxed()
    };
    registry()
        .with(lines.with_filter(filter))
        .with(files.with_filter(LevelFilter::INFO))
        .try_init()
        .context("start logging")
}
