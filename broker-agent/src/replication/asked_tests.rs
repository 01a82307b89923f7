//! Every mistake has its sentence, and good settings survive the trip.

use agent_api::v1::coordination::Store;
use agent_api::v1::{
    Coordination, DynamoDbStore, EtcdStore, FileStore, Replication, ReplicationNode,
};

use super::*;

const GROUP: &str = "0123456789abcdef0123456789abcdef";

fn node(id: u32, name: &str) -> ReplicationNode {
    ReplicationNode {
        id,
        name: name.into(),
        agent: format!("{name}.example.com"),
        replication: format!("{name}.example.com"),
    }
}

fn pair() -> Replication {
    Replication {
        group: GROUP.into(),
        nodes: vec![node(1, "mq-a"), node(2, "mq-b")],
        node: 1,
        founder: 1,
        coordination: Some(Coordination {
            store: Some(Store::Etcd(etcd())),
        }),
        ..Default::default()
    }
}

fn etcd() -> EtcdStore {
    EtcdStore {
        endpoints: vec!["http://etcd-1:2379".into()],
        ..Default::default()
    }
}

fn on(store: EtcdStore) -> Option<Coordination> {
    Some(Coordination {
        store: Some(Store::Etcd(store)),
    })
}

const NEW: Present<'static> = Present {
    uid: None,
    settings: None,
};

/// What is said when a good pair is spoilt.
#[track_caller]
fn error(spoil: impl FnOnce(&mut Replication)) -> String {
    let mut asked = pair();
    spoil(&mut asked);
    let failure = resolve(&asked, NEW).unwrap_err();
    format!("{}: {}", failure.field, failure.message)
}

#[tokio::test]
async fn good_settings_come_back_with_defaults_filled_in() {
    let settings = resolve(&pair(), NEW).unwrap();
    assert_eq!(settings.own().agent, "mq-a.example.com:7443");
    assert_eq!(settings.own().replication, "mq-a.example.com:7444");
    assert_eq!(settings.own().replication_host(), "mq-a.example.com");
    assert!(settings.founds());
    assert_eq!(settings.named("mq-b"), settings.named("2"));
    assert_eq!(settings.named("mq-c"), None);

    let again = resolve(&shown(&settings), NEW).unwrap();
    assert_eq!(again, settings);
    let json = serde_json::to_string(&settings).unwrap();
    assert_eq!(serde_json::from_str::<Settings>(&json).unwrap(), settings);
}

#[tokio::test]
async fn addresses_keep_their_ports() {
    let mut asked = pair();
    asked.nodes[0].replication = "[::1]:9".into();
    asked.nodes[1].replication = "::2".into();
    asked.nodes[1].agent = "mq-b.example.com:7443".into();
    let settings = resolve(&asked, NEW).unwrap();
    assert_eq!(settings.nodes[0].replication, "[::1]:9");
    assert_eq!(settings.nodes[0].replication_host(), "::1");
    assert_eq!(settings.nodes[1].replication, "[::2]:7444");
    assert_eq!(settings.nodes[1].agent, "mq-b.example.com:7443");
}

#[tokio::test]
async fn each_mistake_is_named() {
    insta::assert_snapshot!(error(|r| r.group.clear()), @"replication.group: a replicated broker needs a group, the same on all its nodes; write 32 hexadecimal digits, lower case");
    insta::assert_snapshot!(error(|r| r.group = "ABC".into()), @r#"replication.group: "ABC" is no group; write 32 hexadecimal digits, lower case"#);
    insta::assert_snapshot!(error(|r| r.nodes.truncate(1)), @"replication.nodes: a group has 2 to 3 nodes, and 1 are given; a broker on one node has no replication at all");
    insta::assert_snapshot!(error(|r| r.nodes[1].id = 1), @"replication.nodes.1.id: number 1 is given to two nodes; give each its own");
    insta::assert_snapshot!(error(|r| r.nodes[1].id = 0), @"replication.nodes.1.id: 0 is no number of a node; use 1 to 65535");
    insta::assert_snapshot!(error(|r| r.nodes[1].name = "mq-a".into()), @r#"replication.nodes.1.name: two nodes are called "mq-a"; give each its own name"#);
    insta::assert_snapshot!(error(|r| r.nodes[0].name = "ä".into()), @r#"replication.nodes.0.name: node name "ä" is not allowed; use 1 to 253 letters, digits, -, _ and ., and begin with a letter or a digit"#);
    insta::assert_snapshot!(error(|r| r.nodes[1].agent = r.nodes[0].agent.clone()), @"replication.nodes.1.agent: two nodes have the same agent address; each has its own");
    insta::assert_snapshot!(error(|r| r.nodes[1].replication = "http://x".into()), @r#"replication.nodes.1.replication: "http://x" is not an agent's address: it has a scheme or a path; write it as host:port, for example broker-1.example.com:7443"#);
    insta::assert_snapshot!(error(|r| r.node = 3), @"replication.node: node says node 3, and the nodes are 1, 2; name one of them");
    insta::assert_snapshot!(error(|r| r.founder = 0), @"replication.founder: 0 is no number of a node; use 1 to 65535");
    insta::assert_snapshot!(error(|r| r.preferred_active = 7), @"replication.preferred_active: preferred_active says node 7, and the nodes are 1, 2; name one of them");
}

#[tokio::test]
async fn each_mistake_about_the_store_is_named() {
    let etcd_error = |spoil: fn(&mut EtcdStore)| {
        let mut store = etcd();
        spoil(&mut store);
        error(|r| r.coordination = on(store))
    };
    insta::assert_snapshot!(error(|r| r.coordination = None), @"replication.coordination: a replicated broker needs a coordination store; name an etcd cluster or a DynamoDB table");
    let relative = Store::File(FileStore { path: "x".into() });
    insta::assert_snapshot!(error(|r| r.coordination = Some(Coordination { store: Some(relative) })), @r#"replication.coordination.file.path: "x" is no absolute path; name a directory that all agents of the group see"#);
    let table_error = |table: &str, region: &str, endpoint: &str| {
        let store = Store::Dynamodb(DynamoDbStore {
            table: table.into(),
            region: region.into(),
            endpoint: endpoint.into(),
        });
        error(|r| r.coordination = Some(Coordination { store: Some(store) }))
    };
    insta::assert_snapshot!(table_error("a/b", "eu-west-1", ""), @r#"replication.coordination.dynamodb.table: "a/b" is no name of a table; use 3 to 255 letters, digits, -, _ and ."#);
    insta::assert_snapshot!(table_error("pairs", "Ireland", ""), @r#"replication.coordination.dynamodb.region: "Ireland" is no name of a region, such as eu-west-1"#);
    insta::assert_snapshot!(table_error("pairs", "eu-west-1", "x:1"), @"replication.coordination.dynamodb.endpoint: the endpoint is no URL; begin it with https://, or leave it out");
    insta::assert_snapshot!(etcd_error(|e| e.endpoints.clear()), @"replication.coordination.etcd.endpoints: no address of etcd is given");
    insta::assert_snapshot!(etcd_error(|e| e.endpoints[0] = "etcd:2379".into()), @"replication.coordination.etcd.endpoints: bad address of etcd `etcd:2379`: it begins with neither http:// nor https://");
    insta::assert_snapshot!(etcd_error(|e| e.endpoints[0] = "https://etcd:2379".into()), @"replication.coordination.etcd.endpoints: bad address of etcd `https://etcd:2379`: no certificate authority is given");
    insta::assert_snapshot!(etcd_error(|e| e.certificate = "x".into()), @"replication.coordination.etcd.key: certificate is given without key; give both or neither");
    insta::assert_snapshot!(etcd_error(|e| { e.certificate = "x".into(); e.key = Some("y".into()); }), @"replication.coordination.etcd.ca_certificate: a certificate to show is given and no authority to check etcd's by; give both");
    insta::assert_snapshot!(etcd_error(|e| e.password = Some("x".into())), @"replication.coordination.etcd.username: password is given without username; give both or neither");
}

#[test]
fn a_table_is_kept_and_shown_as_it_was_given() {
    for endpoint in ["", "http://127.0.0.1:5000"] {
        let given = Coordination {
            store: Some(Store::Dynamodb(DynamoDbStore {
                table: "pairs".into(),
                region: "eu-west-1".into(),
                endpoint: endpoint.into(),
            })),
        };
        let mut asked = pair();
        asked.coordination = Some(given.clone());
        let settings = resolve(&asked, NEW).unwrap();
        assert_eq!(shown(&settings).coordination, Some(given));
        let kept = serde_json::to_string(&settings).unwrap();
        assert_eq!(serde_json::from_str::<Settings>(&kept).unwrap(), settings);
    }
}

#[tokio::test]
async fn an_update_keeps_the_secret_it_does_not_name() {
    let mut asked = pair();
    let mut store = etcd();
    store.username = "root".into();
    store.password = Some("secret".into());
    asked.coordination = on(store);
    let settings = resolve(&asked, NEW).unwrap();
    let shown = shown(&settings);
    assert!(!format!("{shown:?}").contains("secret"));
    let present = Present {
        uid: Some(GROUP),
        settings: Some(&settings),
    };
    assert_eq!(resolve(&shown, present).unwrap(), settings);
}

#[tokio::test]
async fn a_node_stays_the_node_of_the_group_it_is() {
    let settings = resolve(&pair(), NEW).unwrap();
    let present = Present {
        uid: Some(GROUP),
        settings: Some(&settings),
    };
    let told = |asked: &Replication| {
        let failure = resolve(asked, present).unwrap_err();
        format!(
            "{:?} {}: {}",
            failure.reason, failure.field, failure.message
        )
    };
    let mut other = pair();
    other.node = 2;
    insta::assert_snapshot!(told(&other), @"Mismatch replication.node: this agent is node 1 of the group and cannot become node 2; delete the broker here first, or keep the number");
    let mut other = pair();
    other.group = "f".repeat(32);
    insta::assert_snapshot!(told(&other), @"Mismatch replication.group: this broker is 0123456789abcdef0123456789abcdef and cannot become a node of group ffffffffffffffffffffffffffffffff; leave the group out, or delete the broker here first");
    let mut none = pair();
    none.group.clear();
    assert_eq!(resolve(&none, present).unwrap(), settings);
}
