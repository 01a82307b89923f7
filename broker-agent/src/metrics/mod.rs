//! Metrics: what is measured of brokers and machine, and who gets it.
//!
//! Once a minute, at its end, everything is looked at ([`sample`]): the engine has counted, here it is
//! read. What happened since the look before ([`rows`]) goes to the [`history`] on disk, which answers
//! queries, and to [exporters](export). Prometheus has a look of its own whenever it asks
//! ([`prometheus`]). What the figures are called, in Amazon MQ's vocabularies and FerryMQ's own, says the
//! [`catalogue`].

mod catalogue;
mod cloudwatch;
mod codec;
mod columns;
mod emf;
mod export;
mod history;
mod host;
mod prometheus;
mod query;
mod rows;
mod sample;
pub(crate) mod settings;
mod statistics;

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use self::export::{Choice, Exporter, Nodes, SendError, Sender};
use self::history::History;
pub(crate) use self::history::KEPT_MS;
use self::host::Probe;
pub(crate) use self::prometheus::CONTENT_TYPE;
pub(crate) use self::query::{Listed, Question, Unanswered};
use self::rows::Rows;
pub(crate) use self::sample::now_ms;
use self::settings::Settings;
use crate::hosting::Hosting;

/// Length of a period of the history.
pub(crate) const MINUTE_S: u32 = 60;

/// Directory of the history within the agent's data.
const HISTORY: &str = "metrics";

/// Memory for what EMF has to wait for.
const EMF_BUFFER_BYTES: usize = 8 << 20;

/// The metrics of one agent.
#[derive(Debug)]
pub(crate) struct Metrics {
    hosting: Arc<Hosting>,
    probe: Probe,
    history: Arc<History>,
    /// The last whole minute.
    last: RwLock<Arc<Rows>>,
}

/// What exporters get: each period and the numbers of nodes in it.
type Period = (Arc<Rows>, Nodes);

/// Periods that an exporter may be behind while it sends.
const BEHIND: usize = 64;

impl Metrics {
    /// Of these brokers; the history is in the agent's data directory.
    pub(crate) fn new(
        hosting: Arc<Hosting>,
        data_dir: &Path,
        keep_free_bytes: Option<u64>,
        settings: &Settings,
    ) -> Arc<Self> {
        Arc::new(Self {
            hosting,
            probe: Probe::new(data_dir, keep_free_bytes),
            history: Arc::new(History::new(
                data_dir.join(HISTORY),
                settings.history_bytes(),
            )),
            last: RwLock::default(),
        })
    }

    /// Begins to keep the history and to export.
    pub(crate) fn start(
        self: &Arc<Self>,
        settings: &Settings,
        stopping: &CancellationToken,
    ) -> anyhow::Result<()> {
        let mut each_minute = Vec::new();
        if let Some(emf) = &settings.emf {
            let choice = Choice {
                namespace: emf.namespace.as_str().into(),
                engines: emf.engines.clone(),
                scopes: emf.scopes.clone(),
                high_resolution: false,
                buffer_bytes: EMF_BUFFER_BYTES,
            };
            let lines = Box::new(emf::Lines::new(emf.file.clone()));
            each_minute.push(export("emf", choice, lines, stopping));
        }
        if let Some(cloudwatch) = &settings.cloudwatch {
            let interval_s = cloudwatch.interval_s();
            let choice = Choice {
                namespace: cloudwatch.namespace.as_str().into(),
                engines: cloudwatch.engines.clone(),
                scopes: cloudwatch.scopes.clone(),
                high_resolution: interval_s < MINUTE_S,
                buffer_bytes: cloudwatch.buffer_bytes(),
            };
            let sender = Box::new(cloudwatch::Metrics::new(cloudwatch)?);
            let periods = export("cloudwatch", choice, sender, stopping);
            if interval_s == MINUTE_S {
                each_minute.push(periods);
            } else {
                self.spawn_every(interval_s, stopping, move |period| {
                    hand_over(&periods, &period)
                });
            }
        }
        let metrics = Arc::clone(self);
        self.spawn_every(MINUTE_S, stopping, move |period| {
            metrics.keep(&period.0);
            each_minute.iter().for_each(|it| hand_over(it, &period));
        });
        Ok(())
    }

    fn spawn_every(
        self: &Arc<Self>,
        seconds: u32,
        stopping: &CancellationToken,
        each: impl Fn(Period) + Send + Sync + 'static,
    ) {
        let (metrics, stopping) = (Arc::clone(self), stopping.clone());
        tokio::spawn(async move {
            let run = metrics.every(seconds, each);
            stopping.run_until_cancelled(run).await;
        });
    }

    /// Everything now, in Prometheus's format.
    pub(crate) async fn scrape(&self) -> String {
        let rows = sample::take(&self.hosting, &self.probe).await;
        let text = tokio::task::spawn_blocking(move || prometheus::text(&rows)).await;
        text.unwrap_or_default()
    }

    /// Looks at the end of each period of so many seconds by the clock, and hands out what was new.
    async fn every(&self, seconds: u32, each: impl Fn(Period)) {
        let length_ms = u64::from(seconds) * 1000;
        let mut before = sample::take(&self.hosting, &self.probe).await;
        loop {
            let end_ms = (now_ms() / length_ms + 1) * length_ms;
            tokio::time::sleep(Duration::from_millis(end_ms - now_ms().min(end_ms))).await;
            let now = sample::take(&self.hosting, &self.probe).await;
            let spent_ms = now.at_ms.saturating_sub(before.at_ms);
            let spent_s = u32::try_from(spent_ms.div_ceil(1000)).unwrap_or(seconds);
            let period = now.since(&before, end_ms - length_ms, spent_s.max(1));
            before = now;
            each((Arc::new(period), self.nodes()));
        }
    }

    /// Takes a minute into the history.
    fn keep(&self, rows: &Arc<Rows>) {
        *self.last.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(rows);
        let (history, rows) = (Arc::clone(&self.history), Arc::clone(rows));
        tokio::task::spawn_blocking(move || {
            if let Err(error) = history.append(&rows) {
                warn!(%error, "a minute of metrics was not kept");
            }
        });
    }

    /// The last whole minute; empty before the first.
    fn last(&self) -> Arc<Rows> {
        Arc::clone(&self.last.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Numbers of this agent's nodes, by broker.
    fn nodes(&self) -> Nodes {
        let views = self.hosting.views();
        let node = |view: &crate::hosting::View| {
            let replication = view.record.replication.as_ref();
            let number = replication.map_or(1, |settings| settings.node);
            (view.record.name.as_str().into(), number)
        };
        Arc::new(views.iter().map(node).collect())
    }
}

/// Has an exporter send what comes, until the agent stops.
fn export(
    name: &'static str,
    choice: Choice,
    sender: Box<dyn Sender>,
    stopping: &CancellationToken,
) -> mpsc::Sender<Period> {
    let (periods, mut coming) = mpsc::channel::<Period>(BEHIND);
    let stopping = stopping.clone();
    let seed = u64::from(std::process::id()) ^ now_ms();
    tokio::spawn(async move {
        let mut exporter = Exporter::new(choice, seed);
        let send = async {
            loop {
                let pause = exporter.due_ms().map_or(Duration::MAX, |due_ms| {
                    Duration::from_millis(due_ms.saturating_sub(now_ms()))
                });
                tokio::select! {
                    period = coming.recv() => {
                        let Some((rows, nodes)) = period else { return };
                        let dropped = exporter.push(&rows, &nodes);
                        if dropped > 0 {
                            let all = exporter.lost().dropped;
                            warn!(exporter = name, dropped, all, "metrics dropped: too many wait");
                        }
                    }
                    () = tokio::time::sleep(pause) => {}
                }
                send_due(name, &mut exporter, &*sender).await;
            }
        };
        stopping.run_until_cancelled(send).await;
    });
    periods
}

/// Sends what is due.
async fn send_due(name: &str, exporter: &mut Exporter, sender: &dyn Sender) {
    while let Some(batch) = exporter.next(now_ms()) {
        let outcome = sender.send(&batch).await;
        exporter.sent(now_ms(), &outcome);
        match outcome {
            Ok(()) => {}
            Err(SendError::Later(error)) => {
                info!(exporter = name, error, "metrics wait to be sent again");
            }
            Err(SendError::Never(error)) => {
                let all = exporter.lost().refused;
                warn!(exporter = name, error, all, "metrics were refused");
            }
        }
    }
}

fn hand_over(to: &mpsc::Sender<Period>, period: &Period) {
    if to.try_send(period.clone()).is_err() {
        warn!("a period of metrics was dropped: its exporter hangs, or has stopped");
    }
}
