//! What goes wrong in a cycle, drawn by the seed.

use std::fmt;
use std::time::Duration;

use crate::chance::Chance;
pub use crate::stage::lab::Direction;

/// Longest fault of a campaign in haste: long enough for the other node of a pair to take over.
const HASTY_MS: u64 = 6000;

/// Farthest step of a clock; every other one is as far.
const HOUR_S: i64 = 3600;

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// All connections of clients break.
    BreakClients,
    /// The time of day is stepped, and later set right. Nothing else is: clocks that run on are not.
    ClockStep,
    /// A node is cut from everyone.
    CutAll,
    /// A node is cut from its clients.
    CutClients,
    /// The nodes are cut from each other.
    CutPair,
    /// A node is cut from the coordination store.
    CutStore,
    /// The disk is full.
    DiskFull,
    /// Octets change on the disk while the node is down.
    Flip,
    /// SIGSTOP, and SIGCONT later.
    Freeze,
    /// kill -9, and a start at once or later.
    Kill,
    /// Of the packets that a node gets and sends, some are lost.
    Loss,
    /// The power goes: what the file system has not given to the disk is gone.
    PowerCut,
    /// A stop as asked for, and a start.
    Restart,
    /// Clients are far away.
    SlowClients,
    /// The nodes are far from each other.
    SlowPair,
    /// Two members of the store are killed, so that it decides nothing.
    StoreDown,
    /// The leader of the store is frozen.
    StoreFrozen,
    /// The leader of the store is killed.
    StoreKilled,
    /// The store is restored from a backup of before the last election, and set right later.
    StoreRolledBack,
    /// The other node becomes active, as asked for.
    Switchover,
    /// A sync of the disk fails.
    SyncFails,
    /// The disk is replaced by an empty one.
    Wipe,
}

/// Which node it hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    /// The one that serves.
    Active,
    /// Both, a moment apart.
    Both,
    /// The one that follows.
    Standby,
}

/// One cycle's fault with everything that is drawn about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Plan {
    /// What.
    pub fault: Fault,
    /// To whom.
    pub target: Target,
    /// For cut cables.
    pub direction: Direction,
    /// From its beginning to its end, milliseconds.
    pub hold_ms: u64,
    /// For slow links, milliseconds each way.
    pub delay_ms: u64,
    /// Of a hundred packets so many are lost.
    pub loss_percent: u8,
    /// For clocks, seconds ahead.
    pub step_s: i64,
    /// A switchover is asked for at the same time.
    pub switchover: bool,
    /// For all else that is drawn while it is carried out.
    pub seed: u64,
}

use Fault::{
    BreakClients, ClockStep, CutAll, CutClients, CutPair, CutStore, DiskFull, Flip, Freeze, Kill,
    Loss, PowerCut, Restart, SlowClients, SlowPair, StoreDown, StoreFrozen, StoreKilled,
    StoreRolledBack, Switchover, SyncFails, Wipe,
};

impl Fault {
    /// Those that make sense for one node.
    pub const SINGLE: &[Self] = &[
        BreakClients,
        ClockStep,
        CutClients,
        DiskFull,
        Freeze,
        Kill,
        Loss,
        PowerCut,
        Restart,
        SlowClients,
        SyncFails,
    ];

    /// Those that make sense for a pair.
    pub const PAIR: &[Self] = &[
        BreakClients,
        ClockStep,
        CutAll,
        CutClients,
        CutPair,
        CutStore,
        DiskFull,
        Flip,
        Freeze,
        Kill,
        Loss,
        PowerCut,
        Restart,
        SlowClients,
        SlowPair,
        StoreDown,
        StoreFrozen,
        StoreKilled,
        StoreRolledBack,
        Switchover,
        SyncFails,
        Wipe,
    ];

    /// Whom it may hit in a pair. What destroys data hits one: of two copies one must be left.
    const fn targets(self) -> &'static [Target] {
        match self {
            Kill | PowerCut => &[
                Target::Active,
                Target::Active,
                Target::Standby,
                Target::Both,
            ],
            ClockStep | Freeze | Restart => &[Target::Active, Target::Standby, Target::Both],
            CutAll | CutPair | CutStore | DiskFull | Flip | Loss | SyncFails | Wipe => {
                &[Target::Active, Target::Standby]
            }
            BreakClients | CutClients | SlowClients | SlowPair | StoreDown | StoreFrozen
            | StoreKilled | StoreRolledBack | Switchover => &[Target::Active],
        }
    }

    /// Shortest and longest, milliseconds.
    const fn holds(self) -> (u64, u64) {
        match self {
            BreakClients | Restart | Switchover => (0, 500),
            Freeze => (1000, 30_000),
            Kill | PowerCut => (0, 12_000),
            Flip | Wipe => (0, 8000),
            SlowClients | SlowPair | StoreRolledBack => (2000, 5000),
            ClockStep | CutAll | CutClients | CutPair | CutStore | DiskFull | Loss | StoreDown
            | StoreFrozen | StoreKilled | SyncFails => (1000, 15_000),
        }
    }

    /// The word for it on the command line.
    pub fn name(self) -> String {
        let value = clap::ValueEnum::to_possible_value(&self);
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

impl Plan {
    /// Draws everything about this fault. Short ones are more frequent than long ones; with `hasty`
    /// none is longer than six seconds.
    pub fn draw(fault: Fault, pair: bool, hasty: bool, chance: &mut Chance) -> Self {
        let target = if pair {
            chance.pick(fault.targets())
        } else {
            Target::Active
        };
        let (shortest, longest) = fault.holds();
        let half = chance.once_in(2);
        let longest = if half { longest.min(4000) } else { longest };
        let longest = if hasty {
            longest.min(HASTY_MS)
        } else {
            longest
        };
        let hold = chance.duration(
            Duration::from_millis(shortest.min(longest)),
            Duration::from_millis(longest),
        );
        // A process that is started again at once.
        let at_once = matches!(fault, Kill | Flip | PowerCut) && chance.once_in(3);
        let directions = [
            Direction::Both,
            Direction::Both,
            Direction::In,
            Direction::Out,
        ];
        Self {
            fault,
            target,
            direction: chance.pick(&directions),
            hold_ms: if at_once { 0 } else { hold.as_millis() as u64 },
            delay_ms: 5 + chance.below(100) as u64,
            // Its own switchover comes first.
            switchover: fault == Switchover
                || (pair && chance.once_in(5) && fault != StoreRolledBack),
            seed: chance.draw(),
            loss_percent: 1 + chance.below(30) as u8,
            step_s: if chance.once_in(2) {
                chance.pick(&[-HOUR_S, HOUR_S])
            } else {
                chance.below(2 * HOUR_S as usize + 1) as i64 - HOUR_S
            },
        }
    }

    /// From its beginning to its end.
    pub fn hold(&self) -> Duration {
        Duration::from_millis(self.hold_ms)
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {:?}", self.fault.name(), self.target)?;
        if matches!(self.fault, CutAll | CutClients | CutPair | CutStore) {
            write!(f, ", direction {:?}", self.direction)?;
        }
        if matches!(self.fault, SlowClients | SlowPair) {
            write!(f, " by {} ms", self.delay_ms)?;
        }
        match self.fault {
            ClockStep => write!(f, " by {} s", self.step_s)?,
            Loss => write!(f, " of {} %", self.loss_percent)?,
            _ => {}
        }
        write!(f, " for {} ms", self.hold_ms)?;
        if self.switchover && self.fault != Switchover {
            f.write_str(", with a switchover")?;
        }
        Ok(())
    }
}

/// Faults in an order that follows from the seed, each as often as any other.
#[derive(Debug)]
pub struct Deck {
    faults: Vec<Fault>,
    left: Vec<Fault>,
}

impl Deck {
    /// Of these faults, at least one.
    pub fn new(faults: Vec<Fault>) -> Self {
        Self {
            faults,
            left: Vec::new(),
        }
    }

    /// The next one.
    ///
    /// # Panics
    /// If it has none.
    pub fn draw(&mut self, chance: &mut Chance) -> Fault {
        if self.left.is_empty() {
            self.left = self.faults.clone();
            chance.shuffle(&mut self.left);
        }
        self.left.pop().expect("a deck has at least one fault")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(seed: u64) -> Vec<Plan> {
        let (mut chance, mut deck) = (Chance::new(seed), Deck::new(Fault::PAIR.to_vec()));
        (0..100)
            .map(|_| Plan::draw(deck.draw(&mut chance), true, false, &mut chance))
            .collect()
    }

    #[test]
    fn a_seed_gives_the_same_faults_again() {
        assert_eq!(drawn(5), drawn(5));
        assert_ne!(drawn(5), drawn(6));
    }

    #[test]
    fn every_fault_comes_before_any_comes_again() {
        let mut first: Vec<_> = drawn(1)
            .iter()
            .take(Fault::PAIR.len())
            .map(|plan| plan.fault)
            .collect();
        first.sort_unstable();
        let mut all = Fault::PAIR.to_vec();
        all.sort_unstable();
        assert_eq!(first, all);
    }

    #[test]
    fn what_destroys_data_hits_one_node() {
        for plan in (1..20).flat_map(drawn) {
            let destroys = matches!(plan.fault, Flip | Wipe | SyncFails);
            assert!(!(destroys && plan.target == Target::Both), "{plan}");
        }
    }

    #[test]
    fn haste_shortens() {
        let mut chance = Chance::new(1);
        for fault in Fault::PAIR {
            let plan = Plan::draw(*fault, true, true, &mut chance);
            assert!(plan.hold_ms <= HASTY_MS, "{plan}");
        }
    }
}
