//! A broker to try clients with: user `guest`, password `guest`, all rights on `/`.
//!
//! `cargo run --example serve -- [ADDRESS] [DIRECTORY]`; without arguments it listens on a free
//! loopback port and forgets everything when it ends. It prints the address and runs until ctrl-c.

use std::error::Error;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use broker_core::access::hash_password;
use broker_core::admin::Admin;
use broker_core::broker::{Broker, BrokerConfig};
use broker_core::definitions::{Expect, PasswordChange, PermissionSpec, UserUpdate};
use broker_core::journal::{Disk, FileDisk};
use broker_core::refusal::Refusal;
use broker_net::{ListenerConfig, Protocol, Server};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    let mut arguments = std::env::args().skip(1);
    let address = arguments
        .next()
        .unwrap_or_else(|| "127.0.0.1:0".to_owned())
        .parse()?;
    let temporary = tempfile::tempdir()?;
    let directory = arguments
        .next()
        .map_or_else(|| temporary.path().to_owned(), PathBuf::from);

    let disk: Arc<dyn Disk> = FileDisk::open(&directory)?;
    let (broker, writer) = Broker::open(&BrokerConfig::default(), disk)?;
    add_guest(&broker.admin())?;
    let listener = ListenerConfig {
        protocol: Protocol::Amqp,
        address,
        tls: None,
    };
    let server = Server::start(broker, writer, vec![listener]).await?;
    for endpoint in server.endpoints() {
        writeln!(std::io::stdout(), "{}", endpoint.address)?;
    }
    tokio::select! {
        ctrl_c = tokio::signal::ctrl_c() => ctrl_c?,
        error = server.failed() => return Err(error.into()),
    }
    server.shutdown(Duration::from_secs(5)).await;
    Ok(())
}

fn add_guest(admin: &Admin) -> Result<(), Refusal> {
    let password = Some(PasswordChange::Set(hash_password(b"guest")?));
    admin.put_user(
        "guest",
        UserUpdate {
            password,
            tags: None,
        },
        Expect::Any,
    )?;
    let everything = || ".*".to_owned();
    let permission = PermissionSpec {
        user: "guest".to_owned(),
        vhost: "/".to_owned(),
        configure: everything(),
        write: everything(),
        read: everything(),
    };
    admin.put_permission(&permission, Expect::Any)?;
    Ok(())
}
