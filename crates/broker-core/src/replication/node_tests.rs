//! Two nodes, a simulated link, a fake store and a clock moved by hand: what a pair does, and how long
//! it takes, in the faults that an operator meets.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::*;
use crate::journal::StoreId;
use crate::replication::coordinator::{Coordinator, Version};
use crate::replication::epochs::EpochTable;
use crate::replication::fake_coordinator::FakeCoordinator;
use crate::replication::record::{Incarnation, Record};

const ORIGIN: Lsn = Lsn(4096);
const JITTER: Duration = Duration::from_millis(100);

/// A pair, simulated.
struct Pair {
    now: Moment,
    nodes: Vec<Simulated>,
    wire: VecDeque<(usize, Event)>,
    store: FakeCoordinator,
    linked: bool,
}

struct Simulated {
    node: Node,
    /// Dead or frozen: nothing reaches it, and it does nothing.
    stopped: bool,
    reaches_store: bool,
    /// What it was told to do about clients, and when it led.
    told: Vec<Effect>,
}

fn member(node: u16) -> Member {
    Member {
        node: NodeId(node),
        store: StoreId([7; 16]),
    }
}

fn start(index: u16, now: Moment) -> Node {
    let log = LogView {
        front: ORIGIN,
        end: ORIGIN,
        durable: ORIGIN,
        epochs: EpochTable::default(),
    };
    let recovered = Recovered {
        me: member(index),
        incarnation: Incarnation(u64::from(index)),
        vow: Default::default(),
        log,
        committed: Lsn(0),
        damaged: false,
    };
    let settings = Settings {
        origin: ORIGIN,
        join_lag: 1 << 20,
    };
    Node::new(
        now,
        Timing::default(),
        JITTER,
        settings,
        recovered,
        &mut Vec::new(),
    )
}

impl Pair {
    /// Node 0 serves, node 1 follows in sync.
    fn in_sync() -> Self {
        let store = FakeCoordinator::default();
        let isr = BTreeSet::from([member(0)]);
        let founding = Record::founding(Incarnation(99), isr, 1, BTreeMap::new());
        store.cas(&Version::ABSENT, &founding);
        let now = Moment(1_000_000_000_000);
        let simulated = |index| Simulated {
            node: start(index, now),
            stopped: false,
            reaches_store: true,
            told: Vec::new(),
        };
        let mut pair = Self {
            now,
            nodes: vec![simulated(0), simulated(1)],
            wire: VecDeque::new(),
            store,
            linked: true,
        };
        let took = pair.run_until(|pair| pair.isr() == 2);
        assert!(took < Duration::from_secs(3), "{took:?}");
        assert!(pair.serves(0) && !pair.serves(1));
        pair.run(Duration::from_millis(1300));
        pair
    }

    fn isr(&self) -> usize {
        self.store
            .read()
            .map_or(0, |seen| seen.record.map_or(0, |record| record.isr.len()))
    }

    fn serves(&self, index: usize) -> bool {
        !self.nodes[index].stopped && self.nodes[index].node.serves(self.now)
    }

    fn committed(&self, index: usize) -> Lsn {
        self.nodes[index].node.protocol().committed()
    }

    /// The leader's engine appends, and its disk syncs.
    fn publish(&mut self, index: usize) -> Lsn {
        let end = Lsn(self.nodes[index].node.protocol().log().end.0 + 100);
        self.event(index, Event::Appended(end));
        self.event(index, Event::Durable(end));
        self.deliver();
        end
    }

    fn run(&mut self, time: Duration) {
        let end = self.now.plus(time);
        self.run_until(|pair| pair.now >= end);
    }

    /// How long it took. Never are two nodes serving meanwhile.
    fn run_until(&mut self, done: impl Fn(&Self) -> bool) -> Duration {
        let begin = self.now;
        for _ in 0..100_000 {
            self.deliver();
            assert!(!(self.serves(0) && self.serves(1)), "two nodes serve");
            if done(self) {
                return Duration::from_nanos(self.now.0 - begin.0);
            }
            // In small steps, so that `done` is noticed about when it happens.
            self.now = self.now.plus(Duration::from_millis(5));
            for index in 0..self.nodes.len() {
                if self.nodes[index].node.next_deadline() <= self.now {
                    self.event(index, Event::Tick);
                }
            }
        }
        panic!("it never happens");
    }

    fn deliver(&mut self) {
        while let Some((index, event)) = self.wire.pop_front() {
            self.event(index, event);
        }
    }

    fn event(&mut self, index: usize, event: Event) {
        if self.nodes[index].stopped {
            return;
        }
        let mut out = Vec::new();
        self.nodes[index].node.on(self.now, event, &mut out);
        self.perform(index, out);
    }

    fn perform(&mut self, index: usize, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Connect { to, frame, .. } | Effect::Send { to, frame } => {
                    self.send(index, to, frame);
                }
                Effect::Ship { to, append } => self.send(index, to, Frame::Append(append)),
                Effect::Write => {
                    let end = self.nodes[index].node.protocol().log().end;
                    self.wire.push_back((index, Event::Durable(end)));
                }
                Effect::Read if self.nodes[index].reaches_store => {
                    if let Ok(seen) = self.store.read() {
                        self.wire.push_back((index, Event::Read(seen)));
                    }
                }
                Effect::Cas { expected, record } => {
                    let reaches = self.nodes[index].reaches_store;
                    let outcome = match reaches {
                        true => self.store.cas(&expected, &record),
                        false => CasOutcome::Unknown,
                    };
                    let event = Event::Cas(record.writer_nonce, outcome);
                    self.wire.push_back((index, event));
                }
                Effect::HangUp(peer) if self.linked => {
                    let me = Peer {
                        node: NodeId(u16::try_from(index).unwrap()),
                        session: peer.session,
                    };
                    self.wire
                        .push_back((usize::from(peer.node.0), Event::Disconnected(me)));
                }
                told => self.nodes[index].told.push(told),
            }
        }
    }

    fn send(&mut self, from: usize, to: Peer, frame: Frame) {
        if self.linked {
            let me = Peer {
                node: NodeId(u16::try_from(from).unwrap()),
                session: to.session,
            };
            self.wire
                .push_back((usize::from(to.node.0), Event::Frame(me, frame)));
        }
    }
}

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[test]
fn what_is_published_is_committed_on_both() {
    let mut pair = Pair::in_sync();
    let end = pair.publish(0);
    assert_eq!(pair.committed(0), end);
    pair.run(ms(600));
    assert_eq!(pair.committed(1), end);
    assert_eq!(pair.nodes[1].node.protocol().log().durable, end);
}

#[test]
fn a_dead_leader_is_replaced_when_its_grace_is_over() {
    let mut pair = Pair::in_sync();
    let end = pair.publish(0);
    pair.nodes[0].stopped = true;
    let took = pair.run_until(|pair| pair.serves(1));
    assert!(took > ms(3500) && took < ms(4700), "{took:?}");
    assert_eq!((pair.isr(), pair.committed(1)), (1, end));
    // It comes back with another life, and with the disk it had.
    pair.nodes[0].stopped = false;
    let log = pair.nodes[0].node.protocol().log().clone();
    pair.nodes[0].node = start(0, pair.now);
    pair.event(0, Event::Restored(log));
    let took = pair.run_until(|pair| pair.isr() == 2);
    assert!(took < ms(2600) && pair.serves(1), "{took:?}");
}

#[test]
fn a_leader_whose_standby_is_gone_stalls_for_two_seconds() {
    let mut pair = Pair::in_sync();
    pair.nodes[1].stopped = true;
    let end = pair.publish(0);
    assert!(pair.committed(0) < end);
    let took = pair.run_until(|pair| pair.committed(0) == end);
    assert!(
        took > ms(1000) && took < ms(2600) && pair.serves(0),
        "{took:?}"
    );
    assert!(
        !pair.nodes[0].told.contains(&Effect::Pause),
        "it never stopped serving"
    );
}

#[test]
fn in_a_partition_the_incumbent_stays() {
    let mut pair = Pair::in_sync();
    pair.linked = false;
    let end = pair.publish(0);
    pair.run(Duration::from_secs(20));
    assert!(pair.serves(0) && pair.isr() == 1);
    assert_eq!(pair.committed(0), end);
    pair.linked = true;
    let took = pair.run_until(|pair| pair.isr() == 2);
    assert!(took < ms(2600), "{took:?}");
    assert_eq!(pair.nodes[1].node.protocol().log().durable, end);
}

#[test]
fn a_leader_cut_off_from_everything_falls_silent_before_the_other_serves() {
    let mut pair = Pair::in_sync();
    pair.linked = false;
    pair.nodes[0].reaches_store = false;
    let took = pair.run_until(|pair| !pair.serves(0));
    assert!(took <= ms(3000), "{took:?}");
    let end = pair.publish(0);
    let took = pair.run_until(|pair| pair.serves(1));
    assert!(took < ms(2500), "{took:?}");
    assert!(pair.committed(0) < end, "nobody was told that this is safe");
    assert!(pair.nodes[0].told.contains(&Effect::StopLeading));
    pair.linked = true;
    pair.nodes[0].reaches_store = true;
    pair.run_until(|pair| pair.isr() == 2);
    assert!(
        pair.nodes[0].node.protocol().log().end < end,
        "it gave it up"
    );
}

#[test]
fn a_store_that_is_down_disturbs_nobody() {
    let mut pair = Pair::in_sync();
    pair.store.cut_off(true);
    pair.run(Duration::from_secs(60));
    let end = pair.publish(0);
    assert!(pair.serves(0) && pair.committed(0) == end);
    // The standby as well: nobody can tell whether it leads by now, so nobody serves.
    pair.nodes[1].stopped = true;
    let took = pair.run_until(|pair| !pair.serves(0));
    assert!(took <= ms(3000), "{took:?}");
    // With the store back, the leader is elected again, alone.
    pair.store.cut_off(false);
    let took = pair.run_until(|pair| pair.serves(0));
    assert!(took < ms(5100) && pair.isr() == 1, "{took:?}");
}

#[test]
fn a_frozen_leader_finds_out_before_it_says_anything() {
    let mut pair = Pair::in_sync();
    let end = pair.publish(0);
    pair.nodes[0].stopped = true;
    pair.run_until(|pair| pair.serves(1));
    pair.run(Duration::from_secs(60));
    pair.nodes[0].stopped = false;
    assert!(!pair.serves(0), "it looks at the clock first");
    // What its engine had in hand when it was frozen.
    pair.nodes[0].told.clear();
    let late = pair.publish(0);
    assert_eq!(
        pair.nodes[0].told[..2],
        [Effect::Pause, Effect::StopLeading]
    );
    assert!(pair.committed(0) < late && pair.committed(0) >= end);
}

#[test]
fn a_switchover_does_not_wait() {
    let mut pair = Pair::in_sync();
    let end = pair.publish(0);
    let mut out = Vec::new();
    let patience = Duration::from_secs(10);
    let resigned = pair.nodes[0]
        .node
        .resign(pair.now, NodeId(1), patience, &mut out);
    assert_eq!(resigned, Ok(()));
    pair.perform(0, out);
    assert!(!pair.serves(0));
    let took = pair.run_until(|pair| pair.serves(1));
    assert!(took < ms(50) && pair.committed(1) == end, "{took:?}");
    let took = pair.run_until(|pair| pair.isr() == 2);
    assert!(took < ms(2600), "{took:?}");
}
