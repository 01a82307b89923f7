//! lapin, the Rust client. It is a dependency of these tests already, so its scenarios are functions
//! here instead of a program of their own.

mod broker;
mod consuming;
mod contents;
mod dead_letters;
mod publishing;
mod recovery;
mod refusals;
mod topology;

use std::time::Duration;

use anyhow::{Context, Result};
use tokio::time::timeout;

use self::broker::Broker;
use super::{report, stage::Stage};

/// Longest time of one scenario.
const DEADLINE: Duration = Duration::from_secs(60);

/// Runs scenarios, which are functions of a broker, one after the other; a line for each.
macro_rules! report {
    ($broker:expr, $($theme:ident: $($name:ident),+;)+) => {[$($({
        let ran = timeout(DEADLINE, Box::pin($theme::$name($broker))).await;
        line(stringify!($name), ran.context("it takes too long").flatten())
    }),+),+]};
}

fn line(name: &str, ran: Result<()>) -> String {
    let line = match ran {
        Ok(()) => format!("ok {name}"),
        Err(wrong) => format!("failed {name}: {}", format!("{wrong:#}").replace('\n', " ")),
    };
    eprintln!("{line}");
    line
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_scenario() -> Result<()> {
    let stage = tokio::task::spawn_blocking(Stage::set).await??;
    let broker = &Broker::of(&stage);
    let lines = report!(broker,
        topology: declare_and_bind, alternate_exchange, headers_exchange, consistent_hash,
            exclusive_queue, policies;
        publishing: confirms, mandatory_return, transactions, copies, full_queue, blocked;
        consuming: get, prefetch, settling, recover, priorities, single_active_consumer,
            cancel_notification, shared_queue, request_reply;
        dead_letters: dead_letters, delivery_limit;
        contents: properties, header_types, large_messages, many_channels, update_secret;
        refusals: wrong_password, missing_permission, channel_errors, connection_errors;
        recovery: cut_connection, restarted_broker;
    );
    tokio::task::spawn_blocking(|| drop(stage)).await?;
    report::check(&lines.join("\n"), &[])
}
