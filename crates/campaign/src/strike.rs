//! Carries out a plan: begins the fault and holds it for its time.

use std::thread;
use std::time::{Duration, Instant};

use acceptance::poll;
use anyhow::{Context as _, Result};
use tokio::task::JoinHandle;

use crate::chance::Chance;
use crate::fault::{Fault, Plan, Target};
use crate::ledger::Violation;
use crate::stage::Stage;
use crate::stage::disk::flip;
use crate::stage::etcd::MEMBERS;
use crate::stage::lab::{Party, Room};
use crate::stage::node::{Node, refuses_record};
use crate::workload::Book;

/// Longest wait for a broker under load to sync.
const SYNC: Duration = Duration::from_secs(20);

/// Longest wait for a broker under load to fill what room it has.
const FULL: Duration = Duration::from_secs(15);

/// Longest wait for a new node to be let in, which needs one that serves.
const CREATED: Duration = Duration::from_secs(90);

/// Longest wait for a node to see that the store was restored.
const REFUSED: Duration = Duration::from_secs(40);

/// Longest wait for a switchover that nothing stands in the way of.
const SWITCHED: Duration = Duration::from_secs(60);

/// Backups of the store: of before the last election, and of after it.
const PAST: &str = "past";
const NEWEST: &str = "newest";

/// Octets that change at once.
const FLIPPED: usize = 64;

/// A switchover that was asked for, and may still be under way.
pub(crate) type Switching = JoinHandle<Result<()>>;

impl Stage {
    /// Hurts what the plan says, `active` being the node that serves, and comes back when its time is
    /// over. Nothing is healed yet.
    pub(crate) fn strike(
        &mut self,
        plan: &Plan,
        active: usize,
        book: &Book,
    ) -> Result<Option<Switching>> {
        let mut chance = Chance::new(plan.seed);
        let before = plan.fault == Fault::Switchover || chance.once_in(2);
        let mut switching = (plan.switchover && before).then(|| self.switch(active));
        let began = Instant::now();
        self.begin(plan, active, &mut chance, book)?;
        if plan.switchover && !before {
            switching = Some(self.switch(active));
        }
        // Not where another node with all its room may serve by now: it would be filled for good.
        if plan.fault == Fault::DiskFull && plan.target != Target::Standby && !plan.switchover {
            fill_up(book);
            thread::sleep(plan.hold());
        }
        thread::sleep(plan.hold().saturating_sub(began.elapsed()));
        self.finish(plan, active)?;
        Ok(switching)
    }

    /// Asks for a switchover. Under a fault it may well fail; that nothing is lost is judged elsewhere.
    fn switch(&self, active: usize) -> Switching {
        let agent = self.nodes[active].agent.clone();
        self.runtime.spawn(async move { agent.switch_over().await })
    }

    fn begin(
        &mut self,
        plan: &Plan,
        active: usize,
        chance: &mut Chance,
        book: &Book,
    ) -> Result<()> {
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
            Fault::StoreRolledBack => self.roll_back(active, chance, book)?,
            Fault::Switchover => {}
            _ => {
                for index in self.targets(plan, active) {
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
            Fault::ClockStep => node.clock.step(plan.step_s)?,
            Fault::DiskFull => node.disk.fill(chance.below(1 << 20) as u64)?,
            Fault::Flip => {
                node.kill()?;
                node.doubt();
                let segments = node.disk.find("segment-")?;
                if !segments.is_empty() {
                    let file = chance.pick(&segments.iter().collect::<Vec<_>>());
                    let room = file.metadata()?.len().saturating_sub(FLIPPED as u64);
                    flip(file, chance.below(room as usize + 1) as u64, FLIPPED)?;
                }
            }
            Fault::Freeze => node.freeze(true)?,
            Fault::Kill => node.kill()?,
            Fault::Loss => self.lab.lose(Room::Agent(index), plan.loss_percent)?,
            Fault::PowerCut => node.lose_power(&self.lab)?,
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
        if let (Fault::StoreRolledBack, Some(etcd)) = (plan.fault, &mut self.etcd) {
            etcd.restore(&self.lab, NEWEST)?;
        }
        if plan.fault == Fault::Wipe {
            for index in self.targets(plan, active) {
                // A new machine in the place of the old one: told of its broker once more.
                self.nodes[index].trust();
                self.nodes[index].start(&self.lab)?;
                let mut failure = None;
                let created = poll::until("a broker on a new disk", CREATED, || {
                    failure = self.create_broker(index).err();
                    Ok(failure.is_none().then_some(()))
                });
                created.with_context(|| format!("{failure:?}"))?;
            }
        }
        Ok(())
    }

    /// Takes the store back to before an election that both nodes have promised to follow. Neither may
    /// act on that record, and who notices says so. The one that serves goes on; but who starts again
    /// cannot serve before the store is set right.
    fn roll_back(&mut self, active: usize, chance: &mut Chance, book: &Book) -> Result<()> {
        let serving = self.restore_past(active)?;
        let broken = |what: &str| {
            let what = what.to_owned();
            book.ledger().report(Violation::Stuck { what });
        };
        if self.wait_for_refusal(&[active, serving]).is_err() {
            broken("an alarm that the store was restored");
        }
        if !self.is_active(serving) {
            broken("service to go on while the store is restored");
        }
        if chance.once_in(2) {
            self.nodes[serving].kill()?;
            self.nodes[serving].spawn(&self.lab)?;
            if self.wait_for_refusal(&[serving]).is_err() {
                broken("a record that is past to be refused");
            }
            if (0..self.nodes.len()).any(|index| self.is_active(index)) {
                let what = "a node leads by a record that is past".to_owned();
                book.ledger().report(Violation::TwoServe { what });
            }
        }
        Ok(())
    }

    /// Makes backups of the store before and after an election, and restores the first. Returns who
    /// won the election.
    fn restore_past(&mut self, active: usize) -> Result<usize> {
        let etcd = self.etcd.as_mut().context("a pair has a store")?;
        etcd.back_up(&self.lab, PAST)?;
        self.wait_until_whole()?;
        let other = 1 - active;
        // It is refused while the store has no leader yet.
        poll::until("a switchover", SWITCHED, || {
            let agent = &self.nodes[active].agent;
            let asked = self.runtime.block_on(agent.switch_over());
            Ok((asked.is_ok() || self.is_active(other)).then_some(()))
        })?;
        self.wait_until_whole()?;
        let serving = self.active()?;
        let etcd = self.etcd.as_mut().context("it was there")?;
        etcd.back_up(&self.lab, NEWEST)?;
        etcd.restore(&self.lab, PAST)?;
        Ok(serving)
    }

    /// Waits until one of these nodes says that the store was restored.
    fn wait_for_refusal(&self, nodes: &[usize]) -> Result<()> {
        poll::until("a record that is past to be refused", REFUSED, || {
            let refused = nodes.iter().any(|index| {
                let broker = self.runtime.block_on(self.nodes[*index].agent.broker());
                broker.is_ok_and(|it| refuses_record(&it))
            });
            Ok(refused.then_some(()))
        })
    }

    /// Whom it hits. What destroys data hits the node whose disk may be damaged already, if there is
    /// one: of two copies one must be left, and damage is found when what it hit is read.
    fn targets(&self, plan: &Plan, active: usize) -> Vec<usize> {
        if matches!(plan.fault, Fault::Flip | Fault::Wipe)
            && let Some(doubtful) = self.nodes.iter().position(Node::is_doubtful)
        {
            return vec![doubtful];
        }
        match (self.is_pair(), plan.target) {
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
    // One with room for more than that stops nobody.
    let _ = blocked;
    book.hurry(false);
}
