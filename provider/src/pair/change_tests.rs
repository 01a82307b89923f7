//! What a plan says of each change of a pair, and which it refuses.

use agent_api::v1::{self, ReplicationState};

use super::super::view::{Found, Seen};
use super::*;
use crate::failure::CallError;

const UID: &str = "0123456789abcdef0123456789abcdef";

/// One node as its agent tells it.
#[derive(Clone, Copy)]
enum Node {
    /// It serves, and these of the nodes 1 to 3 are in sync.
    Active(&'static [u32]),
    /// A single broker.
    Alone,
    Away,
    Missing,
    Standby,
}

fn address(name: &str) -> Address {
    name.parse().unwrap()
}

/// The agents `a`, `b` and `c`, whose nodes are 1, 2 and 3.
fn view(nodes: &[(&str, Node)]) -> View {
    let numbered = |name: &str| 1 + u32::from(name.as_bytes()[0] - b'a');
    let pair: Vec<v1::ReplicationNode> = (nodes.iter())
        .filter(|(_, node)| !matches!(node, Node::Missing))
        .map(|(name, _)| v1::ReplicationNode {
            id: numbered(name),
            name: (*name).to_owned(),
            agent: address(name).to_string(),
            replication: String::new(),
        })
        .collect();
    let broker = |name: &str, state: ReplicationState, in_sync: &[u32]| {
        let statuses = pair.iter().map(|node| v1::ReplicationNodeStatus {
            id: node.id,
            in_sync: in_sync.contains(&node.id),
            ..Default::default()
        });
        let status = v1::ReplicationStatus {
            state: state.into(),
            nodes: statuses.collect(),
            epoch: 1,
            ..Default::default()
        };
        let replication = v1::Replication {
            nodes: pair.clone(),
            node: numbered(name),
            ..Default::default()
        };
        v1::Broker {
            uid: UID.to_owned(),
            replication: Some(Box::new(replication)),
            status: Some(v1::BrokerStatus {
                replication: Some(Box::new(status)),
                ..Default::default()
            }),
            ..Default::default()
        }
    };
    let found = |name: &str, node: Node| match node {
        Node::Active(in_sync) => Found::Broker(Box::new(broker(
            name,
            ReplicationState::ActiveReplicated,
            in_sync,
        ))),
        Node::Standby => Found::Broker(Box::new(broker(name, ReplicationState::InSync, &[]))),
        Node::Alone => Found::Broker(Box::new(v1::Broker {
            uid: UID.to_owned(),
            ..Default::default()
        })),
        Node::Missing => Found::Missing,
        Node::Away => Found::Unknown(CallError::Connect(agent_api::Error::Unreachable {
            endpoint: address(name),
            cause: "refused".to_owned(),
        })),
    };
    View {
        seen: (nodes.iter())
            .map(|(name, node)| Seen {
                agent: address(name),
                found: found(name, *node),
            })
            .collect(),
    }
}

fn shape(agents: &[&str], preferred: Option<&str>) -> Shape {
    let mode = if agents.len() > 1 {
        DeploymentMode::ActiveStandby
    } else {
        DeploymentMode::Single
    };
    Shape {
        mode,
        agents: agents.iter().map(|name| address(name)).collect(),
        names: agents.iter().map(|name| (*name).to_owned()).collect(),
        preferred: preferred.map(str::to_owned),
        coordination: None,
        durability: PairDurability::Preferred,
        replication: Vec::new(),
    }
}

/// All that a plan says, in one text.
fn said(before: &Shape, after: &Shape, view: &View) -> String {
    match judge(before, after, view, UID) {
        Ok(warnings) => warnings.to_string(),
        Err(error) => error.to_string(),
    }
}

const BOTH: Node = Node::Active(&[1, 2]);
const FIRST: Node = Node::Active(&[1]);

#[test]
fn every_change_says_what_it_will_do() {
    let pair = view(&[("a", BOTH), ("b", Node::Standby)]);
    let single = view(&[("a", Node::Alone), ("b", Node::Missing)]);
    let two = |preferred| shape(&["a", "b"], preferred);
    let cases = [
        ("nothing changes", two(None), two(None), &pair),
        ("single to pair", shape(&["a"], None), two(None), &single),
        (
            "single to pair, the new one active",
            shape(&["a"], None),
            two(Some("b")),
            &single,
        ),
        (
            "pair to single, the active stays",
            two(None),
            shape(&["a"], None),
            &pair,
        ),
        (
            "pair to single, the standby stays",
            two(None),
            shape(&["b"], None),
            &pair,
        ),
        ("the other is preferred", two(None), two(Some("b")), &pair),
        ("the active is preferred", two(None), two(Some("a")), &pair),
        (
            "nobody is preferred any more",
            two(Some("b")),
            two(None),
            &pair,
        ),
        (
            "after a failover nothing goes back",
            two(Some("b")),
            two(Some("b")),
            &pair,
        ),
    ]
    .map(|(title, before, after, view)| format!("{title}\n{}\n", said(&before, &after, view)));
    insta::assert_snapshot!(cases.join("\n"));
}

#[test]
fn nodes_are_exchanged_one_at_a_time() {
    let three = view(&[("a", BOTH), ("b", Node::Standby), ("c", Node::Missing)]);
    let dead = view(&[("a", FIRST), ("b", Node::Away), ("c", Node::Missing)]);
    let two = |preferred| shape(&["a", "b"], preferred);
    let cases = [
        (
            "the standby is exchanged",
            two(None),
            shape(&["a", "c"], None),
            &three,
        ),
        (
            "the active is exchanged",
            two(None),
            shape(&["c", "b"], None),
            &three,
        ),
        (
            "a dead node is exchanged",
            two(None),
            shape(&["a", "c"], None),
            &dead,
        ),
        (
            "a copy that is lost is made again",
            shape(&["a"], None),
            two(None),
            &view(&[("a", FIRST), ("b", Node::Missing)]),
        ),
    ]
    .map(|(title, mut before, after, view)| {
        if title.contains("lost") {
            before.mode = DeploymentMode::ActiveStandby;
        }
        format!("{title}\n{}\n", said(&before, &after, view))
    });
    insta::assert_snapshot!(cases.join("\n"));
}

#[test]
fn what_could_lose_messages_is_refused() {
    let lagging = view(&[("a", FIRST), ("b", Node::Standby), ("c", Node::Missing)]);
    let two = |preferred| shape(&["a", "b"], preferred);
    let cases = [
        (
            "the only copy in sync goes",
            two(None),
            shape(&["b"], None),
            &lagging,
        ),
        (
            "the only copy in sync is exchanged",
            two(None),
            shape(&["c", "b"], None),
            &lagging,
        ),
        (
            "both are exchanged",
            two(None),
            shape(&["c", "d"], None),
            &lagging,
        ),
        (
            "a node that lags is preferred",
            two(None),
            shape(&["a", "b"], Some("b")),
            &lagging,
        ),
        (
            "a single broker's node goes as it becomes a pair",
            shape(&["a"], None),
            shape(&["c", "d"], None),
            &view(&[
                ("a", Node::Alone),
                ("c", Node::Missing),
                ("d", Node::Missing),
            ]),
        ),
    ]
    .map(|(title, before, after, view)| {
        assert!(judge(&before, &after, view, UID).is_err(), "{title}");
        format!("{title}\n{}\n", said(&before, &after, view))
    });
    insta::assert_snapshot!(cases.join("\n"));
}

#[test]
fn what_a_pair_cannot_change_is_refused() {
    let pair = view(&[("a", BOTH), ("b", Node::Standby)]);
    let two = || shape(&["a", "b"], None);
    let store = |path: &str| {
        let file = super::super::coordination::FileStore {
            path: path.to_owned(),
        };
        let mut shape = two();
        shape.coordination = Some(Coordination {
            dynamodb: None,
            etcd: None,
            file: Some(file),
        });
        shape
    };
    assert!(judge(&store("/a"), &store("/a"), &pair, UID).is_ok());
    let refused = judge(&store("/a"), &store("/b"), &pair, UID).unwrap_err();
    assert_eq!(refused.summary, "The coordination store cannot be changed");

    let mut strict = two();
    strict.durability = PairDurability::Strict;
    let told = judge(&two(), &strict, &pair, UID).unwrap();
    let told: Vec<_> = told.into_iter().map(|it| it.summary).collect();
    assert_eq!(told, ["The durability of the pair changes"]);
    let single = shape(&["a"], None);
    assert!(
        judge(
            &single,
            &strict,
            &view(&[("a", Node::Alone), ("b", Node::Missing)]),
            UID
        )
        .is_ok()
    );
}

#[test]
fn another_address_of_a_node_is_the_same_node() {
    let mut moved = view(&[("a", BOTH), ("b", Node::Standby)]);
    moved.seen[1].agent = address("b-renamed");
    let before = [address("a"), address("b")];
    let after = [address("a"), address("b-renamed")];
    let nodes = Nodes::compare(&before, &after, &moved, UID);
    assert_eq!(nodes.kept, after);
    assert_eq!((nodes.added, nodes.gone), (vec![], vec![]));
}

#[test]
fn who_has_the_name_only_is_not_kept() {
    let mut pair = view(&[("a", BOTH), ("b", Node::Standby)]);
    if let Found::Broker(broker) = &mut pair.seen[1].found {
        broker.uid = "other".to_owned();
    }
    let both = [address("a"), address("b")];
    let nodes = Nodes::compare(&both, &both, &pair, UID);
    assert_eq!(nodes.added, [address("b")]);
}
