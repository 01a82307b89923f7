//! The scrub of a running server's journal.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

use broker_core::admin::ScrubStats;
use broker_net::{Options, Server};
use tokio::time::interval;

use crate::kit::{LOOPBACK, broker_on_disk, in_time, server_on_disk};

/// Flips a bit of the first record of the journal's first segment.
fn flip(directory: &Path) {
    let file = File::options()
        .read(true)
        .write(true)
        .open(directory.join("segment-00000001"))
        .unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, 4096 + 9).unwrap();
    file.write_all_at(&[byte[0] ^ 4], 4096 + 9).unwrap();
}

/// Starts the server with the scrub at once, after something was done to its journal, and answers
/// what the first round has seen.
async fn scrubbed(directory: &Path, meanwhile: impl FnOnce()) -> ScrubStats {
    let (broker, writer) = broker_on_disk(directory);
    meanwhile();
    let options = Options {
        scrub_after: Some(Duration::ZERO),
        ..Options::default()
    };
    let server = Server::start_with(broker, writer, vec![LOOPBACK], options)
        .await
        .unwrap();
    let stats = || server.broker().admin().stats().scrub;
    let mut again = interval(Duration::from_millis(5));
    in_time(async {
        while stats().rounds == 0 {
            again.tick().await;
        }
    })
    .await;
    let seen = stats();
    in_time(server.shutdown(Duration::from_secs(5))).await;
    seen
}

#[tokio::test]
async fn a_running_server_scrubs_its_journal_and_counts_what_is_damaged() {
    let dir = tempfile::tempdir().unwrap();
    let first = server_on_disk(dir.path()).await;
    in_time(first.shutdown(Duration::from_secs(5))).await;

    let sound = scrubbed(dir.path(), || {}).await;
    assert_eq!((sound.rounds, sound.damaged), (1, 0));
    assert!(sound.bytes > 512);
    let damaged = scrubbed(dir.path(), || flip(dir.path())).await;
    assert_eq!((damaged.rounds, damaged.damaged), (1, 1));
}
