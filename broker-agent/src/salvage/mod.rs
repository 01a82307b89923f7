//! `broker-agent salvage`: what can be read of a broker's data that the broker refuses to open.
//!
//! ```text
//! OUT/messages.jsonl    one message of one queue a line: vhost, queue, queue_id, sequence, exchange,
//!                       routing_key, properties, properties_amqp091_base64, body_base64
//! OUT/definitions.json  vhosts, users with the hashes of their passwords, permissions, exchanges,
//!                       queues, bindings
//! OUT/skipped.json      file, offset, bytes and reason of everything that was passed over
//! ```
//!
//! Lines come queue by queue, each in its order. The names of a queue whose definition is lost are
//! null.

mod json;

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use broker_core::broker;
use broker_core::journal::{ReadOnlyDisk, Skipped};
use serde_json::Value as Json;

use self::json::{definitions_json, message_json, skipped_json};
use crate::{INCOMPLETE, encryption};

/// What `salvage` was asked for.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// A broker's data: the directory that the refusal names.
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// The key file of an encrypted broker, whose keyring is in `keys` beside the journal.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// Directory to make for what is exported.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// Exports, tells what was passed over, and answers whether that was nothing.
pub(crate) fn run(options: &Options, told: &mut impl Write) -> anyhow::Result<ExitCode> {
    let journal = journal_dir(&options.data_dir)?;
    let disk = ReadOnlyDisk::open(&journal)?;
    let key_file = options.key_file.as_deref();
    let keys = key_file.map(|file| encryption::keys_for_salvage(&journal, file));
    let keys = keys.transpose()?;
    let out = &options.out;
    make_out(out).with_context(|| format!("make {}", out.display()))?;
    let mut messages = create(out, "messages.jsonl")?;
    let salvaged = broker::salvage(&disk, keys.as_ref(), &mut |message| {
        serde_json::to_writer(&mut messages, &message_json(message))?;
        messages.write_all(b"\n")
    })?;
    finish(messages)?;
    write_json(
        out,
        "definitions.json",
        &definitions_json(&salvaged.definitions),
    )?;
    let skipped: Vec<_> = salvaged.skipped.iter().map(skipped_json).collect();
    write_json(out, "skipped.json", &Json::Array(skipped))?;
    File::open(out)?.sync_all()?;
    let (messages, queues) = (salvaged.messages, salvaged.definitions.queues.len());
    writeln!(
        told,
        "{messages} messages and the definitions of {queues} queues exported to {}",
        out.display()
    )?;
    for Skipped {
        file,
        offset,
        bytes,
        reason,
    } in &salvaged.skipped
    {
        writeln!(
            told,
            "skipped: {file}, byte {offset}, {bytes} bytes: {reason}"
        )?;
    }
    Ok(if salvaged.skipped.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(INCOMPLETE)
    })
}

/// The journal of a broker's data directory; it may itself be named.
fn journal_dir(data_dir: &Path) -> anyhow::Result<PathBuf> {
    let names = |dir: &Path| -> io::Result<Vec<String>> {
        let entries = fs::read_dir(dir)?;
        let name = |entry: io::Result<fs::DirEntry>| Ok(entry?.file_name());
        let names = entries.map(name).collect::<io::Result<Vec<_>>>()?;
        let text = |name: std::ffi::OsString| name.into_string().ok();
        Ok(names.into_iter().filter_map(text).collect())
    };
    let found = names(data_dir).with_context(|| format!("read {}", data_dir.display()))?;
    let has = |name: &str| found.iter().any(|found| found.starts_with(name));
    if has("segment-") || has("checkpoint-") {
        return Ok(data_dir.to_owned());
    }
    let journal = data_dir.join("journal");
    if journal.is_dir() {
        return Ok(journal);
    }
    let brokers = data_dir.join("brokers");
    match names(&brokers) {
        Ok(ids) if !ids.is_empty() => bail!(
            "{} is the data of an agent with several brokers: name one of {}",
            data_dir.display(),
            ids.iter()
                .map(|id| brokers.join(id).display().to_string())
                .collect::<Vec<_>>()
                .join(", ")
        ),
        _ => bail!("{} holds no broker's data", data_dir.display()),
    }
}

/// What is exported is as secret as the data: nobody else may read it.
fn make_out(out: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(out)
}

fn create(out: &Path, name: &str) -> anyhow::Result<BufWriter<File>> {
    let path = out.join(name);
    let mut options = OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(&path);
    let file = file.with_context(|| format!("create {}", path.display()))?;
    Ok(BufWriter::new(file))
}

fn finish(file: BufWriter<File>) -> io::Result<()> {
    file.into_inner()?.sync_all()
}

fn write_json(out: &Path, name: &str, json: &Json) -> anyhow::Result<()> {
    let mut file = create(out, name)?;
    serde_json::to_writer_pretty(&mut file, json)?;
    file.write_all(b"\n")?;
    Ok(finish(file)?)
}
