//! The explorations worth making, each with its bounds.

use broker_core::replication::rules::Rule;

use crate::bounds::{Bounds, Start};
use crate::grants::TimedBounds;
use crate::properties::{COPIES, LOST, PHANTOM};

/// An exploration with all rules in force.
#[derive(Debug, Clone, Copy)]
pub struct Exploration {
    /// What is special about it.
    pub name: &'static str,
    /// How far it goes.
    pub bounds: Bounds,
}

const PAIR: Bounds = Bounds::PAIR;
/// A crash, a second and third reign, a member dropped and back.
const USUAL: Bounds = Bounds {
    epochs: 3,
    sessions: 2,
    crashes: 1,
    ..PAIR
};
/// The same, and every life of a node says hello but once.
const SMALL: Bounds = Bounds {
    sessions: 1,
    ..USUAL
};
const TRIO: Bounds = Bounds {
    nodes: 3,
    sessions: 2,
    silences: 0,
    ..PAIR
};

/// Small enough for every test run.
#[rustfmt::skip] // A table is read by column.
pub const SHORT: &[Exploration] = &[
    Exploration { name: "pair: a crash",           bounds: SMALL },
    Exploration { name: "pair: no crash",          bounds: Bounds { publishes: 2, crashes: 0, ..USUAL } },
    Exploration { name: "pair: from a cold start", bounds: Bounds { start: Start::Cold, epochs: 2, ..SMALL } },
    Exploration { name: "pair: a joiner lags",     bounds: Bounds { start: Start::Alone, publishes: 2, join_lag: 1, epochs: 2, crashes: 0, ..SMALL } },
    Exploration { name: "pair: a disk is lost",    bounds: Bounds { wipes: 1, crashes: 0, ..SMALL } },
    Exploration { name: "pair: rolled back",       bounds: Bounds { rollbacks: 1, hints: 1, crashes: 0, ..SMALL } },
    Exploration { name: "pair: damaged",           bounds: Bounds { damages: 1, crashes: 0, ..SMALL } },
    Exploration { name: "pair: a lost answer",     bounds: Bounds { unknowns: 1, crashes: 0, epochs: 2, ..USUAL } },
    Exploration { name: "pair: a frame twice",     bounds: Bounds { duplicates: 1, epochs: 2, crashes: 0, ..USUAL } },
    Exploration { name: "pair: an old record",     bounds: Bounds { stale_reads: 1, epochs: 2, ..SMALL } },
    Exploration { name: "pair: switchover",        bounds: Bounds { resignations: 1, crashes: 0, ..SMALL } },
    Exploration { name: "pair: both must have it", bounds: Bounds { min_isr: 2, ..SMALL } },
    Exploration { name: "trio: another leads",     bounds: TRIO },
];

/// What `make model` explores as well: minutes.
#[rustfmt::skip] // A table is read by column.
pub const LONG: &[Exploration] = &[
    Exploration { name: "pair: a crash, two conversations",     bounds: USUAL },
    Exploration { name: "pair: 2 publishes, 3 epochs, 1 crash", bounds: Bounds { publishes: 2, ..SMALL } },
    Exploration { name: "pair: 1 publish, 4 epochs, 2 crashes", bounds: Bounds { epochs: 4, crashes: 2, ..SMALL } },
    Exploration { name: "pair: from a cold start, 3 epochs",    bounds: Bounds { start: Start::Cold, ..SMALL } },
    Exploration { name: "pair: a lost answer and a crash",      bounds: Bounds { unknowns: 1, ..SMALL } },
    Exploration { name: "pair: a frame twice and a crash",      bounds: Bounds { duplicates: 1, epochs: 2, ..SMALL } },
    Exploration { name: "pair: a disk lost and a crash",        bounds: Bounds { wipes: 1, ..SMALL } },
    Exploration { name: "pair: damage and a crash",             bounds: Bounds { damages: 1, ..SMALL } },
    Exploration { name: "pair: rolled back and a crash",        bounds: Bounds { rollbacks: 1, hints: 1, ..SMALL } },
    Exploration { name: "pair: switchover and a crash",         bounds: Bounds { resignations: 1, ..SMALL } },
    Exploration { name: "trio: one falls silent",               bounds: Bounds { silences: 1, ..TRIO } },
];

/// A rule, bounds within which its absence does harm, and the harm.
#[derive(Debug, Clone, Copy)]
pub struct Mutation {
    /// What is left out.
    pub rule: Rule,
    /// How far to look.
    pub bounds: Bounds,
    /// The property that does not hold then.
    pub harm: &'static str,
}

const fn without(rule: Rule, harm: &'static str, bounds: Bounds) -> Mutation {
    Mutation {
        rule,
        bounds: Bounds {
            without: Some(rule),
            ..bounds
        },
        harm,
    }
}

/// Every rule that protects data.
#[rustfmt::skip] // A table is read by column.
pub const MUTATIONS: &[Mutation] = &[
    without(Rule::OwnEpochOnly,     LOST,    Bounds { publishes: 2, ..USUAL }),
    without(Rule::InSyncOnly,       LOST,    USUAL),
    without(Rule::NotRegressed,     LOST,    Bounds { rollbacks: 1, hints: 1, crashes: 0, ..USUAL }),
    without(Rule::NoAssumedShrink,  LOST,    USUAL),
    without(Rule::Promise,          LOST,    Bounds { stale_reads: 1, ..USUAL }),
    without(Rule::FollowerSync,     LOST,    USUAL),
    without(Rule::LeaderSync,       LOST,    USUAL),
    without(Rule::InFlightCounts,   LOST,    USUAL),
    without(Rule::JoinerCounts,     LOST,    Bounds { start: Start::Alone, ..USUAL }),
    without(Rule::NewDiskNewMember, LOST,    Bounds { wipes: 1, crashes: 0, ..USUAL }),
    without(Rule::CutAtDivergence,  LOST,    Bounds { publishes: 2, crashes: 0, ..SMALL }),
    without(Rule::NoResume,         LOST,    Bounds { publishes: 2, epochs: 2, silences: 0, ..USUAL }),
    without(Rule::LeastInSync,      COPIES,  Bounds { min_isr: 2, ..USUAL }),
    without(Rule::DeliverCommitted, PHANTOM, USUAL),
    without(Rule::DamageIsRepaired, LOST,    Bounds { damages: 1, crashes: 0, ..USUAL }),
];

/// A timed exploration with all rules in force.
#[derive(Debug, Clone, Copy)]
pub struct TimedExploration {
    /// What is special about it.
    pub name: &'static str,
    /// How far it goes.
    pub bounds: TimedBounds,
}

const TIMED: TimedBounds = TimedBounds::PAIR;
/// A clock may lose a unit on the way, and the grace allows for it.
const DRIFT: TimedBounds = TimedBounds {
    grace: 5,
    slips: 1,
    horizon: 7,
    ..TIMED
};

/// Timed, small enough for every test run.
#[rustfmt::skip] // A table is read by column.
pub const TIMED_SHORT: &[TimedExploration] = &[
    TimedExploration { name: "grants: running",   bounds: TIMED },
    TimedExploration { name: "grants: one joins", bounds: TimedBounds { start: Start::Alone, ..TIMED } },
];

/// What `make model` explores as well.
#[rustfmt::skip] // A table is read by column.
pub const TIMED_LONG: &[TimedExploration] = &[
    TimedExploration { name: "grants: clocks drift",         bounds: DRIFT },
    TimedExploration { name: "grants: a restart",            bounds: TimedBounds { restarts: 1, ..TIMED } },
    TimedExploration { name: "grants: a switchover",         bounds: TimedBounds { resignations: 1, ..TIMED } },
];

/// A timing rule, bounds within which its absence shows. What shows is that two nodes serve.
#[rustfmt::skip] // A table is read by column.
pub const TIMED_MUTATIONS: &[(&str, TimedBounds)] = &[
    ("no grants are needed",      TimedBounds { without: Some(Rule::LeaseHeld), ..TIMED }),
    ("grants count from receipt", TimedBounds { without: Some(Rule::GrantFromSending), lease: 3, grace: 5, horizon: 7, ..TIMED }),
    ("joiners need not grant",    TimedBounds { without: Some(Rule::JoinerGrants), start: Start::Alone, ..TIMED }),
    ("no grace after a grant",    TimedBounds { without: Some(Rule::GraceAfterGrant), ..TIMED }),
    ("no grace after a start",    TimedBounds { without: Some(Rule::GraceAfterStart), restarts: 1, ..TIMED }),
    ("grace as long as lease",    TimedBounds { grace: 2, ..TIMED }),
    ("drift not allowed for",     TimedBounds { grace: 3, slips: 1, ..TIMED }),
];
