//! Single decisions, effect by effect. What holds over all their interleavings is the model's part.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::journal::StoreId;
use crate::replication::coordinator::CasOutcome;
use crate::replication::epochs::EpochTable;
use crate::replication::frame::{Append, CatchUp, Hello, Session, Welcome};
use crate::replication::record::{Leader, NodeId, Position};

const ORIGIN: Lsn = Lsn(4096);
const SETTINGS: Settings = Settings {
    origin: ORIGIN,
    join_lag: 1 << 20,
};

fn member(node: u16) -> Member {
    Member {
        node: NodeId(node),
        store: StoreId([1; 16]),
    }
}

fn log(epochs: &[(u32, u64)], end: u64) -> LogView {
    let epochs = epochs
        .iter()
        .map(|&(epoch, lsn)| (Epoch(epoch), Lsn(lsn)))
        .collect();
    let epochs = EpochTable::new(epochs).unwrap();
    LogView {
        front: ORIGIN,
        end: Lsn(end),
        durable: Lsn(end),
        epochs,
    }
}

fn node(number: u16, log: LogView) -> Protocol {
    let recovered = Recovered {
        me: member(number),
        incarnation: Incarnation(u64::from(number)),
        vow: Vow::default(),
        log,
        committed: Lsn(0),
        damaged: false,
    };
    Protocol::new(SETTINGS, recovered, &mut Vec::new())
}

fn record(epoch: u32, leader: Option<u16>, isr: &[u16]) -> Record {
    let isr = isr.iter().map(|&node| member(node)).collect();
    let leader = leader.map(|node| Leader {
        node: NodeId(node),
        incarnation: Incarnation(node.into()),
    });
    let founding = Record::founding(Incarnation(99), isr, 1, BTreeMap::new());
    Record {
        epoch: Epoch(epoch),
        leader,
        ..founding
    }
}

fn snapshot(version: u32, record: &Record) -> Snapshot {
    Snapshot {
        record: Some(record.clone()),
        version: Version::new(version.to_string()),
    }
}

/// What the node wants after this; joiners have granted.
fn effects(node: &mut Protocol, act: impl FnOnce(&mut Protocol, &mut Vec<Effect>)) -> Vec<Effect> {
    let mut out = Vec::new();
    act(node, &mut out);
    node.admit(|_| true, &mut out);
    out
}

fn read(node: &mut Protocol, version: u32, record: &Record) -> Vec<Effect> {
    effects(node, |node, out| {
        node.on_read(snapshot(version, record), out)
    })
}

fn frame(node: &mut Protocol, from: Peer, frame: Frame) -> Vec<Effect> {
    effects(node, |node, out| node.on_frame(from, frame, out))
}

fn submitted(effects: &[Effect]) -> Option<&Record> {
    effects.iter().find_map(|effect| match effect {
        Effect::Cas { record, .. } => Some(&**record),
        _ => None,
    })
}

/// Node 0, alone in sync, leads the epoch after this record's.
fn leader_with(log: LogView, before: &Record) -> Protocol {
    let mut leader = node(0, log);
    let out = read(&mut leader, 1, before);
    let nonce = submitted(&out).expect("it campaigns").writer_nonce;
    let outcome = CasOutcome::Applied(Version::new("2"));
    let out = effects(&mut leader, |node, out| node.on_cas(nonce, outcome, out));
    assert!(
        out.contains(&Effect::Lead(Epoch(before.epoch.0 + 1))),
        "{out:?}"
    );
    leader
}

/// Node 1, which has said hello to node 0, and the conversation.
fn follower_of(record: &Record, log: LogView) -> (Protocol, Peer) {
    let mut follower = node(1, log);
    let out = read(&mut follower, 1, record);
    let Some(Effect::Connect { to, .. }) = out.last() else {
        panic!("it does not connect: {out:?}");
    };
    (follower, *to)
}

fn welcome(epoch: u32, from: u64, end: u64) -> Frame {
    let (epoch, catch_up) = (Epoch(epoch), CatchUp::From(Lsn(from)));
    Frame::Welcome(Welcome {
        epoch,
        catch_up,
        end: Lsn(end),
    })
}

fn hello(node: u16, log: &LogView) -> (Peer, Frame) {
    let session = Session {
        incarnation: Incarnation(u64::from(node)),
        count: 1,
    };
    let (member, end, epochs) = (member(node), log.end, log.epochs.clone());
    let hello = Hello {
        member,
        promised: Epoch(0),
        end,
        epochs,
    };
    (
        Peer {
            node: NodeId(node),
            session,
        },
        Frame::Hello(hello),
    )
}

#[test]
fn a_promise_is_on_disk_before_anything_is_cut_or_acknowledged() {
    let (mut node, leader) = follower_of(&record(3, Some(0), &[0]), log(&[(1, 4096)], 5000));
    let out = frame(&mut node, leader, welcome(3, 4800, 6000));
    let vow = Vow {
        promised: Epoch(3),
        in_repair: false,
        generation: 1,
    };
    let ack = Frame::Ack {
        epoch: Epoch(3),
        durable: Lsn(4800),
    };
    let answer = Effect::Send {
        to: leader,
        frame: ack,
    };
    assert_eq!(
        out,
        [Effect::Save(vow), Effect::Truncate(Lsn(4800)), answer]
    );
}

/// Found by the model, with a frame that arrives twice.
#[test]
fn a_second_welcome_cuts_nothing_off() {
    let (mut node, leader) = follower_of(&record(3, Some(0), &[0]), log(&[], 4096));
    frame(&mut node, leader, welcome(3, 4096, 5000));
    let append = Append {
        epoch: Epoch(3),
        prev: Position {
            epoch: Epoch(0),
            lsn: ORIGIN,
        },
        written_in: Epoch(3),
        end: Lsn(5000),
        committed: ORIGIN,
    };
    assert_eq!(
        frame(&mut node, leader, Frame::Append(append)),
        [Effect::Write]
    );
    effects(&mut node, |node, out| node.on_durable(Lsn(5000), out));
    assert_eq!(frame(&mut node, leader, welcome(3, 4096, 5000)), []);
    assert_eq!(node.log().end, Lsn(5000));
}

#[test]
fn a_follower_behind_the_leaders_oldest_record_fetches_everything() {
    let mut trimmed = log(&[(1, 4096), (2, 9000)], 20_000);
    trimmed.front = Lsn(8000);
    let mut leader = leader_with(trimmed, &record(2, Some(0), &[0]));
    let (peer, hello) = hello(1, &log(&[(1, 4096)], 7000));
    let out = frame(&mut leader, peer, hello);
    let Some(Effect::Send {
        frame: Frame::Welcome(said),
        ..
    }) = out.first()
    else {
        panic!("no welcome: {out:?}");
    };
    assert_eq!(said.catch_up, CatchUp::Whole);

    let (mut follower, peer) = follower_of(&record(3, Some(0), &[0]), log(&[(1, 4096)], 7000));
    let out = frame(&mut follower, peer, Frame::Welcome(said.clone()));
    let vow = Vow {
        promised: Epoch(3),
        in_repair: true,
        generation: 0,
    };
    assert_eq!(out.last(), Some(&Effect::Fetch(peer)));
    assert!(
        out.contains(&Effect::Save(vow)),
        "half a log must not lead: {out:?}"
    );
    let fetched = log(&[(1, 4096), (2, 9000)], 20_000);
    let out = effects(&mut follower, |node, out| node.on_restored(fetched, out));
    assert_eq!(out, [Effect::HangUp(peer), Effect::Read]);
    let out = read(&mut follower, 1, &record(3, Some(0), &[0]));
    let Some(Effect::Connect { to, .. }) = out.last() else {
        panic!("no second hello: {out:?}");
    };
    frame(&mut follower, *to, welcome(3, 20_000, 20_000));
    assert_eq!(
        follower.vow(),
        Vow {
            promised: Epoch(3),
            in_repair: false,
            generation: 1,
        }
    );
}

/// Found by the simulation: to cut it off there would leave a journal without its beginning.
#[test]
fn a_log_that_parts_from_the_leaders_before_its_oldest_record_is_refilled() {
    let mut trimmed = log(&[(1, 4096), (2, 9000)], 9500);
    trimmed.front = Lsn(8000);
    let before = record(3, Some(0), &[0]);
    let (mut node, leader) = follower_of(&before, trimmed);
    let out = frame(&mut node, leader, welcome(3, 7000, 9900));
    assert_eq!(out.last(), Some(&Effect::SetAside), "{out:?}");
    assert!(node.vow().in_repair, "nothing must not lead");
    let nothing = log(&[], 4096);
    let out = effects(&mut node, |node, out| node.on_restored(nothing, out));
    assert_eq!(out, [Effect::HangUp(leader), Effect::Read]);
    let out = read(&mut node, 1, &before);
    let Some(Effect::Connect { to, .. }) = out.last() else {
        panic!("no second hello: {out:?}");
    };
    frame(&mut node, *to, welcome(3, 4096, 9900));
    assert_eq!(node.follows(), Some((*to, Epoch(3))));
}

/// What node 1 does when it followed until lsn 5000 was committed, and then is welcomed by a leader
/// that has only what is below 4800, and whose record is of this generation.
fn parts_below_committed(generation: u64) -> Vec<Effect> {
    let (mut node, leader) = follower_of(&record(3, Some(0), &[0]), log(&[(1, 4096)], 5000));
    frame(&mut node, leader, welcome(3, 5000, 5000));
    effects(&mut node, |node, out| node.on_heartbeat(Lsn(5000), out));
    node.on_cut_off(leader);
    let mut later = record(5, Some(0), &[0]);
    later.region.generation = generation;
    let out = read(&mut node, 2, &later);
    let Some(Effect::Connect { to, .. }) = out.last() else {
        panic!("it does not connect: {out:?}");
    };
    let out = frame(&mut node, *to, welcome(5, 4800, 6000));
    assert_eq!(node.state(), State::Repair);
    assert_eq!(node.log().end, Lsn(5000), "nothing is cut off");
    out
}

#[test]
fn what_was_committed_is_given_up_by_an_operators_word_and_never_otherwise() {
    let (to, committed) = (Lsn(4800), Lsn(5000));
    let alarm = Effect::Alarm(Alarm::TruncatesCommitted { to, committed });
    let out = parts_below_committed(1);
    assert!(out.contains(&alarm), "{out:?}");
    assert!(!out.contains(&Effect::SetAside), "{out:?}");
    let out = parts_below_committed(2);
    assert!(!out.contains(&alarm), "{out:?}");
    assert_eq!(out.last(), Some(&Effect::SetAside), "{out:?}");
}

#[test]
fn an_election_is_one_write_that_names_epoch_leader_and_set() {
    let before = record(4, Some(0), &[0, 1]);
    let mut node = node(1, log(&[(2, 4096)], 5000));
    read(&mut node, 7, &before);
    effects(&mut node, |node, out| node.on_campaign(out));
    let out = read(&mut node, 7, &before);
    let wanted = submitted(&out).expect("it campaigns");
    assert_eq!(wanted.epoch, Epoch(5));
    assert_eq!(
        wanted.leader,
        Some(Leader {
            node: NodeId(1),
            incarnation: Incarnation(1)
        })
    );
    assert_eq!(wanted.isr, BTreeSet::from([member(1)]));
    assert_eq!(
        wanted.commit_hint,
        Position {
            epoch: Epoch(2),
            lsn: Lsn(5000)
        }
    );
    assert_eq!(
        node.vow().promised,
        Epoch(0),
        "nothing is promised before it is won"
    );
}

#[test]
fn an_unknown_outcome_is_found_out() {
    let before = record(4, Some(0), &[0, 1]);
    let campaigns = || {
        let mut node = node(1, log(&[(2, 4096)], 5000));
        read(&mut node, 7, &before);
        effects(&mut node, |node, out| node.on_campaign(out));
        let out = read(&mut node, 7, &before);
        let wanted = submitted(&out).expect("it campaigns").clone();
        let nonce = wanted.writer_nonce;
        let out = effects(&mut node, |node, out| {
            node.on_cas(nonce, CasOutcome::Unknown, out)
        });
        assert_eq!((node.state(), out), (State::Candidate, vec![Effect::Read]));
        (node, wanted)
    };
    // It may still be carried out: the same write again.
    let (mut node, wanted) = campaigns();
    let out = read(&mut node, 7, &before);
    assert_eq!(
        (node.state(), submitted(&out)),
        (State::Candidate, Some(&wanted))
    );
    // It was.
    let out = read_unsure(&mut node, &wanted, 8, &wanted);
    assert!(out.contains(&Effect::Lead(Epoch(5))), "{out:?}");
    // It cannot be any more.
    let (mut node, _) = campaigns();
    let out = read(&mut node, 8, &record(5, Some(0), &[0, 1]));
    assert!(
        matches!(out.last(), Some(Effect::Connect { .. })),
        "{out:?}"
    );
    assert_eq!(node.leads(), None);
}

/// The repeated write is answered by "unknown" as well, and then this is read.
fn read_unsure(node: &mut Protocol, sent: &Record, version: u32, found: &Record) -> Vec<Effect> {
    let nonce = sent.writer_nonce;
    effects(node, |node, out| {
        node.on_cas(nonce, CasOutcome::Unknown, out)
    });
    read(node, version, found)
}

#[test]
fn a_candidate_is_deaf() {
    let before = record(4, Some(0), &[0, 1]);
    let (mut node, leader) = follower_of(&before, log(&[(2, 4096)], 5000));
    frame(&mut node, leader, welcome(4, 5000, 5000));
    effects(&mut node, |node, out| node.on_campaign(out));
    read(&mut node, 1, &before);
    assert_eq!(node.state(), State::Candidate);
    assert_eq!(frame(&mut node, leader, welcome(4, 5000, 5000)), []);
    assert_eq!(
        effects(&mut node, |node, out| node.on_durable(Lsn(5000), out)),
        []
    );
}

#[test]
fn records_that_are_gone_or_from_the_past_raise_an_alarm() {
    let (mut node, leader) = follower_of(&record(4, Some(0), &[0, 1]), log(&[(2, 4096)], 5000));
    frame(&mut node, leader, welcome(4, 5000, 5000));
    let out = read(&mut node, 3, &record(3, Some(2), &[1, 2]));
    let (found, promised) = (Epoch(3), Epoch(4));
    assert_eq!(
        out,
        [Effect::Alarm(Alarm::RecordRolledBack { found, promised })]
    );
    let gone = Snapshot {
        record: None,
        version: Version::ABSENT,
    };
    let out = effects(&mut node, |node, out| node.on_read(gone, out));
    assert_eq!(out, [Effect::Alarm(Alarm::RecordGone)]);
}

/// It may have been single in between, and then epochs tell nothing about its data.
#[test]
fn who_was_in_a_group_that_has_ended_gets_everything_anew() {
    let mut before = record(8, None, &[0]);
    before.founded = Epoch(8);
    let mut leader = leader_with(log(&[(7, 4096)], 9000), &before);
    let welcomed = |leader: &mut Protocol, promised, log: &LogView| {
        let (peer, Frame::Hello(hello)) = hello(2, log) else {
            panic!("no hello");
        };
        let hello = Hello {
            promised: Epoch(promised),
            ..hello
        };
        let out = frame(leader, peer, Frame::Hello(hello));
        let mut welcomes = out.iter().filter_map(|effect| match effect {
            Effect::Send {
                frame: Frame::Welcome(welcome),
                ..
            } => Some(welcome.catch_up),
            _ => None,
        });
        welcomes.next().unwrap()
    };
    let alike = log(&[(7, 4096)], 6000);
    assert_eq!(welcomed(&mut leader, 7, &alike), CatchUp::Whole);
    assert_eq!(welcomed(&mut leader, 8, &alike), CatchUp::Whole);
    assert_eq!(welcomed(&mut leader, 9, &alike), CatchUp::From(Lsn(6000)));
    let empty = log(&[], ORIGIN.0);
    assert_eq!(welcomed(&mut leader, 0, &empty), CatchUp::From(ORIGIN));
}

#[test]
fn nobody_is_elected_in_a_group_that_has_ended() {
    let alone = record(3, Some(0), &[0]);
    let nonce = alone.writer_nonce;
    let ended = alone.clone().ended(member(0), nonce);
    let alarm = Effect::Alarm(Alarm::GroupEnded(NodeId(0)));
    for number in [0, 1] {
        let mut node = node(number, log(&[(3, 4096)], 5000));
        effects(&mut node, |node, out| node.on_campaign(out));
        assert_eq!(read(&mut node, 5, &ended), std::slice::from_ref(&alarm));
        assert_eq!(node.state(), State::Searching);
    }
    let mut leader = leader_with(log(&[(3, 4096)], 5000), &alone);
    let later = Record {
        epoch: Epoch(5),
        ..ended
    };
    let out = read(&mut leader, 6, &later);
    assert_eq!(out, [Effect::StopLeading, alarm]);
}

#[test]
fn another_durability_is_in_force_once_it_is_in_the_record() {
    let mut node = leader_with(log(&[(3, 4096)], 5000), &record(3, Some(0), &[0]));
    let strict = |node: &mut Protocol, min| effects(node, |node, out| node.on_durability(min, out));
    assert_eq!(strict(&mut node, 1), []);
    let out = strict(&mut node, 2);
    let sent = submitted(&out).unwrap().clone();
    assert_eq!((sent.min_isr, node.state()), (2, State::Alone));
    assert_eq!(strict(&mut node, 2), []);
    let applied = CasOutcome::Applied(Version::new("77"));
    effects(&mut node, |node, out| {
        node.on_cas(sent.writer_nonce, applied, out)
    });
    assert_eq!(node.state(), State::Blocked);
}

#[test]
fn a_reign_that_is_past_is_turned_away_by_name() {
    let (mut node, leader) = follower_of(&record(5, Some(0), &[0]), log(&[], 4096));
    frame(&mut node, leader, welcome(5, 4096, 4096));
    // Its record was rolled back, and somebody was elected by that.
    let (mut node, stale) = {
        effects(&mut node, |node, out| node.on_poll(out));
        read(&mut node, 9, &record(5, Some(0), &[0]));
        let stale = node.conversation().unwrap();
        (node, stale)
    };
    let out = frame(&mut node, stale, welcome(4, 4096, 4096));
    let alarm = Alarm::PastEpoch {
        node: NodeId(0),
        offered: Epoch(4),
        promised: Epoch(5),
    };
    assert!(out.contains(&Effect::Alarm(alarm)), "{out:?}");
    assert_eq!(node.follows(), None);
}

#[test]
fn a_leader_goes_on_while_the_store_is_restored_to_the_past() {
    let before = record(4, Some(0), &[0]);
    let mut leader = leader_with(log(&[(2, 4096)], 5000), &before);
    effects(&mut leader, |node, out| node.on_appended(Lsn(5100), out));
    effects(&mut leader, |node, out| node.on_durable(Lsn(5100), out));
    let out = effects(&mut leader, |node, out| node.on_hint_due(out));
    let hint = submitted(&out).expect("there is something new").clone();
    let (found, promised) = (Epoch(4), Epoch(5));
    let rolled_back = Effect::Alarm(Alarm::RecordRolledBack { found, promised });
    assert_eq!(read_unsure(&mut leader, &hint, 1, &before), [rolled_back]);
    assert!(leader.is_serving());
    // It looks again, until an operator has put the newest record back.
    let out = effects(&mut leader, |node, out| node.on_retry(out));
    assert_eq!(out, [Effect::Read]);
    let newest = Record {
        writer_nonce: before.writer_nonce,
        ..hint.clone()
    };
    assert_eq!(submitted(&read(&mut leader, 2, &newest)), Some(&hint));
    assert_eq!(leader.leads(), Some(Epoch(5)));
}

#[test]
fn a_disk_without_what_was_committed_does_not_lead() {
    let commit_hint = Position {
        epoch: Epoch(2),
        lsn: Lsn(5000),
    };
    let before = Record {
        commit_hint,
        ..record(4, Some(0), &[0, 1])
    };
    for short in [log(&[(2, 4096)], 4900), log(&[(1, 4096)], 6000)] {
        let mut node = node(1, short);
        let out = read(&mut node, 1, &before);
        assert!(out.contains(&Effect::Alarm(Alarm::Regressed)), "{out:?}");
        effects(&mut node, |node, out| node.on_campaign(out));
        assert_eq!(submitted(&read(&mut node, 1, &before)), None);
        assert_eq!(node.state(), State::Repair);
    }
}

#[test]
fn who_resigns_leaves_to_one_who_has_everything() {
    let mut leader = leader_with(log(&[(1, 4096)], 5000), &record(1, Some(0), &[0]));
    let resign = |leader: &mut Protocol| leader.on_resign(NodeId(1), 10_000, &mut Vec::new());
    assert_eq!(resign(&mut leader), Err(NotNow::NotInSync(NodeId(1))));
    let (peer, hello) = hello(1, &log(&[(1, 4096)], 5000));
    frame(&mut leader, peer, hello);
    let ack = |durable| Frame::Ack {
        epoch: Epoch(2),
        durable: Lsn(durable),
    };
    let out = frame(&mut leader, peer, ack(5000));
    let nonce = submitted(&out).expect("it is admitted").writer_nonce;
    assert_eq!(resign(&mut leader), Err(NotNow::Changing));
    let outcome = CasOutcome::Applied(Version::new("3"));
    effects(&mut leader, |node, out| node.on_cas(nonce, outcome, out));
    effects(&mut leader, |node, out| node.on_appended(Lsn(5100), out));
    effects(&mut leader, |node, out| node.on_durable(Lsn(5100), out));
    assert_eq!(resign(&mut leader), Err(NotNow::Behind(NodeId(1))));
    assert_eq!(leader.state(), State::Replicated);
    frame(&mut leader, peer, ack(5100));
    assert_eq!(
        (resign(&mut leader), leader.state()),
        (Ok(()), State::Draining)
    );
    assert!(!leader.is_serving());
}
