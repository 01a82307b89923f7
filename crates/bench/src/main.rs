//! The bench's command line.

use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result};
use bench::null::{Journal, NullBroker};
use bench::record::{self, Records};
use bench::report::{About, Notes, Report};
use bench::run::Plan;
use bench::scenario::Scenario;
use bench::sessions::{self, Work};
use bench::target::{Kind, Programs};
use clap::{Parser, Subcommand, ValueEnum as _};

/// Text about missed bars, kept by hand.
const NOTES: &str = "crates/bench/NOTES.md";

/// Measures FerryMQ against other brokers, and against what the machine allows.
#[derive(Debug, Parser)]
#[command(name = "bench", arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the null broker; prints one line of JSON with its address.
    Null {
        /// Append every message to a file in this directory and sync before confirming.
        #[arg(long, value_name = "DIR")]
        journal: Option<PathBuf>,
        /// Port; 0 for any free one.
        #[arg(long, default_value_t = 0)]
        port: u16,
    },
    /// Renders a report of what an earlier run recorded.
    Report {
        /// The directory that `run` wrote to.
        dir: PathBuf,
        /// What to say about missed bars.
        #[arg(long, value_name = "FILE", default_value = NOTES)]
        notes: PathBuf,
    },
    /// Passes messages through the engine without sockets, for callgrind; prints how many.
    Sessions {
        /// How many, rounded up to whole writes.
        #[arg(long, default_value_t = 100_000)]
        messages: u64,
        /// Length of each.
        #[arg(long, default_value_t = 16)]
        body_bytes: usize,
        /// Persistent, confirmed and acknowledged.
        #[arg(long)]
        durable: bool,
        /// With an encrypted journal.
        #[arg(long)]
        encrypted: bool,
        /// The journal's directory.
        dir: PathBuf,
    },
    /// Starts brokers, measures them in turn and writes a report.
    Run(Box<Run>),
}

#[derive(Debug, clap::Args)]
struct Run {
    /// Scenarios; all if none is named.
    #[arg(value_enum)]
    scenarios: Vec<Scenario>,
    /// Repetitions; medians are compared.
    #[arg(long, default_value_t = 5)]
    runs: u32,
    /// Seconds for which each throughput is measured.
    #[arg(long, default_value_t = 1.5)]
    seconds: f64,
    /// Messages in the backlog.
    #[arg(long, default_value_t = 1_000_000)]
    backlog: u64,
    /// Priority of generator and brokers on a machine that is shared; below 0 as root only.
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    nice: i32,
    /// Brokers; all that can be had if none is named.
    #[arg(long, value_enum, value_delimiter = ',')]
    targets: Vec<Kind>,
    /// Where records and reports go.
    #[arg(long, value_name = "DIR", default_value = "bench-results")]
    out: PathBuf,
    /// Where brokers keep their data: the disk that is measured.
    #[arg(long, value_name = "DIR", default_value = ".")]
    data_dir: PathBuf,
    /// `broker-agent`, release build.
    #[arg(
        long,
        value_name = "FILE",
        default_value = "target/release/broker-agent"
    )]
    broker_agent: PathBuf,
    /// `artemis` in the `bin` directory of its distribution.
    #[arg(
        long,
        value_name = "FILE",
        default_value = "/usr/share/artemis/bin/artemis"
    )]
    artemis: PathBuf,
    /// `mosquitto`.
    #[arg(long, value_name = "FILE", default_value = "/usr/sbin/mosquitto")]
    mosquitto: PathBuf,
    /// `nats-server`.
    #[arg(long, value_name = "FILE", default_value = "/usr/bin/nats-server")]
    nats_server: PathBuf,
    /// `rabbitmq-server`, the script that the package's wrapper calls.
    #[arg(
        long,
        value_name = "FILE",
        default_value = "/usr/lib/rabbitmq/bin/rabbitmq-server"
    )]
    rabbitmq_server: PathBuf,
    /// What the report says about missed bars.
    #[arg(long, value_name = "FILE", default_value = NOTES)]
    notes: PathBuf,
    /// What was measured, for the report: the commit.
    #[arg(long, default_value = "unknown")]
    commit: String,
}

fn main() -> Result<ExitCode> {
    match Cli::parse().command {
        Command::Null { journal, port } => null(journal, port),
        Command::Report { dir, notes } => {
            let records = record::read(&dir.join("records.jsonl"))?;
            let notes = Notes::read(&notes)?;
            Report::new(About::read(&dir)?, &records, notes).write(&dir)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Run(options) => run(*options),
        Command::Sessions {
            messages,
            body_bytes,
            durable,
            encrypted,
            dir,
        } => {
            let work = Work {
                messages,
                body_bytes,
                durable,
                encrypted,
            };
            let count = sessions::run(work, &dir)?;
            writeln!(std::io::stdout().lock(), "{count}")?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn null(journal: Option<PathBuf>, port: u16) -> Result<ExitCode> {
    let journal = journal.map(|dir| Journal::create(&dir)).transpose()?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    let ready = serde_json::json!({ "amqp": listener.local_addr()?.to_string() });
    let mut out = std::io::stdout().lock();
    writeln!(out, "{ready}")?;
    out.flush()?;
    drop(out);
    match NullBroker::new(listener, journal)?.run()? {}
}

fn run(options: Run) -> Result<ExitCode> {
    let all = |given: Vec<Kind>| match given.is_empty() {
        true => Kind::value_variants().to_vec(),
        false => given,
    };
    let scenarios = match options.scenarios.is_empty() {
        true => Scenario::value_variants().to_vec(),
        false => options.scenarios,
    };
    std::fs::create_dir_all(&options.out)
        .with_context(|| format!("create {}", options.out.display()))?;
    let plan = Plan {
        programs: Programs {
            bench: std::env::current_exe()?,
            broker_agent: options.broker_agent,
            artemis: options.artemis,
            mosquitto: options.mosquitto,
            nats_server: options.nats_server,
            rabbitmq_server: options.rabbitmq_server,
        },
        kinds: all(options.targets),
        scenarios,
        runs: options.runs,
        time: Duration::from_secs_f64(options.seconds),
        backlog: options.backlog,
        nice: options.nice,
        data_dir: options.data_dir,
    };
    plan.prepare()?;
    let notes = Notes::read(&options.notes)?;
    let about = About::of(&plan, &options.commit)?;
    let mut report = Report::new(about, &[], notes.clone());
    let mut records = Records::create(&options.out.join("records.jsonl"))?;
    let sound = plan.run(&mut records, |records, failures| {
        // After each repetition, so that a run that is cut short is not lost.
        report.about.failures = failures.to_vec();
        report.about.write(&options.out)?;
        report = Report::new(report.about.clone(), &records.all, notes.clone());
        report.write(&options.out)
    })?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", report.markdown())?;
    Ok(match sound {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}
