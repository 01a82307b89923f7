//! Asks a provider on terraform-plugin-framework and one on tfplugin-rs the same, and compares every
//! answer.
//!
//! A run starts both behind go-plugin's handshake with mutual TLS, compares their schemas, sends the
//! [`tables`] of edge cases and then random [`scenario`]s until enough requests were made. Texts of
//! diagnostics are free; severity, path, and whether they stop are not. What may differ, and why,
//! stands in [`justified`]. Everything else ends the run with status 1 and shows the request with the
//! seed that leads to it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;

use crate::plugin::Plugin;
use crate::run::{Outcome, Plan, print, run};

mod announced;
mod answer;
mod bench;
mod call;
mod codec;
mod compare;
mod coverage;
mod decimal;
mod edges;
mod ephemeral;
mod features;
mod generate;
mod identified;
mod identity;
mod justified;
mod numbers;
mod plugin;
mod proposed;
mod random;
mod report;
mod run;
mod scenario;
mod schema;
mod send;
mod single;
mod tables;
mod term;

/// A run of at least so many requests is expected to meet every justified difference, as is one that
/// is to be reported.
const FULL: u64 = 100_000;

/// Compares tfplugin-rs with terraform-plugin-framework, answer by answer.
#[derive(Parser)]
struct Options {
    /// The provider in Go.
    #[arg(long)]
    reference: PathBuf,
    /// The provider in Rust; by default the one beside this program.
    #[arg(long)]
    ours: Option<PathBuf>,
    /// Of the first scenario; the next ones count up from it.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many random requests to send at least.
    #[arg(long, default_value_t = 100_000)]
    requests: u64,
    /// How many scenarios are under way at the same time.
    #[arg(long, default_value_t = 16)]
    parallel: usize,
    /// How many kinds of differences to show in full.
    #[arg(long, default_value_t = 12)]
    show: usize,
    /// Measure instead of comparing.
    #[arg(long)]
    bench: bool,
    /// Where to write what was compared, and then measured. A run that fails writes nothing.
    #[arg(long)]
    report: Option<PathBuf>,
    /// An argument for the provider in Rust.
    #[arg(long, allow_hyphen_values = true)]
    ours_argument: Option<String>,
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let options = Options::parse();
    let ours = match &options.ours {
        Some(path) => path.clone(),
        None => std::env::current_exe()?.with_file_name("tfplugin-conformance-provider"),
    };
    if options.bench {
        print(&bench::costs(&options.reference, &ours).await?);
        return Ok(ExitCode::SUCCESS);
    }
    let outcome = compare(&options, &ours).await?;
    if !outcome.is_same {
        return Ok(ExitCode::FAILURE);
    }
    if let Some(path) = &options.report {
        let costs = bench::costs(&options.reference, &ours).await?;
        print(&format!("\n{costs}"));
        fs::write(path, page(&outcome, &costs)).context("write the report")?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn compare(options: &Options, ours: &Path) -> Result<Outcome> {
    let reference = Plugin::start(&options.reference, &[])
        .await
        .context("the reference in Go")?;
    let arguments: Vec<&str> = options.ours_argument.iter().map(String::as_str).collect();
    let ours = Plugin::start(ours, &arguments)
        .await
        .context("the provider in Rust")?;
    let world = reference.world().await?;
    let plan = Plan {
        seed: options.seed,
        requests: options.requests,
        parallel: options.parallel,
        show: options.show,
        is_full: options.report.is_some() || options.requests >= FULL,
    };
    let outcome = run(&reference, &ours, &world, &plan).await?;
    reference.stop().await?;
    ours.stop().await?;
    Ok(outcome)
}

/// A page to keep.
fn page(outcome: &Outcome, costs: &str) -> String {
    let Outcome {
        tables, summary, ..
    } = outcome;
    format!(
        "# The last full run\n\nWritten by `make conformance`; how to read it stands in the \
         [README](README.md).\n\n{summary}.\n\n## What was asked\n\n{tables}\n## What it \
         costs\n\n{costs}"
    )
}
