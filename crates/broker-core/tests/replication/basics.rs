//! What a group does when nothing, or one thing, goes wrong.

use broker_core::journal::{SimDisk, Survival};
use broker_core::replication::protocol::State;

use crate::faults::Fault;
use crate::world::{AllBut, SECOND, SEGMENT_BYTES, Setup, World};

impl World {
    pub(crate) fn leader(&self) -> Option<usize> {
        (0..self.setup.nodes).find(|it| {
            let machine = &self.machines[*it];
            let serving = |r: &broker_core::replication::replica::Replica<AllBut>| {
                r.status(machine.moment(self.now)).serving
            };
            machine.engine.is_some() && machine.replica.as_ref().is_some_and(serving)
        })
    }

    /// All are in sync, and one of them serves.
    pub(crate) fn is_well(&self) -> bool {
        let all_in_sync = || {
            let record = self.store.record();
            record.is_some_and(|record| {
                self.machines.iter().all(|machine| {
                    let replica = machine.replica.as_ref();
                    replica.is_some_and(|it| record.isr.contains(&it.node().protocol().me()))
                })
            })
        };
        self.leader().is_some() && all_in_sync()
    }

    pub(crate) fn get_well(&mut self) {
        let well = self.pass_until(120 * SECOND, Self::is_well);
        assert!(well, "{}\nthe group does not get well", self.story());
    }

    /// Nobody who has everything is left: all who were in sync have lost their disks or found damage
    /// on them. An operator has to say what is to be done (rule J2).
    pub(crate) fn is_lost(&self) -> bool {
        self.store.record().is_some_and(|record| {
            record.isr.iter().all(|member| {
                let machine = &self.machines[usize::from(member.node.0) - 1];
                machine.replica.as_ref().is_some_and(|replica| {
                    let protocol = replica.node().protocol();
                    protocol.me() != *member || protocol.vow().in_repair
                })
            })
        })
    }

    /// Lets the clients finish, and compares what every node would serve with what they know.
    pub(crate) fn check_all(&mut self) {
        self.ledger.closed = true;
        for round in 0..self.setup.nodes {
            let settled = |world: &Self| world.is_well() || world.is_lost();
            if self.pass_until(60 * SECOND, settled) && self.is_lost() {
                self.count("groups lost");
                self.rescue();
            }
            self.get_well();
            self.pass(3 * SECOND);
            self.get_well();
            let leader = self.leader().expect("it is well");
            let engine = self.machines[leader].engine.as_mut().expect("it leads");
            // What they hold goes back to its queue.
            engine.client = None;
            let broker = std::sync::Arc::clone(&engine.broker);
            self.check_contents(&broker, &format!("round {round}, node {}", leader + 1));
            drop(broker);
            self.crash(leader, false);
            let machine = &mut self.machines[leader];
            machine.disk = machine.disk.after_power_loss(Survival::Nothing);
            self.pass(10 * SECOND);
            self.boot(leader);
        }
    }
}

#[test]
fn a_group_is_founded_and_its_nodes_come_in_sync() {
    for nodes in [1, 2, 3] {
        let mut world = World::new(Setup {
            nodes,
            ..Setup::pair(nodes as u64)
        });
        world.get_well();
        world.pass(5 * SECOND);
        let states: Vec<State> = world
            .machines
            .iter()
            .map(|it| it.replica.as_ref().unwrap().node().protocol().state())
            .collect();
        let leads = |state: &&State| matches!(state, State::Replicated | State::Alone);
        assert_eq!(states.iter().filter(leads).count(), 1, "{states:?}");
        assert!(world.ledger.confirmed.len() > 100);
    }
}

#[test]
fn a_standby_takes_over_and_the_old_leader_follows() {
    for seed in 0..5 {
        let mut world = World::new(Setup::pair(seed));
        world.get_well();
        world.pass(3 * SECOND);
        let leader = world.leader().unwrap();
        let at = world.now;
        world.crash(leader, true);
        let disk = &mut world.machines[leader].disk;
        *disk = disk.after_power_loss(Survival::Some(seed));
        let other = 1 - leader;
        assert!(world.pass_until(20 * SECOND, |world| world.leader() == Some(other)));
        let took = (world.now - at) / 1_000_000;
        assert!(
            (4000..6000).contains(&took),
            "{}\ntook {took} ms",
            world.story()
        );
        world.boot(leader);
        world.check_all();
    }
}

#[test]
fn a_switchover_loses_nothing_and_is_quick() {
    for seed in 0..5 {
        let mut world = World::new(Setup::pair(seed));
        world.get_well();
        world.pass(3 * SECOND);
        let leader = world.leader().unwrap();
        let at = world.now;
        world.fault(Fault::Switchover(1 - leader));
        assert!(world.pass_until(20 * SECOND, |world| world.leader() == Some(1 - leader)));
        let took = (world.now - at) / 1_000_000;
        assert!(took < 500, "{}\ntook {took} ms", world.story());
        world.check_all();
        assert_eq!(world.counts.get("switchovers"), Some(&1));
    }
}

#[test]
fn a_follower_that_was_away_for_long_begins_with_a_checkpoint() {
    for seed in 0..5 {
        let mut world = World::new(Setup::pair(seed));
        world.get_well();
        let standby = 1 - world.leader().unwrap();
        world.crash(standby, false);
        world.pass(60 * SECOND);
        world.boot(standby);
        world.get_well();
        assert!(
            world.counts.contains_key("checkpoints installed"),
            "{}",
            world.story()
        );
        world.check_all();
    }
}

#[test]
fn a_standby_whose_disk_decays_is_refilled() {
    for seed in 0..6 {
        let mut world = World::new(Setup::pair(seed));
        world.get_well();
        world.pass(8 * SECOND);
        world.ledger.closed = true;
        // Consumers have taken everything: what is damaged now is not freed before it is compared.
        world.pass(15 * SECOND);
        let standby = 1 - world.leader().unwrap();
        let files = world.machines[standby].disk.contents();
        // Among the records of each, whichever are in use.
        for name in files.keys().filter(|name| name.starts_with("segment")) {
            let disk = &world.machines[standby].disk;
            disk.flip(name, (9000 + 7 * seed as usize) * 8 + 3);
        }
        let sees = |world: &World| world.counts.contains_key("notices");
        assert!(world.pass_until(60 * SECOND, sees), "{}", world.story());
        world.check_all();
    }
}

#[test]
fn a_node_that_has_received_nothing_yet_starts_again_as_it_was() {
    for survival in [Survival::Everything, Survival::Nothing] {
        let mut world = World::new(Setup::pair(1));
        world.crash(1, false);
        let disk = &mut world.machines[1].disk;
        *disk = disk.after_power_loss(survival);
        world.boot(1);
        let replica = world.machines[1].replica.as_ref().expect("it starts");
        let status = replica.status(world.machines[1].moment(world.now));
        assert_eq!(status.notices, [], "{survival:?}");
        assert_eq!(status.state, State::Searching, "{survival:?}");
        world.get_well();
    }
}

#[test]
fn a_follower_whose_segments_are_smaller_is_not_waited_for() {
    let mut world = World::new(Setup::pair(2));
    world.crash(1, false);
    world.machines[1].disk = SimDisk::new(7);
    world.machines[1].config.broker.journal.segment_bytes = 20 << 10;
    world.boot(1);
    let refused = |world: &World| world.trace.iter().any(|line| line.contains("are refused"));
    assert!(world.pass_until(60 * SECOND, refused), "{}", world.story());
    // It asks again and again, and whoever leads goes on.
    let confirmed = world.ledger.confirmed.len();
    world.pass(20 * SECOND);
    assert!(world.ledger.confirmed.len() > confirmed + 100);
    world.crash(1, false);
    world.machines[1].disk = SimDisk::new(8);
    world.machines[1].config.broker.journal.segment_bytes = SEGMENT_BYTES;
    world.boot(1);
    world.check_all();
}
