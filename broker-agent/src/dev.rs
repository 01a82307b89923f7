//! `broker-agent dev`: one broker for one person, or one test, right now.
//!
//! It is an agent with a single broker that is opened to its owner alone: plaintext, loopback
//! addresses only, a well-known user. Nothing of it is meant for a network.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use broker_core::access::PasswordHash;
use broker_core::admin::Admin;
use broker_core::definitions::{Expect, PasswordChange, PermissionSpec, UserUpdate};
use broker_core::journal::Lsn;
use broker_core::refusal::Refusal;
use serde_json::Map;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::bounds::Bounds;
use crate::config::{Listen, LogFormat, parse_address_or_none};
use crate::host::Host;
use crate::hosting::{Hosting, Listeners, State};
use crate::http::Pages;
use crate::metrics::{self, Metrics};
use crate::passwords::Hashing;
use crate::registry::{Change, Listener, Registry};
use crate::{announce, logging, shutdown};

/// Name of the one broker.
const BROKER: &str = "dev";

/// The default password, which everybody knows.
const PASSWORD: &str = "guest";

/// Its hash, made once for everybody, since there is nothing to protect: hashing would take as long
/// as all the rest of the start.
const PASSWORD_HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$ZuL3Fw8tn1smIC4HvPdBsg\
    $OED1xdUqM/DyyIzwlqNHq4iUxCbIQackGl+QToWk9VE";

/// A full disk is met before it happens, but a developer's may be nearly full at any time.
const DISK_KEEP_FREE_BYTES: u64 = 64 << 20;

/// A stop takes less than five seconds in all.
const STOP_DEADLINE: Duration = Duration::from_secs(3);

/// What `dev` was asked for.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Where to keep data [default: a private directory that is removed at the end].
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The user who may do everything.
    #[arg(long, default_value = "guest")]
    user: String,
    /// The user's password.
    #[arg(long, default_value = PASSWORD)]
    password: String,
    /// Where to listen for AMQP; port 0 for any free port.
    #[arg(long, value_name = "ADDR|none", default_value = "127.0.0.1:5672", value_parser = loopback)]
    amqp: Listen,
    /// Where to show the status page; port 0 for any free port.
    #[arg(long, value_name = "ADDR|none", default_value = "127.0.0.1:15672", value_parser = loopback)]
    http: Listen,
    /// How log lines look.
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "auto")]
    log_format: LogFormat,
}

/// Runs until a signal comes or the disk fails.
pub(crate) async fn run(options: Options) -> anyhow::Result<ExitCode> {
    logging::start(options.log_format, None, None)?;
    let stopping = shutdown::on_signal()?;
    let data = DataDir::make(options.data_dir.as_deref())?;
    let hosting = open(data.path(), &options)?;
    let result = serve(&options, &hosting, data.path(), &stopping).await;
    hosting.shutdown(STOP_DEADLINE).await;
    result.map(|()| ExitCode::SUCCESS)
}

async fn serve(
    options: &Options,
    hosting: &Arc<Hosting>,
    data_dir: &Path,
    stopping: &CancellationToken,
) -> anyhow::Result<()> {
    // A second core has nothing else to do.
    let (hash, ()) = tokio::join!(hash(&options.password), hosting.settled());
    let host = running(hosting)?;
    admit(&host, options, hash.context("--password")?).await?;
    let mut endpoints = Map::new();
    for open in host.endpoints().await {
        let shown = crate::listeners::endpoint(&open, "localhost");
        endpoints.insert(shown.protocol, open.address.to_string().into());
    }
    if let Listen(Some(address)) = options.http {
        let listener = TcpListener::bind(address).await.with_context(|| {
            format!("cannot listen on {address}; choose another with --http ADDR, or --http none")
        })?;
        endpoints.insert("http".to_owned(), listener.local_addr()?.to_string().into());
        let settings = metrics::settings::Settings::default();
        let keep_free_bytes = Some(DISK_KEEP_FREE_BYTES);
        let metrics = Metrics::new(Arc::clone(hosting), data_dir, keep_free_bytes, &settings);
        let pages = Pages {
            hosting: Arc::clone(hosting),
            metrics,
            advertised_host: "localhost".to_owned(),
            stopping: stopping.clone(),
        };
        pages.serve_plain(listener);
    }
    announce(data_dir, &endpoints).context("write to standard output")?;
    info!(user = options.user, "ready");
    let mut changes = hosting.watch();
    loop {
        tokio::select! {
            () = stopping.cancelled() => return Ok(()),
            changed = changes.changed() => changed?,
        }
        if !stopping.is_cancelled() {
            running(hosting)?;
        }
    }
}

/// The broker, or why it does not run.
fn running(hosting: &Hosting) -> anyhow::Result<Arc<Host>> {
    match hosting.view(BROKER)?.state {
        State::Running(host) => Ok(host),
        State::Failed(reason) => {
            bail!("{reason}; --amqp ADDR chooses another address, --data-dir DIR another directory")
        }
        state => bail!("the broker does not run but is {state:?}"),
    }
}

/// Registers the one broker with the listeners of this run, and begins to start it.
fn open(data_dir: &Path, options: &Options) -> anyhow::Result<Arc<Hosting>> {
    let (registry, records) = Registry::open(data_dir)?;
    let listeners = listeners(options);
    let mut records = records.into_iter();
    let found = records.find(|record| record.name.as_str() == BROKER);
    let record = match found {
        // Not written again: a disk that is full to the brim must not keep the broker from starting.
        Some(record) if record.listeners == listeners => record,
        found => {
            let record = match found {
                Some(record) => registry.changed(
                    &record,
                    Change {
                        listeners: Some(listeners),
                        ..Change::default()
                    },
                ),
                None => registry.new_record(BROKER.parse()?, String::new(), listeners, None)?,
            };
            registry.put(&record)?;
            record
        }
    };
    let bounds = Bounds {
        disk_keep_free_bytes: Some(DISK_KEEP_FREE_BYTES),
        ..Bounds::default()
    };
    let hosting = Hosting::open(registry, vec![record], None, bounds, None, None);
    Ok(hosting)
}

fn listeners(options: &Options) -> Listeners {
    let listener = |address: SocketAddr| Listener {
        address: address.ip().to_string(),
        port: address.port(),
        tls: false,
        client_certificates: None,
    };
    let amqp = options
        .amqp
        .0
        .map(|address| ("amqp".to_owned(), listener(address)));
    amqp.into_iter().collect::<BTreeMap<_, _>>()
}

/// Lets the user do everything; a password that is right already keeps its hash.
async fn admit(host: &Host, options: &Options, hash: PasswordHash) -> anyhow::Result<()> {
    let user = options.user.as_str();
    let known = host
        .admin()
        .user(user)
        .ok()
        .and_then(|user| user.value.password);
    let right = match known {
        Some(known) if known == hash => true,
        Some(known) => {
            let plaintext = options.password.clone();
            tokio::task::spawn_blocking(move || known.matches(plaintext.as_bytes())).await?
        }
        None => false,
    };
    let change = (!right).then_some(PasswordChange::Set(hash));
    let lsn = grant(host.admin(), user, change).with_context(|| format!("make user {user:?}"))?;
    Ok(host.durable(lsn).await?)
}

async fn hash(password: &str) -> Result<PasswordHash, Refusal> {
    match password {
        PASSWORD => PasswordHash::parse(PASSWORD_HASH),
        other => Hashing::default().hash(other.to_owned()).await,
    }
}

fn grant(admin: &Admin, user: &str, password: Option<PasswordChange>) -> Result<Lsn, Refusal> {
    let tags = Some(std::iter::once("administrator".to_owned()).collect());
    admin.put_user(user, UserUpdate { password, tags }, Expect::Any)?;
    let everything = || ".*".to_owned();
    let permission = PermissionSpec {
        user: user.to_owned(),
        vhost: "/".to_owned(),
        configure: everything(),
        write: everything(),
        read: everything(),
    };
    Ok(admin.put_permission(&permission, Expect::Any)?.lsn)
}

/// A directory that stays, or one that goes with us.
enum DataDir {
    Kept(PathBuf),
    Private(TempDir),
}

impl DataDir {
    fn make(chosen: Option<&Path>) -> anyhow::Result<Self> {
        match chosen {
            Some(path) => Ok(Self::Kept(std::path::absolute(path)?)),
            None => tempfile::Builder::new()
                .prefix("ferrymq-dev-")
                .tempdir()
                .map(Self::Private)
                .context("make a private data directory"),
        }
    }

    fn path(&self) -> &Path {
        match self {
            Self::Kept(path) => path,
            Self::Private(dir) => dir.path(),
        }
    }
}

/// An address of this machine alone: the password is well known and nothing is encrypted.
fn loopback(text: &str) -> Result<Listen, String> {
    let listen = parse_address_or_none(text)?;
    match listen.0 {
        Some(address) if !address.ip().is_loopback() => Err(format!(
            "{} is not a loopback address, and dev is for this machine alone; use 127.0.0.1 or \
             [::1], or `broker-agent serve` for a network",
            address.ip()
        )),
        _ => Ok(listen),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_default_password_has_the_hash_that_is_written_down() {
        let known = hash(PASSWORD).await.unwrap();
        assert_eq!(known, hash(PASSWORD).await.unwrap());
        assert!(known.matches(PASSWORD.as_bytes()));
        let other = hash("other").await.unwrap();
        assert!(other.matches(b"other") && !other.matches(PASSWORD.as_bytes()));
    }

    #[test]
    fn only_loopback_addresses_are_taken() {
        for good in ["127.0.0.1:0", "127.9.9.9:1", "[::1]:5672", "none"] {
            assert!(loopback(good).is_ok(), "{good}");
        }
        for bad in [
            "0.0.0.0:5672",
            "[::]:5672",
            "10.0.0.1:5672",
            "localhost",
            "5672",
        ] {
            assert!(loopback(bad).is_err(), "{bad}");
        }
    }
}
