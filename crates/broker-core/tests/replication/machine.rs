//! One machine: a disk, a clock, and while it is up a replica; while that leads, an engine.

use std::sync::Arc;

use broker_core::broker::Broker;
use broker_core::journal::{Epoch, SimDisk, Writer};
use broker_core::replication::replica::{Replica, ReplicaConfig};
use broker_core::replication::timing::Moment;

use crate::clients::Client;
use crate::disks::Backup;
use crate::world::AllBut;

pub(crate) struct Machine {
    pub(crate) disk: SimDisk,
    pub(crate) config: ReplicaConfig,
    pub(crate) life: u64,
    pub(crate) replica: Option<Replica<AllBut>>,
    pub(crate) engine: Option<Engine>,
    pub(crate) frozen_until: u64,
    /// When it last thawed.
    pub(crate) thawed_at: u64,
    pub(crate) settle_planned: bool,
    /// When it will be woken.
    pub(crate) wake_at: u64,
    /// Until then its disk does what the test planned, and its replica may fail.
    pub(crate) sick_until: u64,
    /// Until then every sync takes long.
    pub(crate) slow_until: u64,
    /// An earlier state of its disk, to be restored.
    pub(crate) backup: Option<Backup>,
    /// Since when its clock stands still, and for how long it did before.
    stopped_at: Option<u64>,
    lost: u64,
    offset: u64,
    ppm: i64,
}

/// What serves clients, and its threads.
pub(crate) struct Engine {
    pub(crate) reign: u64,
    pub(crate) epoch: Epoch,
    pub(crate) broker: Arc<Broker>,
    pub(crate) writer: Writer,
    pub(crate) client: Option<Client>,
    pub(crate) paused: bool,
    pub(crate) draining: bool,
    pub(crate) stopping: bool,
    /// When it obeys what it was told last.
    pub(crate) obeys_at: u64,
    /// So many orders it was told and has not obeyed yet.
    pub(crate) owes: u32,
}

impl Machine {
    pub(crate) fn new(disk: SimDisk, config: ReplicaConfig, offset: u64, ppm: i64) -> Self {
        Self {
            disk,
            config,
            life: 0,
            replica: None,
            engine: None,
            frozen_until: 0,
            thawed_at: 0,
            settle_planned: false,
            wake_at: u64::MAX,
            sick_until: 0,
            slow_until: 0,
            backup: None,
            stopped_at: None,
            lost: 0,
            offset,
            ppm,
        }
    }

    pub(crate) fn falls_sick(&mut self, until: u64) {
        self.sick_until = self.sick_until.max(until);
    }

    /// What its clock shows at this true time.
    pub(crate) fn moment(&self, now: u64) -> Moment {
        let now = self.stopped_at.unwrap_or(now) - self.lost;
        Moment(self.offset + scaled(now, 1_000_000 + self.ppm, 1_000_000))
    }

    /// The true time at which its clock shows that, rounded up.
    pub(crate) fn time_of(&self, moment: Moment) -> u64 {
        let since = moment.0.saturating_sub(self.offset);
        let time = scaled(since, 1_000_000, 1_000_000 + self.ppm).saturating_add(2 + self.lost);
        match self.stopped_at {
            Some(at) if time > at => u64::MAX,
            _ => time,
        }
    }

    /// Its clock stands still from now on, or goes on where it stands.
    pub(crate) fn stop_clock(&mut self, now: u64, stop: bool) {
        match (self.stopped_at, stop) {
            (None, true) => self.stopped_at = Some(now),
            (Some(at), false) => {
                self.lost += now - at;
                self.stopped_at = None;
            }
            _ => {}
        }
    }
}

fn scaled(value: u64, times: i64, of: i64) -> u64 {
    let scaled = i128::from(value) * i128::from(times) / i128::from(of);
    u64::try_from(scaled).unwrap_or(u64::MAX)
}
