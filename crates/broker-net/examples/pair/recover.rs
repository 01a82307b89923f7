//! What a pair's publishers notice of a node that goes and comes back, and how long it takes to come
//! back and to take over.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use broker_core::replication::coordinator::{
    CasOutcome, Coordinator, ReadError, Snapshot, Version,
};
use broker_core::replication::fake_coordinator::FakeCoordinator;
use broker_core::replication::record::Record;
use wire::amqp091::ConfirmSelect;

use crate::Result;
use crate::client::Client;
use crate::nodes::Nodes;

const PORT: u16 = 5798;
const QUEUE: &str = "backlog";
const BODY: [u8; 1024] = [b'x'; 1024];
/// Ten minutes of 5 MB a second.
const ABSENCE_BYTES: u64 = 3_000_000_000;
/// What is published while a node comes back.
const RATE: u64 = 5_000_000;
const DEADLINE: Duration = Duration::from_secs(120);

/// A store that notes when somebody was elected.
#[derive(Default)]
struct Noting {
    store: FakeCoordinator,
    elected: Mutex<Option<(u16, Instant)>>,
}

impl Coordinator for Noting {
    fn read(&self) -> std::result::Result<Snapshot, ReadError> {
        self.store.read()
    }

    fn cas(&self, expected: &Version, record: &Record) -> CasOutcome {
        let outcome = self.store.cas(expected, record);
        if let (CasOutcome::Applied(_), Some(leader)) = (&outcome, record.leader) {
            let mut elected = self.elected.lock().unwrap_or_else(PoisonError::into_inner);
            let node = leader.node.0;
            if elected.is_none_or(|(before, _)| before != node) {
                *elected = Some((node, Instant::now()));
            }
        }
        outcome
    }
}

/// Publishes at [`RATE`], each few milliseconds a few, and notes how long a confirm takes at most.
struct Publisher {
    ends: Arc<AtomicBool>,
    longest_us: Arc<AtomicU64>,
    thread: JoinHandle<Result<()>>,
}

impl Publisher {
    fn start() -> Self {
        let (ends, longest_us) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicU64::new(0)),
        );
        let (until, longest) = (Arc::clone(&ends), Arc::clone(&longest_us));
        let thread = thread::spawn(move || {
            let mut client = publisher()?;
            let (began, mut sent, mut confirmed) = (Instant::now(), 0, 0);
            while !until.load(Ordering::Relaxed) {
                let due = began.elapsed().as_millis() as u64 * RATE / 1000 / BODY.len() as u64;
                // What a pause has held up is not made up for at once.
                let now: u64 = (due - sent).min(64);
                sent = due.max(sent + now);
                let at = Instant::now();
                for _ in 0..now {
                    client.publish(QUEUE, &BODY);
                }
                client.flush()?;
                let expected = confirmed + now;
                while confirmed < expected {
                    confirmed = client.confirmed()?;
                }
                longest.fetch_max(at.elapsed().as_micros() as u64, Ordering::Relaxed);
                thread::sleep(Duration::from_millis(5).saturating_sub(at.elapsed()));
            }
            Ok(())
        });
        Self {
            ends,
            longest_us,
            thread,
        }
    }

    /// The longest confirm since this was last asked, in milliseconds.
    fn longest_ms(&self) -> f64 {
        self.longest_us.swap(0, Ordering::Relaxed) as f64 / 1e3
    }

    fn end(self) -> Result<()> {
        self.ends.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| "the publisher panicked")?
    }
}

fn publisher() -> Result<Client> {
    let mut client = Client::open(PORT)?;
    client.declare(QUEUE)?;
    client.call(ConfirmSelect::default())?;
    Ok(client)
}

/// As fast as it goes, with nobody to take it.
fn fill(bytes: u64) -> Result<Duration> {
    let (mut client, began) = (publisher()?, Instant::now());
    let (count, mut sent, mut confirmed) = (bytes / BODY.len() as u64, 0, 0);
    while confirmed < count {
        while sent < count && sent - confirmed < 1024 {
            client.publish(QUEUE, &BODY);
            sent += 1;
        }
        client.flush()?;
        confirmed = client.confirmed()?;
    }
    Ok(began.elapsed())
}

/// Starts the second node, and answers how long it takes to be in sync.
fn rejoins(nodes: &mut Nodes) -> Result<Duration> {
    let began = Instant::now();
    nodes.start(2)?;
    while nodes.serves(1) != Some(2) {
        if began.elapsed() > DEADLINE {
            return Err("it is not in sync in time".into());
        }
        thread::sleep(Duration::from_millis(5));
    }
    Ok(began.elapsed())
}

/// Goes through it once, and answers a list.
pub(crate) fn run(dir: &Path) -> Result<String> {
    let dir = dir.join("recover");
    let _ = fs::remove_dir_all(&dir);
    let measured = measure(&dir);
    let _ = fs::remove_dir_all(&dir);
    measured
}

fn measure(dir: &Path) -> Result<String> {
    let store = Arc::new(Noting::default());
    let mut nodes = Nodes::new(dir, PORT, Arc::clone(&store) as Arc<_>)?;
    nodes.start(1)?;
    nodes.start(2)?;
    nodes.wait(1, 2)?;
    nodes.add_guest(1)?;
    nodes.kill(2);
    nodes.wait(1, 1)?;
    let step = |what: &str, error| format!("{what}: {error}");
    let filled = fill(ABSENCE_BYTES).map_err(|error| step("fill", error))?;
    let traffic = Publisher::start();
    let absence = absence(&mut nodes, &traffic).map_err(|error| step("absence", error))?;
    let wiped = wiped(&mut nodes, &traffic).map_err(|error| step("wiped disk", error))?;
    traffic.end().map_err(|error| step("traffic", error))?;
    let promotion = promotion(&mut nodes, &store).map_err(|error| step("promotion", error))?;
    Ok(format!(
        "A backlog of {:.1} GB in messages of {} bytes, written in {:.0} s while the second node was away:\n\n\
         {absence}{wiped}{promotion}",
        ABSENCE_BYTES as f64 / 1e9,
        BODY.len(),
        filled.as_secs_f64(),
    ))
}

/// The node comes back with what it had.
fn absence(nodes: &mut Nodes, traffic: &Publisher) -> Result<String> {
    thread::sleep(Duration::from_secs(3));
    let (alone_ms, took) = (traffic.longest_ms(), rejoins(nodes)?);
    Ok(format!(
        "- Absence: the node was in sync {:.1} s after its start, with 5 MB/s going on. The longest confirm meanwhile took \
         {:.0} ms; {alone_ms:.0} ms in the 3 s before.\n",
        took.as_secs_f64(),
        traffic.longest_ms()
    ))
}

/// The node comes back with an empty disk.
fn wiped(nodes: &mut Nodes, traffic: &Publisher) -> Result<String> {
    nodes.kill(2);
    nodes.wait(1, 1)?;
    nodes.wipe(2)?;
    thread::sleep(Duration::from_secs(1));
    traffic.longest_ms();
    let took = rejoins(nodes)?;
    Ok(format!(
        "- Wiped disk: the node was in sync {:.1} s after its start with an empty disk, with the same traffic. The longest \
         confirm meanwhile took {:.0} ms.\n",
        took.as_secs_f64(),
        traffic.longest_ms()
    ))
}

/// The leader dies.
fn promotion(nodes: &mut Nodes, store: &Noting) -> Result<String> {
    nodes.kill(1);
    let began = Instant::now();
    let first = loop {
        if let Ok(mut client) = publisher() {
            client.publish(QUEUE, &BODY);
            client.flush()?;
            client.confirmed()?;
            break Instant::now();
        }
        if began.elapsed() > DEADLINE {
            return Err("nobody takes over in time".into());
        }
        thread::sleep(Duration::from_millis(2));
    };
    let elected = *store.elected.lock().unwrap_or_else(PoisonError::into_inner);
    let (node, at) = elected.ok_or("nobody was elected")?;
    Ok(format!(
        "- Promotion: from the store's word that node {node} leads to the first confirm of a new connection there: {:.0} ms.\n",
        (first - at).as_secs_f64() * 1e3
    ))
}
