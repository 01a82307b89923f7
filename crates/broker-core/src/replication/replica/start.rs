//! Opening: what is on the disk becomes a member of a group, or is refused, or waits for a leader that
//! refills it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::engine::Engine;
use super::kept::{Content, Found, Kept};
use super::{HINT_EVERY, Notice, ORIGIN, OpenError, Output, Reading, Replica, ReplicaConfig};
use crate::broker::Standby;
use crate::journal::{self, Disk, Epoch, Lsn, StoreId};
use crate::replication::epochs::EpochTable;
use crate::replication::node::Node;
use crate::replication::protocol::{LogView, Recovered, Settings, Vow};
use crate::replication::record::{Incarnation, Member};
use crate::replication::rules::{AllRules, Rules};
use crate::replication::timing::Moment;

/// Longest random addition to the grace, in milliseconds.
const JITTER_MAX: u64 = 300;

/// What was found on a disk.
struct Opened {
    kept: Kept,
    engine: Engine,
    notice: Option<Notice>,
}

impl Replica {
    /// Opens what is on `disk`, or makes a new journal there.
    ///
    /// A journal that is damaged is not opened and not touched: the replica is in repair, and
    /// throws it away only for a leader that refills it.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(
        config: ReplicaConfig,
        disk: Arc<dyn Disk>,
        now: Moment,
        out: &mut Vec<Output>,
    ) -> Result<Self, OpenError> {
        Self::with_rules(AllRules, config, disk, now, out)
    }
}

impl<R: Rules> Replica<R> {
    /// As [`Replica::open`], with rules left out: to see that a simulation notices.
    #[doc(hidden)]
    pub fn with_rules(
        rules: R,
        mut config: ReplicaConfig,
        disk: Arc<dyn Disk>,
        now: Moment,
        out: &mut Vec<Output>,
    ) -> Result<Self, OpenError> {
        config.timing.check()?;
        config.broker.journal.epoch = None;
        let Opened {
            mut kept,
            engine,
            notice,
        } = open(&config, &disk)?;
        if notice.is_some() {
            kept.content.vow.in_repair = true;
        }
        kept.save().map_err(journal::OpenError::Disk)?;
        config.broker.journal.store = Some(kept.content.store);
        let me = Member {
            node: config.node,
            store: kept.content.store,
        };
        let node = start(rules.clone(), &config, &*disk, &kept, &engine, now)?;
        let operator = Incarnation(number(&*disk)?);
        let mut this = Self {
            config,
            disk,
            kept,
            rules,
            node,
            me,
            engine,
            deferred: Vec::new(),
            untold: VecDeque::new(),
            incoming: None,
            unsynced: false,
            committed: ORIGIN,
            record: Reading {
                under_way: false,
                again: false,
                failed: false,
                look_at: now,
                last: None,
            },
            flows: BTreeMap::new(),
            pins: BTreeMap::new(),
            fetch: None,
            refuses_until: None,
            handover: None,
            operator,
            asked: Vec::new(),
            notices: BTreeSet::new(),
            next_hint: now.plus(HINT_EVERY),
            next_upkeep: now,
        };
        if let Some(notice) = notice {
            this.notice(notice, out);
        }
        Ok(this)
    }
}

/// The protocol's node, with a new life.
fn start<R: Rules>(
    rules: R,
    config: &ReplicaConfig,
    disk: &dyn Disk,
    kept: &Kept,
    engine: &Engine,
    now: Moment,
) -> Result<Node<R>, OpenError> {
    let recovered = Recovered {
        me: Member {
            node: config.node,
            store: kept.content.store,
        },
        incarnation: Incarnation(number(disk)?),
        vow: kept.content.vow,
        log: engine.log(&kept.content.epochs),
        committed: engine.settled(),
        // What is damaged is in its vow already.
        damaged: false,
    };
    let settings = Settings {
        origin: ORIGIN,
        join_lag: config.join_lag_bytes,
    };
    let jitter = Duration::from_millis(number(disk)? % JITTER_MAX);
    let mut none = Vec::new();
    let node = Node::with_rules(
        rules,
        now,
        config.timing,
        jitter,
        settings,
        recovered,
        &mut none,
    );
    Ok(node)
}

fn number(disk: &dyn Disk) -> Result<u64, OpenError> {
    Ok(u64::from_le_bytes(
        random(disk)?[..8].try_into().unwrap_or_default(),
    ))
}

fn random(disk: &dyn Disk) -> Result<[u8; 16], OpenError> {
    let random = disk.unique();
    random.map_err(|source| {
        let fault = journal::Fault {
            action: "get randomness for",
            file: "a life of this node".to_owned(),
            source: Arc::new(source),
        };
        journal::OpenError::Disk(fault).into()
    })
}

fn open(config: &ReplicaConfig, disk: &Arc<dyn Disk>) -> Result<Opened, OpenError> {
    match Kept::load(disk)? {
        Found::Nothing => open_first(config, disk),
        Found::Whole(kept) => open_member(config, disk, kept),
        Found::Damaged(damage) => {
            // What it has promised is not known, so it must not pass for the member that it was
            // (rule F4): with a new name for its data it is nobody that any leader waits for.
            let content = Content {
                store: StoreId(random(&**disk)?),
                vow: Vow::default(),
                replacing: false,
                epochs: EpochTable::default(),
            };
            Ok(Opened {
                kept: Kept::new(Arc::clone(disk), content),
                engine: Engine::Absent,
                notice: Some(Notice::VowLost(damage)),
            })
        }
    }
}

/// A disk that no member has used.
fn open_first(config: &ReplicaConfig, disk: &Arc<dyn Disk>) -> Result<Opened, OpenError> {
    let standby = Standby::open(&config.broker, Arc::clone(disk))?;
    let mut epochs = EpochTable::default();
    if standby.end() > ORIGIN {
        if !config.adopt {
            return Err(OpenError::NotOfAGroup);
        }
        // Who wrote which part is of no interest to a group in which nobody else has any of it.
        epochs.begin(standby.epoch(), ORIGIN);
    }
    let content = Content {
        store: standby.store(),
        vow: Vow::default(),
        replacing: false,
        epochs,
    };
    Ok(Opened {
        kept: Kept::new(Arc::clone(disk), content),
        engine: Engine::Standby(Box::new(standby)),
        notice: None,
    })
}

fn open_member(
    config: &ReplicaConfig,
    disk: &Arc<dyn Disk>,
    mut kept: Kept,
) -> Result<Opened, OpenError> {
    let absent = |kept, notice| {
        Ok(Opened {
            kept,
            engine: Engine::Absent,
            notice: Some(notice),
        })
    };
    if kept.content.replacing {
        let text = "the journal was given up, and no leader has refilled this node yet".to_owned();
        return absent(kept, Notice::Damaged(text));
    }
    let mut broker = config.broker.clone();
    broker.journal.store = Some(kept.content.store);
    let standby = match Standby::open(&broker, Arc::clone(disk)) {
        Ok(standby) => standby,
        Err(journal::OpenError::Corrupt(corrupt)) => {
            return absent(kept, Notice::Damaged(corrupt.to_string()));
        }
        Err(other) => return Err(other.into()),
    };
    let end = standby.end();
    kept.content.epochs.cut(end);
    let said = kept.content.epochs.position(end).epoch;
    // Of a journal without records there is no last epoch, whatever its first segment was made for.
    let has_records = end > ORIGIN && standby.epoch() != Epoch(0);
    if has_records && standby.epoch() != said {
        let text = format!(
            "the journal ends in epoch {}, where epoch {} was noted",
            standby.epoch().0,
            said.0
        );
        return absent(kept, Notice::Damaged(text));
    }
    Ok(Opened {
        kept,
        engine: Engine::Standby(Box::new(standby)),
        notice: None,
    })
}

impl Engine {
    /// As the protocol sees its journal, of which the kept table says who wrote it.
    pub(super) fn log(&self, epochs: &EpochTable) -> LogView {
        let (front, end, durable) = match self {
            Self::Standby(standby) => (standby.first(), standby.end(), standby.durable()),
            Self::Absent | Self::Leading(_) | Self::Stopping => (ORIGIN, ORIGIN, ORIGIN),
        };
        let mut epochs = epochs.clone();
        epochs.cut(end);
        LogView {
            front,
            end,
            durable,
            epochs,
        }
    }

    fn settled(&self) -> Lsn {
        match self {
            Self::Standby(standby) => standby.settled(),
            Self::Absent | Self::Leading(_) | Self::Stopping => Lsn(0),
        }
    }
}
