//! A pair whose record is in a real etcd.

use agent_api::v1::coordination::Store;
use agent_api::v1::{EtcdStore, ReplicationState};

use super::cluster::{self, Cluster};
use super::kit::Fleet;
use crate::process::eventually;

const A: usize = 0;
const B: usize = 1;

#[tokio::test]
async fn etcd_decides_and_is_not_needed_meanwhile() {
    if !cluster::wanted() {
        return;
    }
    let mut etcd = tokio::task::spawn_blocking(|| Cluster::start(1, None))
        .await
        .unwrap();
    let mut fleet = Fleet::start();
    let store = Store::Etcd(EtcdStore {
        endpoints: etcd.addresses(),
        ..Default::default()
    });
    fleet.create_pair(store).await;
    fleet.furnish(A).await;
    fleet.publish(A, &["one"]).await;

    fleet.agents[A].process.kill();
    fleet.becomes(B, ReplicationState::ActiveAlone).await;
    fleet.publish(B, &["two"]).await;

    // Without the store a lone active serves on, and whoever starts waits and says for what.
    etcd.kill(0);
    fleet.publish(B, &["three"]).await;
    fleet.agents[A].start_again();
    let reason = eventually("a node that waits for the store", async || {
        let seen = fleet.seen(A).await;
        let waits = seen.alarms.iter().any(|it| it.kind == "store_unreachable");
        waits.then_some(seen.reason)
    })
    .await;
    assert!(reason.contains("does not answer"), "{reason}");

    let etcd = tokio::task::spawn_blocking(move || {
        etcd.run(0);
        etcd
    });
    let _etcd = etcd.await.unwrap();
    fleet.replicated().await;
    assert_eq!(fleet.drain(B).await, ["one", "two", "three"]);
}
