//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::config::LogFormat;
use crate::{authority, dev, init, join, pairs, salvage, status};

/// Hosts FerryMQ message brokers on this machine.
///
/// Exit codes: 0 done; 1 failed; 2 wrong command line or configuration; 3 the agent cannot be
/// reached, or refuses; 4 salvaged, but not everything.
#[derive(Debug, Parser)]
#[command(name = "broker-agent", version, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Certifies the agents of EC2 instances that prove who they are.
    ///
    /// When ready, prints one line of JSON on standard output: pid, data_dir, endpoints.
    Authority(authority::Options),
    /// Lists the brokers of an agent.
    Brokers(status::Options),
    /// Runs one broker for one person, right now: no configuration, loopback only.
    ///
    /// When ready, prints one line of JSON on standard output: pid, data_dir, endpoints.
    Dev(dev::Options),
    /// Makes a standby of a pair active although it may lack messages: the last resort, when the node
    /// that has them is gone for good.
    ForcePromote(pairs::ForcePromote),
    /// Makes a directory with a CA, the agent's certificate, an administrator's certificate and a
    /// configuration.
    Init(init::Options),
    /// Makes an agent's directory on an EC2 instance, certified by an authority to which the instance
    /// proves who it is.
    Join(join::Options),
    /// Exports what can be read of a broker's data that is damaged, and changes nothing of it.
    ///
    /// Writes messages.jsonl, definitions.json and skipped.json. A message that nothing readable
    /// says is settled is exported, so some may have been consumed before.
    Salvage(salvage::Options),
    /// Runs the agent.
    ///
    /// When all its brokers have started, prints one line of JSON on standard output: pid,
    /// data_dir, endpoints.
    Serve(Serve),
    /// Tells how an agent and its brokers are.
    Status(status::Options),
    /// Makes another node of a pair the active one; loses nothing.
    Switchover(pairs::Switchover),
    /// Checks that nothing in an audit log was changed, added or removed after it was written.
    ///
    /// Rotated files beside it are checked with it. Lines cut off at the end do not show.
    VerifyAudit(VerifyAudit),
}

#[derive(Debug, Args)]
pub(crate) struct VerifyAudit {
    /// The log: DATA_DIR/logs/BROKER/audit.log.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Configuration file; `broker-agent init` makes one.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// How log lines look; overrides the configuration.
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
}
