//! `campaign`: runs a fault campaign and says whether any promise was broken.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result};
use campaign::campaign::{INTERRUPTED, Settings, run};
use campaign::fault::Fault;
use clap::Parser;

/// The built agents at work while everything around them fails.
#[derive(Debug, Parser)]
struct Options {
    /// No cycle begins after so many minutes.
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,
    /// Cycles at most.
    #[arg(long, default_value_t = usize::MAX, hide_default_value = true)]
    cycles: usize,
    /// From which faults and their times are drawn [default: another one each time].
    #[arg(long)]
    seed: Option<u64>,
    /// One node instead of a pair.
    #[arg(long)]
    single: bool,
    /// Only these faults, separated by commas.
    #[arg(long, value_delimiter = ',')]
    faults: Vec<Fault>,
    /// Messages a second at most, of all publishers together; 0 for no limit.
    #[arg(long, default_value_t = 2000)]
    rate: u64,
    /// No fault lasts longer than six seconds.
    #[arg(long)]
    hasty: bool,
    /// Where agents and store live while it runs, and logs of failed cycles stay.
    #[arg(long, default_value = ".work/campaign")]
    dir: PathBuf,
    /// Where the report is written for programs [default: report.json in the directory].
    #[arg(long)]
    json: Option<PathBuf>,
}

fn main() -> Result<ExitCode> {
    let options = Options::parse();
    fs::create_dir_all(&options.dir)?;
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    let settings = Settings {
        seed: options.seed.unwrap_or(since.as_secs()),
        pair: !options.single,
        time: Duration::from_secs_f64(options.minutes * 60.0),
        cycles: options.cycles,
        faults: options.faults,
        rate: options.rate,
        hasty: options.hasty,
        dir: options.dir.canonicalize()?,
        progress: say,
    };
    say(&format!("seed {}", settings.seed));
    end_when_interrupted()?;
    let Some(report) = run(&settings)? else {
        say("left out, because WITHOUT says so");
        return Ok(ExitCode::SUCCESS);
    };
    let json = options
        .json
        .unwrap_or_else(|| settings.dir.join("report.json"));
    fs::write(&json, serde_json::to_string_pretty(&report)?)?;
    say(&format!("\n{report}"));
    Ok(if report.violations == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// A line for whoever watches; nobody may.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Has the campaign end after the cycle under way when a person interrupts it; a second time ends it
/// at once.
fn end_when_interrupted() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let wait = async {
        tokio::signal::ctrl_c().await?;
        INTERRUPTED.store(true, Ordering::Relaxed);
        say("ending after this cycle");
        tokio::signal::ctrl_c().await
    };
    thread::Builder::new()
        .name("interrupts".to_owned())
        .spawn(move || {
            if runtime.block_on(wait).is_ok() {
                std::process::exit(130);
            }
        })
        .context("wait for interrupts")?;
    Ok(())
}
