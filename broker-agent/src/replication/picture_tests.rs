//! Each state with its words: what a person reads at each of them.

use broker_core::journal::{Epoch, Lsn, StoreId};
use broker_core::replication::record::{Incarnation, Member};
use broker_core::replication::replica::BulkProgress;

use super::super::settings::{Coordination, Durability, GroupId};
use super::*;

fn settings(node: u16) -> Settings {
    let other = |id: u16, name: &str| Node {
        id,
        name: name.into(),
        agent: format!("{name}:7443"),
        replication: format!("{name}:7444"),
    };
    Settings {
        group: GroupId::try_from("0123456789abcdef0123456789abcdef".to_owned()).unwrap(),
        nodes: vec![other(1, "mq-a"), other(2, "mq-b")],
        node,
        founder: 1,
        coordination: Coordination::File("/shared/record".into()),
        durability: Durability::Preferred,
        preferred_active: None,
    }
}

fn member(node: u16) -> Member {
    Member {
        node: NodeId(node),
        store: StoreId([u8::try_from(node).unwrap(); 16]),
    }
}

/// A node that knows nothing yet.
fn replica(node: u16, state: State) -> ReplicaStatus {
    ReplicaStatus {
        node: NodeId(node),
        store: member(node).store,
        state,
        serving: false,
        stopping: false,
        epoch: Epoch(0),
        promised: Epoch(0),
        leader: None,
        in_sync: BTreeSet::new(),
        min_isr: 1,
        front: Lsn(0),
        committed: Lsn(0),
        durable: Lsn(0),
        end: Lsn(0),
        lag_bytes: 0,
        peers: Vec::new(),
        notices: Vec::new(),
        bulk: None,
        store_unreachable: false,
    }
}

/// In epoch 3, led by node 1; these are in sync.
fn led(node: u16, state: State, in_sync: &[u16]) -> ReplicaStatus {
    ReplicaStatus {
        epoch: Epoch(3),
        leader: Some(Leader {
            node: NodeId(1),
            incarnation: Incarnation(7),
        }),
        in_sync: in_sync.iter().map(|node| member(*node)).collect(),
        serving: node == 1,
        ..replica(node, state)
    }
}

/// Node 2 as node 1 sees it.
fn peer(lag_bytes: u64) -> PeerStatus {
    PeerStatus {
        member: member(2),
        acked: Lsn(1000 - lag_bytes),
        sent: Lsn(1000),
        lag_bytes,
        waited_for: true,
    }
}

fn see(settings: &Settings, replica: Option<&ReplicaStatus>, open: bool) -> v1::ReplicationStatus {
    picture(&Sight {
        settings,
        replica,
        open,
        lags: &Lags {
            own: Duration::from_millis(1500),
            followers: vec![(NodeId(2), Duration::from_millis(250))],
        },
        endpoints: &BTreeMap::new(),
        refused: &BTreeMap::new(),
        not_listening: None,
    })
}

/// State, reason and alarms, as text.
fn told(settings: &Settings, replica: &ReplicaStatus, open: bool) -> String {
    let seen = see(settings, Some(replica), open);
    let mut text = seen.state().as_str_name().to_owned();
    if !seen.reason.is_empty() {
        text += &format!("\n{}", seen.reason);
    }
    for alarm in &seen.alarms {
        text += &format!("\n! {}: {}", alarm.kind, alarm.text);
    }
    text
}

fn joined(page: &[(&str, String)]) -> String {
    let parts = page
        .iter()
        .map(|(title, text)| format!("== {title}\n{text}\n"));
    parts.collect()
}

#[test]
fn before_there_is_a_record() {
    let deaf = ReplicaStatus {
        store_unreachable: true,
        ..replica(2, State::Searching)
    };
    let page = [
        (
            "founder",
            told(&settings(1), &replica(1, State::Searching), false),
        ),
        (
            "other",
            told(&settings(2), &replica(2, State::Searching), false),
        ),
        ("without store", told(&settings(2), &deaf, false)),
    ];
    insta::assert_snapshot!(joined(&page));
    let recovering = see(&settings(2), None, false);
    assert_eq!(recovering.state(), ReplicationState::Recovering);
    assert_eq!(recovering.nodes.len(), 2);
}

#[test]
fn a_standby() {
    let in_sync = led(2, State::InSync, &[1, 2]);
    let lost = led(2, State::Searching, &[1, 2]);
    let behind = ReplicaStatus {
        lag_bytes: 4096,
        ..led(2, State::Syncing, &[1])
    };
    let bulk = BulkProgress {
        from: NodeId(1),
        done_bytes: 10,
        total_bytes: 100,
    };
    let fetching = ReplicaStatus {
        bulk: Some(bulk),
        ..behind.clone()
    };
    let damaged = ReplicaStatus {
        notices: vec![Notice::Protocol(Alarm::Damaged)],
        ..led(2, State::Repair, &[1])
    };
    let full = ReplicaStatus {
        notices: vec![Notice::DiskFull],
        ..behind.clone()
    };
    let told = |replica| told(&settings(2), replica, false);
    let page = [
        ("in sync", told(&in_sync)),
        ("leader lost", told(&lost)),
        ("behind", told(&behind)),
        ("fetching", told(&fetching)),
        ("damaged", told(&damaged)),
        ("disk full", told(&full)),
    ];
    insta::assert_snapshot!(joined(&page));
}

#[test]
fn an_active() {
    let replicated = ReplicaStatus {
        peers: vec![peer(0)],
        ..led(1, State::Replicated, &[1, 2])
    };
    let paused = ReplicaStatus {
        serving: false,
        ..replicated.clone()
    };
    let alone = led(1, State::Alone, &[1]);
    let blocked = ReplicaStatus {
        min_isr: 2,
        ..led(1, State::Blocked, &[1])
    };
    let strict = Settings {
        durability: Durability::Strict,
        ..settings(1)
    };
    let preferring = Settings {
        preferred_active: Some(2),
        ..settings(1)
    };
    let cut_off = ReplicaStatus {
        store_unreachable: true,
        ..replicated.clone()
    };
    let fenced = ReplicaStatus {
        stopping: true,
        ..led(1, State::Searching, &[2])
    };
    let page = [
        ("replicated", told(&settings(1), &replicated, true)),
        ("promoting", told(&settings(1), &replicated, false)),
        ("paused", told(&settings(1), &paused, true)),
        ("alone", told(&settings(1), &alone, true)),
        ("blocked", told(&strict, &blocked, true)),
        ("not preferred", told(&preferring, &replicated, true)),
        ("without store", told(&settings(1), &cut_off, true)),
        ("fenced", told(&settings(1), &fenced, false)),
    ];
    insta::assert_snapshot!(joined(&page));
}

#[test]
fn a_store_that_forgot() {
    let forgot = |alarm| {
        let replica = ReplicaStatus {
            notices: vec![Notice::Protocol(alarm)],
            ..led(2, State::Searching, &[1, 2])
        };
        told(&settings(2), &replica, false)
    };
    let rolled_back = Alarm::RecordRolledBack {
        found: Epoch(2),
        promised: Epoch(3),
    };
    let page = [
        ("gone", forgot(Alarm::RecordGone)),
        ("rolled back", forgot(rolled_back)),
    ];
    insta::assert_snapshot!(joined(&page));
}

#[test]
fn who_is_not_let_in() {
    let refused = BTreeMap::from([
        (1, "TLS: UnknownIssuer".to_owned()),
        (2, "the reason".to_owned()),
    ]);
    let told = |settings: &Settings, replica: &ReplicaStatus| {
        let seen = picture(&Sight {
            settings,
            replica: Some(replica),
            open: true,
            lags: &Lags::default(),
            endpoints: &BTreeMap::new(),
            refused: &refused,
            not_listening: Some("the port is taken"),
        });
        let alarms = seen.alarms.iter();
        let alarms: Vec<_> = alarms
            .map(|it| format!("! {}: {}", it.kind, it.text))
            .collect();
        format!("{}\n{}", seen.reason, alarms.join("\n"))
    };
    let ended = ReplicaStatus {
        notices: vec![Notice::Protocol(Alarm::GroupEnded(NodeId(1)))],
        ..led(2, State::Searching, &[])
    };
    let left_out = ReplicaStatus {
        leader: Some(Leader {
            node: NodeId(7),
            incarnation: Incarnation(7),
        }),
        ..led(2, State::Searching, &[1])
    };
    let past = ReplicaStatus {
        notices: vec![Notice::Protocol(Alarm::PastEpoch {
            node: NodeId(1),
            offered: Epoch(2),
            promised: Epoch(3),
        })],
        ..led(2, State::InSync, &[1, 2])
    };
    let page = [
        (
            "by the active",
            told(&settings(1), &led(1, State::Alone, &[1])),
        ),
        (
            "by the standby",
            told(&settings(2), &led(2, State::Searching, &[1])),
        ),
        ("left out", told(&settings(2), &left_out)),
        ("ended", told(&settings(2), &ended)),
        ("past", told(&settings(2), &past)),
    ];
    insta::assert_snapshot!(joined(&page));
}

#[test]
fn positions_and_lags() {
    let active = ReplicaStatus {
        peers: vec![peer(200)],
        durable: Lsn(1000),
        ..led(1, State::Replicated, &[1, 2])
    };
    let seen = see(&settings(1), Some(&active), true);
    assert_eq!(seen.replication_lag_seconds, 0.25);
    let lags: Vec<_> = seen.nodes.iter().map(|node| node.lag_bytes).collect();
    assert_eq!(lags, [Some(0), Some(200)]);
    let at: Vec<_> = seen
        .nodes
        .iter()
        .map(|node| node.durable_position)
        .collect();
    assert_eq!(at, [1000, 800]);
    assert!(seen.nodes.iter().all(|node| node.connected && node.in_sync));

    let standby = led(2, State::InSync, &[1, 2]);
    let seen = see(&settings(2), Some(&standby), false);
    assert_eq!(seen.replication_lag_seconds, 1.5);
    let lags: Vec<_> = seen.nodes.iter().map(|node| node.lag_bytes).collect();
    assert_eq!(lags, [None, Some(0)]);
    let lost = led(2, State::Searching, &[1, 2]);
    let seen = see(&settings(2), Some(&lost), false);
    assert!(!seen.nodes[0].connected);
    assert_eq!(seen.nodes[1].lag_bytes, None);
}
