//! The thread of a replica.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, mpsc as std_mpsc};
use std::time::Duration;

use broker_core::replication::frame::Peer;
use broker_core::replication::preface::{GroupId, Preface, VERSIONS};
use broker_core::replication::protocol::Alarm;
use broker_core::replication::record::{Leader, NodeId};
use broker_core::replication::replica::{
    Fatal, Input, News, Notice, Output, Packet, Replica, ReplicaStatus,
};
use broker_core::replication::timing::Moment;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::task::TaskTracker;

use super::address::NodeAddress;
use super::clock;
use super::dial::{self, Call};
use super::drain::Drain;
use super::engine::{self, Order, Slot};
use super::inbox::{Inbox, Item};
use super::limited_log::LimitedLog;
use super::link::Link;
use super::listener::Registration;
use super::refusals::Refusals;
use super::replicated::{Command, OperationError};
use super::store::Ask;
use crate::brake::{Brake, Flow};

/// Between two looks at the status, unless something of note has happened.
const STATUS_EVERY: Duration = Duration::from_millis(50);

/// A leader looks at the clock so often.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Between two attempts to found a group whose store did not answer.
const FOUND_EVERY: Duration = Duration::from_secs(1);

/// Owns the replica.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) replica: Replica,
    pub(super) group: GroupId,
    pub(super) inbox: Inbox,
    pub(super) asks: std_mpsc::Sender<Ask>,
    pub(super) orders: mpsc::UnboundedSender<Order>,
    pub(super) slot: Slot,
    pub(super) brake: Brake,
    pub(super) calls: Calls,
    pub(super) status: watch::Sender<ReplicaStatus>,
    pub(super) links: HashMap<Peer, Link>,
    pub(super) asked: Asked,
    pub(super) founding: Option<Founding>,
    /// So many members are to be in sync.
    pub(super) min_isr: u8,
    pub(super) status_due: Moment,
    pub(super) leads: bool,
    /// Counts what concerned the server.
    pub(super) steered: u64,
    /// It leads no more, and the server is not gone yet.
    pub(super) stops: bool,
}

/// What it takes to call others.
#[derive(Debug)]
pub(super) struct Calls {
    pub(super) runtime: Handle,
    pub(super) tasks: TaskTracker,
    pub(super) node: NodeId,
    pub(super) nodes: BTreeMap<NodeId, NodeAddress>,
    pub(super) registration: Registration,
    pub(super) most_records: usize,
    pub(super) refusals: Arc<Refusals<NodeId>>,
    pub(super) log: Arc<LimitedLog<&'static str>>,
}

/// Operations whose outcome somebody waits for.
#[derive(Debug, Default)]
pub(super) struct Asked {
    switchover: Option<oneshot::Sender<Result<(), OperationError>>>,
    force: Option<oneshot::Sender<Result<(), OperationError>>>,
}

/// The first record of the group, until there is one.
#[derive(Debug)]
pub(super) struct Founding {
    pub(super) min_isr: u8,
    pub(super) endpoints: BTreeMap<NodeId, Arc<str>>,
    /// This node founds where there is no record; where the group has ended, whoever has its data.
    pub(super) founder: bool,
    /// When to try next; `None` while an attempt is under way, or nothing is to be founded.
    pub(super) due: Option<Moment>,
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.inbox.close();
    }
}

impl Worker {
    /// Goes on until it is told to end.
    ///
    /// # Errors
    /// The process has to end.
    pub(super) fn run(mut self, mut out: Vec<Output>) -> Result<(), Fatal> {
        let mut items = Vec::new();
        loop {
            self.carry_out(&mut out);
            self.replica.upkeep(clock::now(), &mut out)?;
            self.carry_out(&mut out);
            self.tell();
            self.inbox.take(self.next_deadline(), &mut items);
            for item in items.drain(..) {
                if !self.take(item, &mut out)? {
                    return Ok(());
                }
            }
            let now = clock::now();
            if now >= self.replica.next_deadline() {
                self.replica.on(now, Input::Tick, &mut out)?;
            }
            self.found(now, &mut out)?;
            self.mind_durability(now, &mut out)?;
            // What does not wait for the disk goes before it.
            self.carry_out(&mut out);
            self.replica.settle(clock::now(), &mut out)?;
        }
    }

    fn next_deadline(&self) -> Moment {
        let founding = self.founding.as_ref().and_then(|founding| founding.due);
        // What it sleeps by stands still while the machine is suspended, and leases do not.
        let look = self.leads.then(|| clock::now().plus(LOOK_EVERY));
        let deadlines = [founding, look].into_iter().flatten();
        deadlines.fold(self.replica.next_deadline(), Moment::min)
    }

    /// Nothing goes out to clients any more, unless they were let go on meanwhile.
    fn drained(&self, number: u64) -> Option<Input> {
        if number != self.steered || self.brake.flow() != Flow::Draining {
            return None;
        }
        self.brake.set(Flow::Paused);
        Some(Input::Drained)
    }

    /// False if it is to end.
    fn take(&mut self, item: Item, out: &mut Vec<Output>) -> Result<bool, Fatal> {
        let input = match item {
            Item::Input(input) => {
                self.stops &= !matches!(input, Input::EngineStopped);
                input
            }
            Item::Packet(peer, packet) => {
                if !self.links.contains_key(&peer) {
                    // The conversation was ended.
                    return Ok(true);
                }
                Input::Packet(peer, packet)
            }
            Item::Joined(peer, link) => {
                self.links.insert(peer, link);
                return Ok(true);
            }
            Item::Ended(peer) => {
                self.links.remove(&peer);
                Input::Disconnected(peer)
            }
            Item::Drained(number) => match self.drained(number) {
                Some(input) => input,
                None => return Ok(true),
            },
            Item::Command(command) => match self.command(command) {
                Some(input) => input,
                None => return Ok(false),
            },
        };
        self.replica.on(clock::now(), input, out)?;
        Ok(true)
    }

    /// `None` if it is to end.
    fn command(&mut self, command: Command) -> Option<Input> {
        Some(match command {
            // A replica whose engine stops is deaf.
            Command::Switchover { told, .. } | Command::ForcePromote { told } if self.stops => {
                refuse(Some(told), "this node is about to lead no more");
                Input::Tick
            }
            Command::Switchover { to, patience, told } => {
                refuse(self.asked.switchover.replace(told), AGAIN);
                Input::Resign { to, patience }
            }
            Command::ForcePromote { told } => {
                refuse(self.asked.force.replace(told), AGAIN);
                Input::ForcePromote
            }
            Command::Durability { min_isr } => {
                self.min_isr = min_isr;
                if let Some(founding) = &mut self.founding {
                    founding.min_isr = min_isr;
                }
                Input::Durability(min_isr)
            }
            Command::Leave => Input::Leave,
            Command::Quit => return None,
        })
    }

    /// Tries to found the group, if it is to be founded from here.
    fn found(&mut self, now: Moment, out: &mut Vec<Output>) -> Result<(), Fatal> {
        let Some(founding) = &mut self.founding else {
            return Ok(());
        };
        if founding.due.is_none_or(|due| now < due) {
            return Ok(());
        }
        founding.due = None;
        let input = Input::Found {
            min_isr: founding.min_isr,
            endpoints: founding.endpoints.clone(),
        };
        self.replica.on(now, input, out)
    }

    /// Whoever leads has the record say what its agent was told, be it before this reign.
    fn mind_durability(&mut self, now: Moment, out: &mut Vec<Output>) -> Result<(), Fatal> {
        match self.replica.min_isr() {
            Some(min_isr) if min_isr != self.min_isr => {
                self.replica.on(now, Input::Durability(self.min_isr), out)
            }
            _ => Ok(()),
        }
    }

    fn carry_out(&mut self, out: &mut Vec<Output>) {
        for output in out.drain(..) {
            match output {
                Output::Send { to, packet } => {
                    if let Some(link) = self.links.get(&to) {
                        link.send(packet);
                    }
                }
                Output::Connect {
                    leader, to, packet, ..
                } => self.call(leader, to, packet),
                Output::HangUp(peer) => drop(self.links.remove(&peer)),
                Output::Read => self.ask(Ask::Read),
                Output::Cas { expected, record } => self.ask(Ask::Cas { expected, record }),
                Output::Raised(notice) => {
                    if let (Notice::Protocol(Alarm::GroupEnded(_)), Some(founding)) =
                        (&notice, &mut self.founding)
                    {
                        founding.due = Some(Moment(0));
                    }
                    tracing::warn!(group = %self.group, %notice, "replication needs attention");
                    self.status_due = Moment(0);
                }
                Output::Cleared(notice) => {
                    tracing::info!(group = %self.group, %notice, "replication is well again");
                    self.status_due = Moment(0);
                }
                Output::News(news) => self.hear(&news),
                other => self.steer(other),
            }
        }
    }

    /// What concerns the server.
    fn steer(&mut self, output: Output) {
        self.status_due = Moment(0);
        self.steered += 1;
        match output {
            Output::Lead {
                epoch,
                broker,
                writer,
            } => {
                tracing::info!(group = %self.group, epoch = epoch.0, "this node leads");
                self.leads = true;
                self.brake.set(Flow::On);
                self.order(Order::Lead { broker, writer });
            }
            Output::StopLeading => {
                tracing::info!(group = %self.group, "this node leads no more");
                self.leads = false;
                self.stops = true;
                self.order(Order::StopLeading);
            }
            // Held back altogether, they are drained when they may go on.
            Output::Drain if self.brake.flow() == Flow::On => {
                self.brake.set(Flow::Draining);
                let drain = Drain {
                    number: self.steered,
                    slot: Arc::clone(&self.slot),
                    brake: self.brake.clone(),
                    inbox: self.inbox.clone(),
                };
                self.calls.runtime.spawn(drain.run());
            }
            Output::Pause => self.brake.set(Flow::Paused),
            Output::Resume => self.brake.set(Flow::On),
            _ => {}
        }
    }

    /// The engine's task ends after this thread.
    fn order(&self, order: Order) {
        let _ = self.orders.send(order);
    }

    /// The store's thread ends after this one; if it could not be asked there would be no answer.
    fn ask(&self, ask: Ask) {
        let _ = self.asks.send(ask);
    }

    fn call(&mut self, leader: Leader, to: Peer, packet: Packet) {
        let calls = &self.calls;
        let Some(address) = calls.nodes.get(&leader.node).cloned() else {
            // Whatever the record says: only nodes of the configuration are called.
            tracing::warn!(group = %self.group, node = %leader.node, "the leader is no known node");
            return self.inbox.push(Item::Ended(to));
        };
        let (link, outgoing) = Link::new();
        link.send(packet);
        self.links.insert(to, link);
        let call = Call {
            address,
            connector: calls.registration.connector(),
            preface: Preface {
                versions: VERSIONS,
                group: self.group,
                from: calls.node,
                to: leader.node,
                session: to.session,
            },
            most_records: calls.most_records,
            refusals: Arc::clone(&calls.refusals),
        };
        let (inbox, log) = (self.inbox.clone(), Arc::clone(&calls.log));
        let run = dial::run(call, outgoing, inbox, log);
        calls.tasks.spawn_on(run, &calls.runtime);
    }

    /// Logs it, and tells who waits for it.
    fn hear(&mut self, news: &News) {
        match news {
            // Once a second while there is no store.
            News::NotFounded(_) => tracing::debug!(group = %self.group, "{news}"),
            _ => tracing::info!(group = %self.group, "{news}"),
        }
        self.status_due = Moment(0);
        let failed = |text: &dyn std::fmt::Display| Err(OperationError(text.to_string()));
        let (waits, result) = match news {
            News::SwitchedOver(_) => (&mut self.asked.switchover, Ok(())),
            News::NotSwitchedOver(why) => (&mut self.asked.switchover, failed(why)),
            News::Forced => (&mut self.asked.force, Ok(())),
            News::NotForced(why) => (&mut self.asked.force, failed(why)),
            News::Founded => return self.founding = None,
            News::NotFounded(_) => {
                if let Some(founding) = &mut self.founding {
                    let again = clock::now().plus(FOUND_EVERY);
                    founding.due = founding.founder.then_some(again);
                }
                return;
            }
            _ => return,
        };
        if let Some(told) = waits.take() {
            let _ = told.send(result);
        }
    }

    /// Tells the status, and who waits for something durable.
    fn tell(&mut self) {
        if self.leads
            && let Some(server) = &*engine::lock(&self.slot)
        {
            server.tell_durable();
        }
        let now = clock::now();
        if now < self.status_due {
            return;
        }
        self.status_due = now.plus(STATUS_EVERY);
        let status = self.replica.status(now);
        if status.leader.is_some() || !status.in_sync.is_empty() {
            // There is a record.
            self.founding = None;
        }
        self.status.send_if_modified(|told| {
            let changed = *told != status;
            *told = status;
            changed
        });
    }
}

const AGAIN: &str = "somebody else asked again";

fn refuse(earlier: Option<oneshot::Sender<Result<(), OperationError>>>, why: &str) {
    if let Some(told) = earlier {
        let _ = told.send(Err(OperationError(why.to_owned())));
    }
}
