//! Clients at work, through every fault: they publish, consume, declare and ask, connect again by
//! themselves to whichever node serves, and write all they learn into the [`Book`].
//!
//! | who | does what |
//! | --- | --- |
//! | [`publisher`] | numbered messages with confirms, so many unconfirmed at a time; never one twice |
//! | [`consumer`] | takes and settles, beside others or alone |
//! | [`declarer`] | declares and deletes queues |
//! | [`probe`] | asks each node all the time whether it serves |

mod connection;
mod consumer;
mod declarer;
mod probe;
mod publisher;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use wire::amqp091::{ExchangeDeclare, Method, QueueBind, QueueDeclare};

pub(crate) use connection::{Connection, PASSWORD, USER};

use crate::definitions::Definitions;
use crate::ledger::{Ledger, PublisherId};
use crate::serving::Answer;
use crate::timeline::Timeline;

/// Between two tries to connect.
const RETRY: Duration = Duration::from_millis(40);

/// Longest wait for clients that have been told to end.
const ENDING: Duration = Duration::from_secs(15);

/// A publisher and where its messages go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Flow {
    /// Empty for the default exchange.
    exchange: &'static str,
    /// Where it is routed to: the first is the routing key.
    pub(crate) queues: &'static [&'static str],
    /// Messages not yet confirmed, at most.
    window: usize,
    /// Persistent.
    pub(crate) durable: bool,
    /// Longest body.
    body_bytes: usize,
    /// Part of the campaign's rate, of a hundred.
    share: u64,
}

/// A queue and who takes from it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outlet {
    /// The queue.
    pub(crate) queue: &'static str,
    /// Consumers at all times; a queue without any is drained, by one alone, between the faults.
    pub(crate) consumers: usize,
}

/// All publishers. Windows of one show each confirm; wide ones fill batches.
pub(crate) const FLOWS: &[Flow] = &[
    Flow {
        exchange: "",
        queues: &["work"],
        window: 1,
        durable: true,
        body_bytes: 300,
        share: 10,
    },
    Flow {
        exchange: "",
        queues: &["work"],
        window: 256,
        durable: true,
        body_bytes: 1500,
        share: 30,
    },
    Flow {
        exchange: "",
        queues: &["kept"],
        window: 256,
        durable: true,
        body_bytes: 1000,
        share: 25,
    },
    Flow {
        exchange: "fan",
        queues: &["fan.taken", "fan.kept"],
        window: 64,
        durable: true,
        body_bytes: 500,
        share: 20,
    },
    Flow {
        exchange: "",
        queues: &["large"],
        window: 4,
        durable: true,
        body_bytes: 150_000,
        share: 1,
    },
    Flow {
        exchange: "",
        queues: &["passing"],
        window: 64,
        durable: false,
        body_bytes: 300,
        share: 14,
    },
];

/// All queues.
pub(crate) const OUTLETS: &[Outlet] = &[
    Outlet {
        queue: "work",
        consumers: 2,
    },
    Outlet {
        queue: "kept",
        consumers: 0,
    },
    Outlet {
        queue: "fan.taken",
        consumers: 1,
    },
    Outlet {
        queue: "fan.kept",
        consumers: 0,
    },
    Outlet {
        queue: "large",
        consumers: 1,
    },
    Outlet {
        queue: "passing",
        consumers: 1,
    },
];

/// What clients do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Publish, take, declare.
    Work,
    /// Only take.
    Drain,
    /// Go.
    End,
}

/// What all clients learn, in one place.
#[derive(Debug)]
pub(crate) struct Book {
    start: Instant,
    /// Where clients connect, by node.
    addresses: Vec<SocketAddr>,
    ledger: Mutex<Ledger>,
    timeline: Mutex<Timeline>,
    answers: Mutex<Vec<Answer>>,
    definitions: Mutex<Definitions>,
    phase: watch::Sender<Phase>,
    /// Publishes whose confirms are still to come.
    unconfirmed: AtomicU64,
    /// Connections that broke.
    broken: AtomicU64,
    /// The node that a client found last.
    found: AtomicUsize,
    /// Publishers that the broker told to wait.
    blocked: AtomicUsize,
    /// Rates do not count now.
    hurry: AtomicBool,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Book {
    /// An empty one; `addresses` of the nodes for clients.
    pub(crate) fn new(seed: u64, addresses: Vec<SocketAddr>) -> Arc<Self> {
        let mut ledger = Ledger::new(seed);
        for (number, flow) in (0..).zip(FLOWS) {
            ledger.open(PublisherId(number), flow.queues, flow.durable);
        }
        Arc::new(Self {
            start: Instant::now(),
            addresses,
            ledger: Mutex::new(ledger),
            timeline: Mutex::default(),
            answers: Mutex::default(),
            definitions: Mutex::default(),
            phase: watch::channel(Phase::Work).0,
            unconfirmed: AtomicU64::new(0),
            broken: AtomicU64::new(0),
            found: AtomicUsize::new(0),
            blocked: AtomicUsize::new(0),
            hurry: AtomicBool::new(false),
        })
    }

    /// Time since the start of the campaign.
    pub(crate) fn now(&self) -> Duration {
        self.start.elapsed()
    }

    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        locked(&self.ledger)
    }

    pub(crate) fn timeline(&self) -> MutexGuard<'_, Timeline> {
        locked(&self.timeline)
    }

    pub(crate) fn answers(&self) -> MutexGuard<'_, Vec<Answer>> {
        locked(&self.answers)
    }

    pub(crate) fn definitions(&self) -> MutexGuard<'_, Definitions> {
        locked(&self.definitions)
    }

    /// Publishes whose confirms are still to come.
    pub(crate) fn unconfirmed(&self) -> u64 {
        self.unconfirmed.load(Ordering::Acquire)
    }

    /// Connections that broke so far.
    pub(crate) fn broken(&self) -> u64 {
        self.broken.load(Ordering::Relaxed)
    }

    /// Whether a broker has told a publisher to wait.
    pub(crate) fn is_blocked(&self) -> bool {
        self.blocked.load(Ordering::Relaxed) > 0
    }

    /// Has publishers go as fast as they can, or keep to their rates again.
    pub(crate) fn hurry(&self, hurry: bool) {
        self.hurry.store(hurry, Ordering::Relaxed);
    }

    /// Tells all clients what to do from now on.
    pub(crate) fn enter(&self, phase: Phase) {
        self.phase.send_replace(phase);
    }

    fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// Connects to whichever node lets it in, beginning with the one that did last; tells its index
    /// as well.
    pub(crate) async fn connect(&self) -> Result<(usize, Connection)> {
        let first = self.found.load(Ordering::Relaxed);
        let mut failure = None;
        for turn in 0..self.addresses.len() {
            let node = (first + turn) % self.addresses.len();
            match Connection::open(self.addresses[node]).await {
                Ok(connection) => {
                    self.found.store(node, Ordering::Relaxed);
                    return Ok((node, connection));
                }
                Err(error) => failure = Some(error),
            }
        }
        Err(failure.context("no nodes")?)
    }
}

/// The clients of a campaign.
#[derive(Debug)]
pub(crate) struct Workload {
    book: Arc<Book>,
    clients: JoinSet<()>,
}

impl Workload {
    /// Declares what is needed and starts all clients; `rate` messages a second in all at most, 0
    /// for no limit. `probed` are the nodes' addresses for the probe.
    pub(crate) async fn start(book: &Arc<Book>, rate: u64, probed: &[SocketAddr]) -> Result<Self> {
        declare(&mut book.connect().await?.1).await?;
        let mut clients = JoinSet::new();
        for (number, flow) in (0..).zip(FLOWS) {
            let rate = (rate > 0).then(|| (rate * flow.share / 100).max(1));
            let id = PublisherId(number);
            let flow = *flow;
            let publishing = publisher::Publishing { id, flow, rate };
            clients.spawn(stay_connected(Arc::clone(book), publishing));
        }
        for outlet in OUTLETS {
            for _ in 0..outlet.consumers {
                let consuming = consumer::Consuming(outlet.queue);
                clients.spawn(stay_connected(Arc::clone(book), consuming));
            }
        }
        let declaring = declarer::Declaring::default();
        clients.spawn(stay_connected(Arc::clone(book), declaring));
        for (node, address) in probed.iter().enumerate() {
            clients.spawn(probe::run(Arc::clone(book), node, *address));
        }
        Ok(Self {
            book: Arc::clone(book),
            clients,
        })
    }

    /// Ends all clients.
    pub(crate) async fn end(mut self) {
        self.book.enter(Phase::End);
        let ended = async { while self.clients.join_next().await.is_some() {} };
        // One that hangs is ended with the set.
        let _ = tokio::time::timeout(ENDING, ended).await;
    }
}

/// Declares the exchange and all queues, durable: a transient message in a durable queue is one that
/// only a fault may lose.
async fn declare(connection: &mut Connection) -> Result<()> {
    let fan = ExchangeDeclare {
        exchange: "fan",
        kind: "fanout",
        durable: true,
        ..Default::default()
    };
    connection.call(&fan.into()).await?;
    for outlet in OUTLETS {
        connection.call(&durable(outlet.queue)).await?;
        if outlet.queue.starts_with("fan.") {
            let bind = QueueBind {
                queue: outlet.queue,
                exchange: "fan",
                ..Default::default()
            };
            connection.call(&bind.into()).await?;
        }
    }
    Ok(())
}

/// Declares a durable queue.
fn durable(queue: &str) -> Method<'_> {
    let declare = QueueDeclare {
        queue,
        durable: true,
        ..Default::default()
    };
    declare.into()
}

/// What a client does on a connection, until it breaks or the campaign ends.
trait Client: Sync {
    /// Does it; `node` is the one that let it in.
    fn work(
        &self,
        book: &Book,
        node: usize,
        connection: Connection,
    ) -> impl Future<Output = Result<()>> + Send;
}

/// Works until the end on one connection after the other. What breaks one is a fault at work, or the
/// checker sees to it.
async fn stay_connected(book: Arc<Book>, client: impl Client) {
    while book.phase() != Phase::End {
        match book.connect().await {
            Ok((node, connection)) => {
                if client.work(&book, node, connection).await.is_err() {
                    book.broken.fetch_add(1, Ordering::Relaxed);
                }
            }
            Err(_) => sleep(RETRY).await,
        }
    }
}
