//! What goes wrong, and how it is mended.

use broker_core::journal::{SimDisk, Survival, Trouble};
use broker_core::replication::fake_coordinator;
use broker_core::replication::replica::{Input, News};

use crate::world::{Happening, Life, MS, SECOND, World, node_id};

/// Something that goes wrong, and may be mended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// All machines lose their power at once.
    Blackout,
    /// Nothing arrives from one at the other.
    Cut(usize, usize),
    /// A bit on the disk of a machine changes while it is down.
    Damage(usize),
    DiskError(usize),
    DiskFull(usize),
    Freeze(usize),
    Kill(usize),
    /// The power goes while the disk works.
    PowerAt(usize),
    PowerLoss(usize),
    Reset,
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

impl World {
    /// Something by chance, and when it ends.
    pub(crate) fn any_fault(&mut self) -> Fault {
        let one = self.chance.below(self.setup.nodes as u64) as usize;
        let other =
            (one + 1 + self.chance.below(self.setup.nodes as u64 - 1) as usize) % self.setup.nodes;
        match self.chance.below(19) {
            0..3 => Fault::Cut(one, other),
            3 => Fault::Damage(one),
            4 => Fault::DiskError(one),
            5 => Fault::DiskFull(one),
            6 | 7 => Fault::Freeze(one),
            8 => Fault::Kill(one),
            9 => Fault::PowerAt(one),
            10 => Fault::PowerLoss(one),
            11 => Fault::Reset,
            12 => Fault::Store,
            13 => Fault::StoreOf(one),
            14 => Fault::StoreTrouble,
            15 => Fault::Switchover(one),
            16 | 17 => Fault::Blackout,
            _ => Fault::Wipe(one),
        }
    }

    pub(crate) fn fault(&mut self, fault: Fault) {
        self.note(|| format!("fault: {fault:?}"));
        let lasts = match self.chance.below(4) {
            0 => 50 * MS + self.chance.below(500 * MS),
            1 | 2 => 500 * MS + self.chance.below(4 * SECOND),
            _ => 4 * SECOND + self.chance.below(16 * SECOND),
        };
        self.count("faults");
        match fault {
            Fault::Blackout => return self.black_out(),
            Fault::Cut(one, other) => {
                self.network.cuts.insert((one, other));
                if self.chance.one_in(2) {
                    self.network.cuts.insert((other, one));
                }
            }
            Fault::Damage(machine) => return self.damage(machine, lasts),
            Fault::DiskError(machine) => {
                let disk = &self.machines[machine].disk;
                let at = disk.operations() + self.chance.below(40);
                disk.plan(at, Trouble::Error(std::io::ErrorKind::Other));
                self.machines[machine].falls_sick(self.now + lasts + 3 * SECOND);
            }
            Fault::DiskFull(machine) => {
                let disk = &self.machines[machine].disk;
                let used: usize = disk.contents().values().map(Vec::len).sum();
                disk.set_capacity_bytes(used as u64 + self.chance.below(60_000));
                self.machines[machine].falls_sick(self.now + lasts + 3 * SECOND);
            }
            Fault::Freeze(machine) => {
                let machine = &mut self.machines[machine];
                machine.frozen_until = machine.frozen_until.max(self.now + lasts);
                machine.thawed_at = machine.frozen_until;
                return;
            }
            Fault::Kill(machine) => return self.kill(machine, Survival::Everything, lasts),
            Fault::PowerAt(machine) => {
                let disk = &self.machines[machine].disk;
                let at = disk.operations() + self.chance.below(60);
                disk.plan(at, Trouble::PowerLoss);
                self.machines[machine].falls_sick(self.now + lasts + 3 * SECOND);
            }
            Fault::PowerLoss(machine) => {
                let survival = match self.chance.below(3) {
                    0 => Survival::Nothing,
                    _ => Survival::Some(self.chance.next()),
                };
                return self.kill(machine, survival, lasts);
            }
            Fault::Reset => return self.reset_connections(),
            Fault::Store => self.store.fake.cut_off(true),
            Fault::StoreOf(machine) => self.store.cut_off.push(machine),
            Fault::StoreTrouble => {
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
            Fault::Switchover(machine) => return self.switch_over(machine),
            Fault::Wipe(machine) => return self.wipe(machine, lasts),
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
            Fault::PowerAt(machine) => {
                let survival = Survival::Some(self.chance.next());
                self.kill(machine, survival, MS);
            }
            Fault::Store => self.store.fake.cut_off(false),
            Fault::StoreOf(machine) => self.store.cut_off.retain(|it| *it != machine),
            _ => {}
        }
    }

    fn black_out(&mut self) {
        for index in 0..self.setup.nodes {
            let survival = match self.chance.below(3) {
                0 => Survival::Nothing,
                _ => Survival::Some(self.chance.next()),
            };
            let lasts = self.chance.below(12 * SECOND);
            self.kill(index, survival, lasts);
        }
    }

    fn kill(&mut self, index: usize, survival: Survival, restart_after: u64) {
        let quietly = survival != Survival::Everything && self.chance.one_in(2);
        self.crash(index, quietly);
        let machine = &mut self.machines[index];
        machine.disk = machine.disk.after_power_loss(survival);
        self.after(restart_after, Happening::Restart(index));
    }

    fn switch_over(&mut self, machine: usize) {
        let leads = (0..self.setup.nodes).find(|it| self.machines[*it].engine.is_some());
        if let Some(leader) = leads.filter(|leader| *leader != machine) {
            let resign = Input::Resign {
                to: node_id(machine),
                patience: std::time::Duration::from_secs(5),
            };
            let life = self.life(leader);
            self.after(0, Happening::Tell(life, Box::new(resign)));
        }
    }

    /// Whether the group can do without what this machine's disk has: somebody else is in sync, and
    /// is there.
    fn can_spare(&self, index: usize) -> bool {
        let Some(record) = self.store.record() else {
            return false;
        };
        record.isr.iter().any(|member| {
            let other = usize::from(member.node.0) - 1;
            let replica = self.machines[other].replica.as_ref();
            let same = replica.is_some_and(|it| it.node().protocol().me() == *member);
            let whole = replica.is_some_and(|it| !it.node().protocol().vow().in_repair);
            other != index && same && whole && self.now > self.machines[other].sick_until
        })
    }

    /// At most one machine in a run loses what it had: more, and nothing could be promised.
    fn wipe(&mut self, index: usize, lasts: u64) {
        if self.ledger_spent() || !self.can_spare(index) {
            return;
        }
        self.spend();
        self.crash(index, true);
        self.machines[index].disk = SimDisk::new(self.chance.next());
        self.count("wiped disks");
        self.after(lasts, Happening::Restart(index));
    }

    fn damage(&mut self, index: usize, lasts: u64) {
        if self.ledger_spent() || !self.can_spare(index) {
            return;
        }
        self.spend();
        self.kill(index, Survival::Everything, lasts);
        let disk = &self.machines[index].disk;
        let mut files = disk.contents();
        files.retain(|_, bytes| !bytes.is_empty());
        let which = self.chance.below(files.len() as u64) as usize;
        if let Some((name, bytes)) = files.iter().nth(which) {
            let bit = self.chance.below(bytes.len() as u64 * 8);
            disk.flip(name, bit as usize);
            let name = name.clone();
            self.note(|| format!("bit {bit} of {name} is flipped"));
        }
        self.count("damaged disks");
        // Found when it is read, however late that is.
        self.machines[index].falls_sick(u64::MAX);
    }

    fn ledger_spent(&self) -> bool {
        self.counts.contains_key("disks spent")
    }

    fn spend(&mut self) {
        self.count("disks spent");
    }

    pub(crate) fn news(&mut self, life: Life, news: &News) {
        self.note(|| format!("node {}: {news}", life.machine + 1));
        self.count(match news {
            News::SwitchedOver(_) => "switchovers",
            News::Truncated(_) => "cuts",
            News::Installed { .. } => "checkpoints installed",
            News::StartedOver => "fresh starts",
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
        for index in 0..self.setup.nodes {
            let machine = &mut self.machines[index];
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
