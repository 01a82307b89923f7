//! What is wrong is told before anything is made.

use agent_api::v1::coordination::Store;
use agent_api::v1::{DynamoDbStore, EtcdStore, FileStore, ListBrokersRequest, Reason};

use super::kit::Fleet;
use crate::agent::{create, failure};

async fn refused(fleet: &Fleet, node: usize, broker: agent_api::v1::Broker) -> (Reason, String) {
    let client = fleet.client(node).await;
    let failure = failure(create(&client, broker, "").await);
    let request = ListBrokersRequest::default();
    let left = client.call(client.brokers().list_brokers(request)).await;
    assert!(
        left.unwrap().brokers.is_empty(),
        "something was left behind"
    );
    (
        failure.reason,
        format!("{}: {}", failure.field, failure.message),
    )
}

#[tokio::test]
async fn a_pair_that_cannot_be_is_refused() {
    let fleet = Fleet::start();
    let file = fleet.file();

    // Settings of the one sent to the other.
    let (reason, told) = refused(&fleet, 1, fleet.broker(0, file.clone())).await;
    assert_eq!(reason, Reason::Invalid);
    assert!(
        told.starts_with("replication.node: node 1 is said to be this agent"),
        "{told}"
    );

    let mut elsewhere = fleet.broker(0, file);
    elsewhere.replication.as_mut().unwrap().nodes[0].replication = "mq-a.example.com:1".into();
    let (reason, told) = refused(&fleet, 0, elsewhere).await;
    assert_eq!(reason, Reason::Invalid);
    assert!(
        told.contains("certificate is not valid for mq-a.example.com"),
        "{told}"
    );

    let blocked = fleet.shared.path().join("file");
    std::fs::write(&blocked, "").unwrap();
    let path = blocked.join("below").to_str().unwrap().to_owned();
    let store = Store::File(FileStore { path });
    let (reason, told) = refused(&fleet, 0, fleet.broker(0, store)).await;
    assert_eq!(reason, Reason::Invalid);
    assert!(
        told.starts_with("replication.coordination.file.path: the coordination directory"),
        "{told}"
    );

    // Agents of this build; the acceptance tests make such a pair with one that has AWS in it.
    if cfg!(not(feature = "aws")) {
        let store = Store::Dynamodb(DynamoDbStore {
            table: "pairs".into(),
            region: "eu-west-1".into(),
            endpoint: String::new(),
        });
        let (reason, told) = refused(&fleet, 0, fleet.broker(0, store)).await;
        assert_eq!(reason, Reason::Unsupported);
        assert!(
            told.starts_with("replication.coordination.dynamodb: this build has no AWS"),
            "{told}"
        );
    }

    let store = Store::Etcd(EtcdStore {
        endpoints: vec!["http://127.0.0.1:1".into()],
        ..Default::default()
    });
    let (reason, told) = refused(&fleet, 0, fleet.broker(0, store)).await;
    assert_eq!(reason, Reason::Unavailable);
    assert!(
        told.starts_with("replication.coordination.etcd: "),
        "{told}"
    );
    assert!(
        told.contains("the store is etcd at http://127.0.0.1:1"),
        "{told}"
    );
}
