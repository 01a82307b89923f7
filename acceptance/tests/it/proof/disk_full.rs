//! A disk that fills up: publishers wait, consumers go on, nothing is lost, and all goes on when
//! there is room again.

use std::time::Instant;

use acceptance::dev::DevBroker;
use acceptance::ledger::{Ledger, MessageId, Stream};
use acceptance::poll;
use acceptance::small_disk::SmallDisk;
use anyhow::{Result, ensure};
use lapin::{Channel, Confirmation, Connection};
use tokio::task::{JoinHandle, block_in_place};
use tokio::time::timeout;

use super::traffic::{PATIENCE, drain, open, send, take};

/// A publish under way, until its confirm.
type Publishing = JoinHandle<lapin::Result<Confirmation>>;

const SIZE_MIB: u32 = 256;

/// Waits until the broker has told the client that publishers wait, or that they go on.
fn until_blocked(connection: &Connection, blocked: bool) -> Result<()> {
    let what = format!("connection.blocked = {blocked}");
    block_in_place(|| {
        poll::until(&what, PATIENCE, || {
            Ok((connection.status().blocked() == blocked).then_some(()))
        })
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn publishers_wait_for_room_and_consumers_make_it() -> Result<()> {
    let Some(disk) = SmallDisk::mount(SIZE_MIB)? else {
        return Ok(());
    };
    let mut broker = DevBroker::start_on(&disk)?;
    let ledger = Ledger::default();
    let (connection, channel) = open(&broker.uri()?).await?;
    for _ in 0..300 {
        let id = ledger.send(0);
        ensure!(
            send(&channel, id).await?.await?.is_ack(),
            "{id} was refused"
        );
        ledger.confirm(id);
    }

    // Below the watermark: the next publish waits, and the client is told so.
    disk.leave_free(20 << 20)?;
    let (held, publishing) = until_held(&connection, &channel, &ledger).await?;

    // Consumers take and settle as if nothing was; now with not a byte left.
    disk.leave_free(0)?;
    let (_other, consumer) = open(&broker.uri()?).await?;
    let mut stream = Stream::default();
    for number in 0..100 {
        ensure!(
            take(&consumer, &mut stream, &ledger).await?,
            "{number} came"
        );
    }
    ensure!(connection.status().blocked(), "the disk is still full");

    // Room again: the publish that waited is taken.
    disk.leave_free(200 << 20)?;
    until_blocked(&connection, false)?;
    let confirmed = timeout(PATIENCE, publishing).await?;
    ensure!(confirmed??.is_ack(), "{held} was refused");
    ledger.confirm(held);
    let id = ledger.send(0);
    ensure!(
        send(&channel, id).await?.await?.is_ack(),
        "{id} was refused"
    );
    ledger.confirm(id);

    // A crash on a full disk: what was settled stays settled, the rest is there.
    disk.leave_free(0)?;
    broker.crash()?;
    drain(&broker.uri()?, &ledger).await?;
    ledger.check()
}

/// Publishes until the broker says that publishers have to wait.
async fn until_held(
    connection: &Connection,
    channel: &Channel,
    ledger: &Ledger,
) -> Result<(MessageId, Publishing)> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let id = ledger.send(0);
        // By itself: the client holds back what it may not send.
        let channel = channel.clone();
        let publishing = tokio::spawn(async move { send(&channel, id).await?.await });
        // It is confirmed as long as the broker has not looked at its disk.
        block_in_place(|| {
            poll::until("a confirm, or word that publishers wait", PATIENCE, || {
                let told = publishing.is_finished() || connection.status().blocked();
                Ok(told.then_some(()))
            })
        })?;
        if !publishing.is_finished() {
            return Ok((id, publishing));
        }
        ensure!(publishing.await??.is_ack(), "{id} was refused");
        ledger.confirm(id);
        ensure!(Instant::now() < deadline, "the full disk was not noticed");
    }
}
