//! Carries out a plan: begins the fault and holds it for its time.

use std::thread;
use std::time::{Duration, Instant};

use acceptance::poll;
use anyhow::Result;

use crate::chance::Chance;
use crate::fault::{Fault, Plan, Target};
use crate::stage::Stage;
use crate::stage::disk::flip;
use crate::stage::etcd::MEMBERS;
use crate::stage::lab::{Party, Room};
use crate::workload::Book;

/// Longest wait for a broker under load to sync.
const SYNC: Duration = Duration::from_secs(20);

/// Longest wait for a broker under load to fill what room it has.
const FULL: Duration = Duration::from_secs(15);

/// Octets that change at once.
const FLIPPED: usize = 64;

/// What happened when a switchover was asked for under a fault.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Struck {
    /// A switchover was done, as its answer says.
    pub(crate) switched: bool,
    /// One was refused or failed, as it may under faults.
    pub(crate) refused: bool,
}

impl Stage {
    /// Hurts what the plan says, `active` being the node that serves, and comes back when its time is
    /// over. Nothing is healed yet.
    pub(crate) fn strike(&mut self, plan: &Plan, active: usize, book: &Book) -> Result<Struck> {
        let mut chance = Chance::new(plan.seed);
        let began = Instant::now();
        let mut struck = Struck::default();
        let first = plan.switchover && (plan.fault == Fault::Switchover || chance.once_in(2));
        if first {
            self.try_switchover(active, &mut struck);
        }
        self.begin(plan, active, &mut chance)?;
        if plan.switchover && !first {
            self.try_switchover(active, &mut struck);
        }
        if plan.fault == Fault::DiskFull {
            fill_up(book);
            thread::sleep(plan.hold());
        }
        thread::sleep(plan.hold().saturating_sub(began.elapsed()));
        self.finish(plan, active)?;
        Ok(struck)
    }

    fn try_switchover(&self, active: usize, struck: &mut Struck) {
        // Under a fault it may well fail; that nothing is lost is judged elsewhere.
        match self.switch_over(active) {
            Ok(()) => struck.switched = true,
            Err(_) => struck.refused = true,
        }
    }

    fn begin(&mut self, plan: &Plan, active: usize, chance: &mut Chance) -> Result<()> {
        match plan.fault {
            Fault::BreakClients => {
                self.clients
                    .iter()
                    .for_each(|proxy| proxy.break_connections());
            }
            Fault::SlowClients => {
                let delay = Duration::from_millis(plan.delay_ms);
                self.clients.iter().for_each(|proxy| proxy.delay(delay));
            }
            Fault::SlowPair => {
                let delay = Duration::from_millis(plan.delay_ms);
                self.pair.iter().for_each(|proxy| proxy.delay(delay));
            }
            Fault::StoreDown => {
                let first = chance.below(MEMBERS);
                self.kill_member(first)?;
                self.kill_member((first + 1) % MEMBERS)?;
            }
            Fault::StoreFrozen | Fault::StoreKilled => self.hurt_leader(plan.fault)?,
            Fault::Switchover => {}
            _ => {
                for index in self.targets(plan.target, active) {
                    self.hurt(plan, index, chance)?;
                }
            }
        }
        Ok(())
    }

    /// Hurts one node.
    fn hurt(&mut self, plan: &Plan, index: usize, chance: &mut Chance) -> Result<()> {
        let parties: &[Party] = match plan.fault {
            Fault::CutAll => &[Party::Clients, Party::Pair, Party::Store],
            Fault::CutClients => &[Party::Clients],
            Fault::CutPair => &[Party::Pair],
            Fault::CutStore => &[Party::Store],
            _ => &[],
        };
        for party in parties {
            self.lab.cut(Room::Agent(index), *party, plan.direction)?;
        }
        let node = &mut self.nodes[index];
        match plan.fault {
            Fault::DiskFull => node.disk.fill(chance.below(1 << 20) as u64)?,
            Fault::Flip => {
                node.kill()?;
                let segments = node.disk.find("segment-")?;
                if !segments.is_empty() {
                    let file = chance.pick(&segments.iter().collect::<Vec<_>>());
                    let room = file.metadata()?.len().saturating_sub(FLIPPED as u64);
                    flip(file, chance.below(room as usize + 1) as u64, FLIPPED)?;
                }
            }
            Fault::Freeze => node.freeze(true)?,
            Fault::Kill => node.kill()?,
            Fault::Restart => {
                node.terminate()?;
                node.spawn(&self.lab)?;
            }
            Fault::SyncFails => {
                node.fail_syncs()?;
                poll::until("a sync to fail", SYNC, || {
                    Ok(node.sync_failed().then_some(()))
                })?;
            }
            Fault::Wipe => {
                node.kill()?;
                node.disk.wipe()?;
            }
            _ => {}
        }
        Ok(())
    }

    /// What only the one who struck can end.
    fn finish(&mut self, plan: &Plan, active: usize) -> Result<()> {
        if plan.fault == Fault::Wipe {
            for index in self.targets(plan.target, active) {
                // A new machine in the place of the old one: told of its broker once more.
                self.nodes[index].start(&self.lab)?;
                self.create_broker(index)?;
            }
        }
        Ok(())
    }

    fn targets(&self, target: Target, active: usize) -> Vec<usize> {
        match (self.is_pair(), target) {
            (false, _) | (true, Target::Active) => vec![active],
            (true, Target::Standby) => vec![1 - active],
            (true, Target::Both) => vec![active, 1 - active],
        }
    }

    fn kill_member(&mut self, index: usize) -> Result<()> {
        self.etcd.as_mut().map_or(Ok(()), |etcd| etcd.kill(index))
    }

    fn hurt_leader(&mut self, fault: Fault) -> Result<()> {
        let Some(etcd) = &mut self.etcd else {
            return Ok(());
        };
        let leader = etcd.leader()?;
        if fault == Fault::StoreKilled {
            etcd.kill(leader)
        } else {
            etcd.freeze(leader, true)
        }
    }
}

/// Waits until the full disk is noticed: a journal has room in the file it writes.
fn fill_up(book: &Book) {
    book.hurry(true);
    let blocked = poll::until("publishers to be told to wait", FULL, || {
        Ok(book.is_blocked().then_some(()))
    });
    // A disk that is full for a standby alone may stop nobody.
    let _ = blocked;
    book.hurry(false);
}
