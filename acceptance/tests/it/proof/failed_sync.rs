//! The disk refuses one sync and then works again, as disks do: the broker must not trust it.

use std::time::Duration;

use acceptance::debian;
use acceptance::dev::DevBroker;
use acceptance::ledger::Ledger;
use anyhow::{Context, Result, bail, ensure};

use super::traffic::{drain, open, send};

/// `fdatasync` number `when` of the broker's life fails with EIO, and only that one.
async fn a_sync_fails(when: u32) -> Result<()> {
    let inject = format!("inject=fdatasync:error=EIO:when={when}");
    // As a process of its own beside the broker, so that the broker is the test's child.
    let strace = [
        "strace",
        "-D",
        "-f",
        "-qq",
        "-e",
        "trace=fdatasync",
        "-e",
        &inject,
    ];
    let mut broker = DevBroker::start_under(&strace.map(str::to_owned))?;
    let ledger = Ledger::default();
    let (_connection, channel) = open(&broker.uri()?).await?;
    // One at a time: the sync that fails is that of the one message that waits for its confirm.
    let failed = loop {
        let id = ledger.send(0);
        ensure!(
            id.number < 1000,
            "no sync failed: is strace allowed to trace?"
        );
        let confirm = async { send(&channel, id).await?.await };
        match confirm.await {
            Ok(confirm) if confirm.is_ack() => ledger.confirm(id),
            Ok(other) => bail!("{id}: {other:?}"),
            Err(_) => break id,
        }
    };
    let status = broker.server_mut()?.wait(Duration::from_secs(30))?;
    ensure!(!status.success(), "it ended as if all was well: {status}");
    let log = broker.server()?.log();
    ensure!(
        log.contains("cannot sync segment-"),
        "the log does not say why:\n{log}"
    );
    let refused = log
        .lines()
        .filter(|line| line.contains("EIO (Input/output error) (INJECTED)"));
    ensure!(refused.count() == 1, "one sync was to fail:\n{log}");
    let after = log
        .lines()
        .skip_while(|line| !line.contains("(INJECTED)"))
        .skip(1);
    let again = after.filter(|line| line.contains("fdatasync(")).count();
    ensure!(again == 0, "the sync was tried again:\n{log}");

    broker.run_without_prefix();
    broker
        .restart()
        .context("start again on what the disk holds")?;
    drain(&broker.uri()?, &ledger).await?;
    ensure!(
        ledger.confirmed() as u32 == failed.number,
        "more was confirmed than synced"
    );
    ledger.check()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_whose_sync_failed_stops_and_loses_nothing_it_confirmed() -> Result<()> {
    if !debian::strace()? {
        return Ok(());
    }
    for when in [30, 47, 90] {
        a_sync_fails(when)
            .await
            .with_context(|| format!("sync number {when}"))?;
    }
    Ok(())
}
