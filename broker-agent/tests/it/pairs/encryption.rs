//! A pair that is encrypted while it is one: node by node, each with a key of its own.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use agent_api::v1::{Broker, Encryption, UpdateBrokerRequest};
use agent_api::{Error, FieldMask};

use super::kit::Fleet;
use crate::encryption::holding;

const A: usize = 0;
const B: usize = 1;
const BODIES: [&str; 3] = ["first body 4711", "second body 4711", "third body 4711"];

async fn encrypt(fleet: &Fleet, node: usize) -> Result<Broker, Error> {
    let path = fleet.agents[node].path("key");
    fs::write(&path, ["a", "b"][node].repeat(64)).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    let mut broker = fleet.broker(node, fleet.file());
    broker.encryption = Some(Encryption {
        key_file: path.display().to_string(),
    });
    let request = UpdateBrokerRequest {
        broker: Some(broker),
        update_mask: Some(FieldMask {
            paths: vec!["encryption".into()],
        }),
        expect: None,
    };
    let client = fleet.client(node).await;
    client.call(client.brokers().update_broker(request)).await
}

#[tokio::test]
async fn a_pair_is_encrypted_node_by_node_and_goes_on() {
    let fleet = Fleet::with_pair().await;
    fleet.furnish(A).await;
    fleet.publish(A, &["before it is encrypted"]).await;
    // The standby first, which keeps what the other does not encrypt as it comes.
    encrypt(&fleet, B).await.unwrap();
    fleet.replicated().await;
    fleet.switchover(A, "mq-b").await.unwrap();
    encrypt(&fleet, A).await.unwrap();
    fleet.replicated().await;
    fleet.publish(B, &BODIES).await;
    fleet.replicated().await;
    for node in [A, B] {
        let status = fleet.get(node).await.status.unwrap();
        assert!(status.encryption.unwrap().master_key.starts_with("file:"));
        let data = fleet.agents[node].path("data");
        let found = holding(&data, &[b"body 4711"]);
        assert!(found.is_empty(), "{found:?}");
    }
    fleet.switchover(B, "mq-a").await.unwrap();
    let mut expected = vec!["before it is encrypted"];
    expected.extend(BODIES);
    assert_eq!(fleet.drain(A).await, expected);
}
