//! What goes wrong, and how it is mended.

use broker_core::journal::{Survival, Trouble};
use broker_core::replication::fake_coordinator;
use broker_core::replication::replica::News;

use crate::world::{Happening, Life, MS, SECOND, World};

/// Something that goes wrong, and may be mended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Something is to happen at the next change of the record of some kind.
    Ambush,
    /// All machines lose their power at once.
    Blackout,
    /// Nothing arrives from one at the other.
    Cut(usize, usize),
    /// A bit on the disk of a machine changes while it is down.
    Damage(usize),
    DiskError(usize),
    DiskFull(usize),
    /// An operator goes on with one machine while the others are down.
    ForcePromote(usize),
    Freeze(usize),
    /// So many packets are damaged on the way.
    Garble(u32),
    /// A machine is cut off from all others and from the store.
    Isolate(usize),
    Kill(usize),
    /// What one says to the other comes late.
    Lag(usize, usize),
    /// Whoever leads loses its power.
    LeaderGone,
    /// Whoever leads is cut off from all others and from the store.
    LeaderIsolated,
    /// The store answers a machine with a record that is past.
    OldRecords(usize),
    /// The power goes while the disk works.
    PowerAt(usize),
    PowerLoss(usize),
    /// A leader whose clock stands still is cut off; who follows it dies, and finds the old record.
    Relic,
    Reset,
    /// A disk is replaced by an earlier state of it.
    RollBackDisk(usize),
    /// The store has an earlier record.
    RollBackRecord,
    /// Every sync of a machine's disk takes long.
    SlowDisk(usize),
    /// A machine's clock stands still.
    StopClock(usize),
    /// The store is out of reach for everybody.
    Store,
    /// For one machine.
    StoreOf(usize),
    /// The next writes of the record have troubles.
    StoreTrouble,
    Switchover(usize),
    /// A machine gets an empty disk.
    Wipe(usize),
}

impl Fault {
    /// Of a switchover that is asked for under it.
    #[rustfmt::skip] // A table is read by column.
    pub(crate) const fn under(self) -> &'static str {
        match self {
            Self::Ambush           => "under ambush",
            Self::Blackout         => "under blackout",
            Self::Cut(..)          => "under cut",
            Self::Damage(_)        => "under damage",
            Self::DiskError(_)     => "under disk error",
            Self::DiskFull(_)      => "under disk full",
            Self::ForcePromote(_)  => "under force promote",
            Self::Freeze(_)        => "under freeze",
            Self::Garble(_)        => "under garble",
            Self::Isolate(_)       => "under isolate",
            Self::Kill(_)          => "under kill",
            Self::Lag(..)          => "under lag",
            Self::LeaderGone       => "under leader gone",
            Self::LeaderIsolated   => "under leader isolated",
            Self::OldRecords(_)    => "under old records",
            Self::PowerAt(_)       => "under power at",
            Self::PowerLoss(_)     => "under power loss",
            Self::Relic            => "under relic",
            Self::Reset            => "under reset",
            Self::RollBackDisk(_)  => "under disk rolled back",
            Self::RollBackRecord   => "under record rolled back",
            Self::SlowDisk(_)      => "under slow disk",
            Self::StopClock(_)     => "under stopped clock",
            Self::Store            => "under store",
            Self::StoreOf(_)       => "under store of one",
            Self::StoreTrouble     => "under store trouble",
            Self::Switchover(_)    => "under switchover",
            Self::Wipe(_)          => "under wipe",
        }
    }
}

impl World {
    pub(crate) fn fault(&mut self, fault: Fault) {
        self.note(|| format!("fault: {fault:?}"));
        let lasts = match self.chance.below(4) {
            0 => 50 * MS + self.chance.below(500 * MS),
            1 | 2 => 500 * MS + self.chance.below(4 * SECOND),
            _ => 4 * SECOND + self.chance.below(16 * SECOND),
        };
        self.count("faults");
        if !matches!(fault, Fault::Switchover(_)) && self.switches_over() {
            self.count(fault.under());
            let to = self.chance.below(self.setup.nodes as u64) as usize;
            let later = self.chance.below(600 * MS);
            self.after(later, Happening::Fault(Fault::Switchover(to)));
        }
        match fault {
            Fault::Ambush => self.lie_in_wait(),
            Fault::Blackout => self.black_out(),
            Fault::Cut(..)
            | Fault::Garble(_)
            | Fault::Isolate(_)
            | Fault::Lag(..)
            | Fault::Reset => {
                self.network_fault(fault, lasts);
            }
            Fault::Damage(machine) => self.damage(machine, lasts),
            Fault::DiskError(_) | Fault::DiskFull(_) | Fault::PowerAt(_) | Fault::SlowDisk(_) => {
                self.disk_fault(fault, lasts);
            }
            Fault::ForcePromote(machine) => self.force_promote(machine, lasts),
            Fault::Freeze(machine) => self.freeze(machine, lasts),
            Fault::Kill(machine) => self.kill(machine, Survival::Everything, lasts),
            Fault::LeaderGone => {
                if let Some(leader) = self.acting_leader() {
                    self.kill(leader, Survival::Nothing, lasts + 5 * SECOND);
                }
            }
            Fault::LeaderIsolated => {
                if let Some(leader) = self.acting_leader() {
                    self.network_fault(Fault::Isolate(leader), lasts + 3 * SECOND);
                }
            }
            Fault::PowerLoss(machine) => {
                let survival = self.survival();
                self.kill(machine, survival, lasts);
            }
            Fault::Relic => self.make_relic(),
            Fault::RollBackDisk(machine) => self.back_up(machine),
            Fault::RollBackRecord => self.roll_back_record(lasts),
            Fault::StopClock(machine) => {
                self.machines[machine].stop_clock(self.now, true);
                self.after(lasts, Happening::Mend(fault));
            }
            Fault::OldRecords(_) | Fault::Store | Fault::StoreOf(_) | Fault::StoreTrouble => {
                self.store_fault(fault, lasts);
            }
            Fault::Switchover(machine) => self.switch_over(machine),
            Fault::Wipe(machine) => self.wipe(machine, lasts),
        }
    }

    fn network_fault(&mut self, fault: Fault, lasts: u64) {
        match fault {
            Fault::Cut(one, other) => {
                self.network.cuts.insert((one, other));
                if self.chance.one_in(2) {
                    self.network.cuts.insert((other, one));
                }
            }
            Fault::Garble(packets) => self.network.garbles += packets,
            Fault::Isolate(machine) => {
                for other in (0..self.setup.nodes).filter(|other| *other != machine) {
                    self.network.cuts.insert((machine, other));
                    self.network.cuts.insert((other, machine));
                }
                self.store.cut_off.push(machine);
            }
            Fault::Lag(one, other) => {
                let ms = self.chance.between(200, 1900);
                self.network.lags.insert((one, other), ms);
                let lasts = lasts.max(4 * SECOND);
                if self.chance.one_in(2) {
                    let later = self.chance.between(2 * SECOND, 4 * SECOND);
                    self.after(later, Happening::Fault(Fault::Isolate(other)));
                }
                return self.after(lasts, Happening::Mend(fault));
            }
            _ => self.reset_connections(),
        }
        self.after(lasts, Happening::Mend(fault));
    }

    fn disk_fault(&mut self, fault: Fault, lasts: u64) {
        match fault {
            Fault::DiskError(index) => {
                let disk = &self.machines[index].disk;
                let at = disk.operations() + self.chance.below(40);
                disk.plan(at, Trouble::Error(std::io::ErrorKind::Other));
                self.machines[index].falls_sick(self.now + lasts + 3 * SECOND);
            }
            Fault::DiskFull(index) => {
                let disk = &self.machines[index].disk;
                let used: usize = disk.contents().values().map(Vec::len).sum();
                disk.set_capacity_bytes(used as u64 + self.chance.below(60_000));
                self.machines[index].falls_sick(self.now + lasts + 3 * SECOND);
            }
            Fault::PowerAt(index) => {
                let disk = &self.machines[index].disk;
                let at = disk.operations() + self.chance.below(60);
                disk.plan(at, Trouble::PowerLoss);
                self.machines[index].falls_sick(self.now + lasts + 3 * SECOND);
            }
            Fault::SlowDisk(index) => {
                self.machines[index].slow_until = self.now + lasts;
                if self.chance.one_in(2) {
                    let later = self.chance.below(lasts);
                    self.after(later, Happening::Fault(Fault::Blackout));
                }
                return;
            }
            _ => {}
        }
        self.after(lasts, Happening::Mend(fault));
    }

    fn store_fault(&mut self, fault: Fault, lasts: u64) {
        match fault {
            Fault::OldRecords(machine) => self.store.old_for.push(machine),
            Fault::Store => self.store.fake.cut_off(true),
            Fault::StoreOf(machine) => self.store.cut_off.push(machine),
            _ => {
                for _ in 0..self.chance.between(1, 3) {
                    let trouble = match self.chance.below(4) {
                        0 => fake_coordinator::Trouble::AnswerLost,
                        1 => fake_coordinator::Trouble::Late,
                        2 => fake_coordinator::Trouble::Lost,
                        _ => fake_coordinator::Trouble::Overtaken,
                    };
                    self.store.fake.trouble(trouble);
                }
                return;
            }
        }
        self.after(lasts, Happening::Mend(fault));
    }

    pub(crate) fn mend(&mut self, fault: Fault) {
        match fault {
            Fault::Cut(one, other) => {
                self.network.cuts.remove(&(one, other));
                self.network.cuts.remove(&(other, one));
            }
            Fault::DiskError(machine) => {
                self.machines[machine].disk.end_trouble();
            }
            Fault::DiskFull(machine) => {
                self.machines[machine].disk.set_capacity_bytes(u64::MAX);
            }
            Fault::Isolate(machine) => {
                (self.network.cuts).retain(|(from, to)| *from != machine && *to != machine);
                self.store.cut_off.retain(|it| *it != machine);
            }
            Fault::Lag(one, other) => {
                self.network.lags.remove(&(one, other));
            }
            Fault::OldRecords(machine) => self.store.old_for.retain(|it| *it != machine),
            Fault::PowerAt(machine) => {
                let survival = Survival::Some(self.chance.next());
                self.kill(machine, survival, MS);
            }
            Fault::RollBackDisk(machine) => self.restore(machine),
            Fault::RollBackRecord => self.put_record_back(),
            Fault::StopClock(machine) => self.start_clock(machine),
            Fault::Store => self.store.fake.cut_off(false),
            Fault::StoreOf(machine) => self.store.cut_off.retain(|it| *it != machine),
            _ => {}
        }
    }

    /// A clock that stood still goes on.
    fn start_clock(&mut self, index: usize) {
        self.machines[index].stop_clock(self.now, false);
        self.machines[index].wake_at = u64::MAX;
        let life = self.life(index);
        self.plan_wake(life);
    }

    fn freeze(&mut self, index: usize, lasts: u64) {
        let machine = &mut self.machines[index];
        machine.frozen_until = machine.frozen_until.max(self.now + lasts);
        machine.thawed_at = machine.frozen_until;
    }

    /// A leader believes for long that no time has passed, and nobody can tell it otherwise; another
    /// one is elected, dies once it has confirmed something, and finds the record as it was before.
    fn make_relic(&mut self) {
        let Some(leader) = self.acting_leader() else {
            return;
        };
        self.machines[leader].stop_clock(self.now, true);
        self.network_fault(Fault::Isolate(leader), 7 * SECOND);
        let long = self.chance.between(9 * SECOND, 16 * SECOND);
        self.after(long, Happening::Mend(Fault::StopClock(leader)));
        for other in (0..self.setup.nodes).filter(|other| *other != leader) {
            self.after(6 * SECOND, Happening::Fault(Fault::OldRecords(other)));
            let later = self.chance.between(6 * SECOND, 7 * SECOND);
            self.after(later, Happening::Fault(Fault::Kill(other)));
        }
    }

    fn survival(&mut self) -> Survival {
        match self.chance.below(3) {
            0 => Survival::Nothing,
            _ => Survival::Some(self.chance.next()),
        }
    }

    fn black_out(&mut self) {
        for index in 0..self.setup.nodes {
            let survival = self.survival();
            let lasts = self.chance.below(12 * SECOND);
            self.kill(index, survival, lasts);
        }
    }

    pub(crate) fn kill(&mut self, index: usize, survival: Survival, restart_after: u64) {
        let quietly = survival != Survival::Everything && self.chance.one_in(2);
        self.crash(index, quietly);
        let machine = &mut self.machines[index];
        machine.disk = machine.disk.after_power_loss(survival);
        self.after(restart_after, Happening::Restart(index));
    }

    pub(crate) fn news(&mut self, life: Life, news: &News) {
        self.note(|| format!("node {}: {news}", life.machine + 1));
        self.count(match news {
            News::SwitchedOver(_) => "switchovers",
            News::Truncated(_) => "cuts",
            News::Installed { .. } => "checkpoints installed",
            News::SetAside => "journals set aside",
            News::StartedOver => "fresh starts",
            News::Forced => "forced",
            News::NotForced(_) => "not forced",
            _ => "other news",
        });
    }

    /// Everything is mended, whatever was wrong.
    pub(crate) fn mend_all(&mut self) {
        self.note(|| "everything is mended".to_owned());
        self.network.cuts.clear();
        self.network.slow_ms = 0;
        self.store.fake.cut_off(false);
        self.store.cut_off.clear();
        self.store.old_for.clear();
        self.store.ambushes.clear();
        self.network.lags.clear();
        self.network.garbles = 0;
        self.put_record_back();
        for index in 0..self.setup.nodes {
            self.start_clock(index);
            let machine = &mut self.machines[index];
            machine.backup = None;
            machine.slow_until = 0;
            machine.disk.set_capacity_bytes(u64::MAX);
            machine.frozen_until = machine.frozen_until.min(self.now);
        }
    }

    /// The story of this run.
    pub(crate) fn story(&self) -> String {
        let setup = &self.setup;
        let last = self.trace.len().saturating_sub(400);
        let nodes = self.machines.iter().map(|machine| {
            let status = machine.replica.as_ref();
            let status = status.map(|it| it.status(machine.moment(self.now)));
            format!("{status:?}\n")
        });
        let nodes: String = nodes.collect();
        format!("{}\n{nodes}{setup:?}", self.trace[last..].join("\n"))
    }
}
