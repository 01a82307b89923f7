//! `broker-agent`: hosts brokers on a machine, manages them over gRPC, shows how they are.
//!
//! Thin on purpose: what a broker does is in `broker-core`, how it meets sockets in `broker-net`,
//! what callers may ask in `agent-api`. This program holds the parts together.
//!
//! One call's path: [`incoming`] accepts a connection and checks its certificate with the settings
//! of [`tls`]; [`grpc`] hands the call to the handler of its service; the handler finds the
//! broker in [`hosting`], which looks after the lives of all brokers, and calls the engine's
//! management side through its [`host`]; it answers when the journal is durable. Which brokers
//! there are survives in the [`registry`]. What brokers count and time, [`metrics`] reads and gives
//! out.

mod authority;
mod bounds;
mod cli;
mod config;
mod dev;
mod encryption;
mod grpc;
mod host;
mod hosting;
mod http;
mod identity;
mod incoming;
mod init;
mod join;
mod listeners;
mod logging;
mod logs;
mod memory;
mod metrics;
mod name;
mod pairs;
mod passwords;
mod registry;
mod replication;
mod salvage;
mod serve;
mod shutdown;
mod status;
mod tls;
mod tokens;
mod totals;
mod web;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser as _;
use serde_json::json;

use cli::{Cli, Command};
use config::{Config, ConfigError};

/// The command failed.
const FAILED: u8 = 1;
/// The command line or the configuration is wrong; also clap's own.
const MISUSED: u8 = 2;
/// The agent cannot be reached, or refuses.
const UNREACHABLE: u8 = 3;
/// Done as far as possible: not all of a damaged journal could be read.
const INCOMPLETE: u8 = 4;

fn main() -> ExitCode {
    memory::set_allocator_up();
    let result = match Cli::parse().command {
        Command::Authority(options) => many(authority::run(options)),
        Command::Brokers(options) => single(status::brokers(options)),
        Command::Dev(options) => many(dev::run(options)),
        Command::ForcePromote(options) => single(pairs::force_promote(options)),
        Command::Init(options) => {
            init::run(&options, &mut io::stdout()).map(|()| ExitCode::SUCCESS)
        }
        Command::Join(options) => single(join::run(options)),
        Command::Salvage(options) => salvage::run(&options, &mut io::stdout()),
        Command::Serve(options) => Config::load(&options.config)
            .map_err(anyhow::Error::from)
            .and_then(|config| many(serve::run(config, options.log_format))),
        Command::Status(options) => single(status::status(options)),
        Command::Switchover(options) => single(pairs::switchover(options)),
        Command::VerifyAudit(options) => logs::verify(&options, &mut io::stdout()),
    };
    result.unwrap_or_else(|error| {
        // Nobody is left to tell when standard error is closed.
        let _ = writeln!(io::stderr(), "error: {error:#}");
        ExitCode::from(exit_code(&error))
    })
}

/// Runs a command that serves, on all cores.
fn many(command: impl Future<Output = anyhow::Result<ExitCode>>) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.spawn(memory::give_back_after_load());
    runtime.block_on(command)
}

/// Runs a command that asks and answers.
fn single(command: impl Future<Output = anyhow::Result<ExitCode>>) -> anyhow::Result<ExitCode> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(command)
}

fn exit_code(error: &anyhow::Error) -> u8 {
    if error.is::<ConfigError>() || error.is::<tls::TlsError>() {
        return MISUSED;
    }
    match error.downcast_ref::<agent_api::Error>() {
        None | Some(agent_api::Error::Rpc(_)) => FAILED,
        Some(agent_api::Error::Address(_) | agent_api::Error::Identity(_)) => MISUSED,
        Some(_) => UNREACHABLE,
    }
}

/// Tells whoever started us that we are ready: one line of JSON on standard output.
fn announce(
    data_dir: &std::path::Path,
    endpoints: &serde_json::Map<String, serde_json::Value>,
) -> io::Result<()> {
    let pid = std::process::id();
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "{}",
        json!({ "pid": pid, "data_dir": data_dir, "endpoints": endpoints })
    )?;
    out.flush()?;
    memory::give_back_start_code();
    Ok(())
}
