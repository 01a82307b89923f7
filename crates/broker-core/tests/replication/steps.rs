//! Carrying out what happens: machines boot and die, replicas are driven as their documentation says,
//! engines turn.

use std::sync::Arc;

use broker_core::journal::Turn;
use broker_core::replication::protocol::Alarm;
use broker_core::replication::replica::{Fatal, Input, Notice, Output, Replica};

use crate::machine::Engine;
use crate::world::{AllBut, Happening, Life, MS, Order, World};

/// An engine obeys within this, less than [`Timing::stop`](broker_core::replication::timing::Timing::stop).
const OBEYS_WITHIN: u64 = 400 * MS;

impl World {
    pub(crate) fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Wake(life) => self.wake(life),
            Happening::Settle(life) => self.settle(life),
            Happening::Tell(life, input) => self.tell(life, *input),
            Happening::Arrive {
                conversation,
                at_leader,
                packet,
            } => self.arrive(conversation, at_leader, *packet),
            Happening::Ended {
                conversation,
                at_leader,
            } => self.ended(conversation, at_leader),
            Happening::StoreRead(life) => self.store_read(life),
            Happening::StoreWrite(life, expected, record) => {
                self.store_write(life, &expected, &record);
            }
            Happening::LateWrites => self.store.fake.arrive(),
            Happening::Turn(life, reign) => self.turn(life, reign),
            Happening::Client(life, reign) => self.client(life, reign),
            Happening::Obey(life, reign, order) => self.obey(life, reign, order),
            Happening::Restart(machine) => self.boot(machine),
            Happening::Fault(fault) => self.fault(fault),
            Happening::Mend(fault) => self.mend(fault),
            Happening::Force(machine) => self.force(machine),
        }
    }

    /// Starts a machine that is down.
    pub(crate) fn boot(&mut self, index: usize) {
        if self.machines[index].replica.is_some() {
            return;
        }
        let now = self.machines[index].moment(self.now);
        let machine = &mut self.machines[index];
        machine.life += 1;
        machine.settle_planned = false;
        machine.wake_at = u64::MAX;
        let disk = Arc::new(machine.disk.clone());
        let mut out = Vec::new();
        let rules = self.setup.rules();
        match Replica::with_rules(rules, machine.config.clone(), disk, now, &mut out) {
            Ok(replica) => machine.replica = Some(replica),
            Err(error) if self.now < machine.sick_until => {
                self.note(|| format!("node {} does not start: {error}", index + 1));
                return self.after(500 * MS, Happening::Restart(index));
            }
            Err(error) => panic!(
                "{}\nnode {} does not start: {error}",
                self.story(),
                index + 1
            ),
        }
        self.note(|| format!("node {} starts", index + 1));
        let life = self.life(index);
        self.carry_out(life, out);
        self.plan_wake(life);
    }

    /// The process dies. What its disk keeps is the caller's affair.
    pub(crate) fn crash(&mut self, index: usize, quietly: bool) {
        let machine = &mut self.machines[index];
        if machine.replica.take().is_none() {
            return;
        }
        // A writer that is dropped closes its journal, and writes nothing more.
        machine.engine = None;
        machine.frozen_until = 0;
        self.lose_connections(index, quietly);
        self.ledger.nobody_waits(index);
        self.note(|| format!("node {} dies", index + 1));
    }

    pub(crate) fn tell(&mut self, life: Life, input: Input) {
        self.drive(life, |replica, now, out| replica.on(now, input, out));
        if self.is_current(life) && !self.machines[life.machine].settle_planned {
            self.machines[life.machine].settle_planned = true;
            let soon = self.disk_takes(life.machine);
            self.after(soon, Happening::Settle(life));
        }
    }

    /// A disk is slow at times.
    fn disk_takes(&mut self, machine: usize) -> u64 {
        if self.now < self.machines[machine].slow_until {
            return self.chance.between(200 * MS, 1200 * MS);
        }
        match self.chance.one_in(25) {
            true => self.chance.below(150 * MS),
            false => self.chance.below(MS),
        }
    }

    fn settle(&mut self, life: Life) {
        if !self.is_current(life) {
            return;
        }
        self.machines[life.machine].settle_planned = false;
        self.drive(life, |replica, now, out| replica.settle(now, out));
        self.drive(life, |replica, now, out| replica.upkeep(now, out));
    }

    fn wake(&mut self, life: Life) {
        if !self.is_current(life) {
            return;
        }
        let machine = &mut self.machines[life.machine];
        machine.wake_at = u64::MAX;
        let due = machine.replica.as_ref().map(Replica::next_deadline);
        if due.is_some_and(|due| machine.moment(self.now) >= due) {
            self.tell(life, Input::Tick);
        }
        self.plan_wake(life);
    }

    pub(crate) fn plan_wake(&mut self, life: Life) {
        let machine = &mut self.machines[life.machine];
        let Some(replica) = &machine.replica else {
            return;
        };
        let due = machine
            .time_of(replica.next_deadline())
            .max(self.now + MS / 10);
        if due < machine.wake_at {
            machine.wake_at = due;
            self.at(due, Happening::Wake(life));
        }
    }

    fn drive(
        &mut self,
        life: Life,
        step: impl FnOnce(
            &mut Replica<AllBut>,
            broker_core::replication::timing::Moment,
            &mut Vec<Output>,
        ) -> Result<(), Fatal>,
    ) {
        if !self.is_current(life) {
            return;
        }
        let machine = &mut self.machines[life.machine];
        let now = machine.moment(self.now);
        let Some(replica) = &mut machine.replica else {
            return;
        };
        let mut out = Vec::new();
        let result = step(replica, now, &mut out);
        self.carry_out(life, out);
        if let Err(fatal) = result {
            self.failed(
                life.machine,
                &fatal.to_string(),
                matches!(fatal, Fatal::Defect(_)),
            );
        }
        self.plan_wake(life);
    }

    /// A process ends because of its disk; what it wrote and did not sync may be seen again.
    fn failed(&mut self, index: usize, why: &str, defect: bool) {
        let sick = self.now < self.machines[index].sick_until;
        assert!(
            sick && !defect,
            "{}\nnode {} failed: {why}",
            self.story(),
            index + 1
        );
        self.note(|| format!("node {} failed: {why}", index + 1));
        self.crash(index, false);
        self.after(300 * MS, Happening::Restart(index));
    }

    fn carry_out(&mut self, life: Life, out: Vec<Output>) {
        for output in out {
            match output {
                Output::Connect { to, packet, .. } => self.call(life, to, packet),
                Output::Send { to, packet } => self.send(life, to, packet),
                Output::HangUp(peer) => self.hang_up(life, peer),
                Output::Read => self.ask_store(life),
                Output::Cas { expected, record } => self.write_store(life, expected, record),
                Output::Lead {
                    epoch,
                    broker,
                    writer,
                } => {
                    self.note(|| format!("node {} leads epoch {}", life.machine + 1, epoch.0));
                    self.count("reigns");
                    let engine = Engine {
                        reign: self.ledger.next_reign(),
                        epoch,
                        broker,
                        writer: *writer,
                        client: None,
                        paused: false,
                        draining: false,
                        stopping: false,
                        obeys_at: 0,
                        owes: 0,
                    };
                    let reign = engine.reign;
                    self.machines[life.machine].engine = Some(engine);
                    self.after(0, Happening::Turn(life, reign));
                    self.after(MS, Happening::Client(life, reign));
                }
                Output::StopLeading => self.order(life, Order::Stop),
                Output::Drain => self.order(life, Order::Drain),
                Output::Pause => self.order(life, Order::Pause),
                Output::Resume => self.order(life, Order::Resume),
                Output::Raised(notice) => {
                    self.count(match &notice {
                        Notice::Protocol(Alarm::RecordRolledBack { .. }) => {
                            "rolled-back records noticed"
                        }
                        Notice::Protocol(Alarm::Regressed) => "rolled-back disks noticed",
                        Notice::Protocol(Alarm::TruncatesCommitted { .. }) => "cuts refused",
                        _ => "notices",
                    });
                    self.note(|| format!("node {}: notice: {notice}", life.machine + 1));
                }
                Output::Cleared(_) => {}
                Output::News(news) => self.news(life, &news),
            }
        }
    }

    fn order(&mut self, life: Life, order: Order) {
        self.note(|| format!("node {}: {order:?}", life.machine + 1));
        let delay = match order {
            Order::Drain | Order::Pause | Order::Stop => self.chance.below(OBEYS_WITHIN),
            Order::Resume => OBEYS_WITHIN,
        };
        let at = self.now + delay;
        let Some(engine) = &mut self.machines[life.machine].engine else {
            return;
        };
        // In the order in which it is told; what came before is obeyed in time, too.
        engine.obeys_at = engine.obeys_at.max(at);
        engine.owes += 1;
        let (reign, at) = (engine.reign, engine.obeys_at);
        self.at(at, Happening::Obey(life, reign, order));
    }

    fn obey(&mut self, life: Life, reign: u64, order: Order) {
        let Some(engine) = self.engine_of(life, reign) else {
            return;
        };
        engine.owes -= 1;
        match order {
            Order::Drain => {
                engine.draining = true;
                // Unless it is to go on already.
                if engine.owes == 0 {
                    self.tell(life, Input::Drained);
                }
            }
            Order::Pause => engine.paused = true,
            Order::Resume => {
                engine.paused = false;
                engine.draining = false;
            }
            Order::Stop => {
                engine.stopping = true;
                engine.client = None;
                self.ledger.nobody_waits(life.machine);
            }
        }
    }

    pub(crate) fn engine_of(&mut self, life: Life, reign: u64) -> Option<&mut Engine> {
        if !self.is_current(life) {
            return None;
        }
        let engine = self.machines[life.machine].engine.as_mut();
        engine.filter(|engine| engine.reign == reign)
    }

    /// The writer's thread.
    fn turn(&mut self, life: Life, reign: u64) {
        let Some(engine) = self.engine_of(life, reign) else {
            return;
        };
        let (stopping, turn) = (engine.stopping, engine.writer.turn());
        let idle = matches!(turn, Ok(Turn::Idle));
        let broker = Arc::clone(&engine.broker);
        let moved = match turn {
            Ok(Turn::Committed(_)) => {
                broker.committed();
                true
            }
            Ok(Turn::SpaceReturned) => {
                broker.committed();
                false
            }
            Ok(Turn::Written(_)) => {
                broker.written();
                true
            }
            Ok(Turn::Idle) => false,
            Ok(Turn::Closed) => {
                if !stopping {
                    // Its clients are still being closed.
                    return self.after(MS, Happening::Turn(life, reign));
                }
                drop(broker);
                self.machines[life.machine].engine = None;
                return self.tell(life, Input::EngineStopped);
            }
            Err(stopped) => return self.failed(life.machine, &stopped.to_string(), false),
        };
        drop(broker);
        if moved {
            self.tell(life, Input::JournalMoved);
        }
        let pause = match idle {
            true => 20 * MS,
            false => MS / 5 + 2 * self.disk_takes(life.machine),
        };
        self.after(pause, Happening::Turn(life, reign));
    }
}
