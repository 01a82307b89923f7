//! How far the exploration goes: a group's size, and how often each thing may happen.

use std::fmt;

use broker_core::replication::rules::Rule;

/// Where the exploration begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Start {
    /// All nodes are in sync, nobody has ever led.
    Cold,
    /// Node 0 leads epoch 1, all others follow in sync.
    Running,
    /// Node 0 leads epoch 1 alone; the others have been dropped and know nothing of it.
    Alone,
}

/// What may happen, and how often in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Bounds {
    /// Nodes in the group.
    pub nodes: usize,
    /// Where it begins.
    pub start: Start,
    /// The rule that is left out.
    pub without: Option<Rule>,
    /// Members that must be in sync for anything to be acknowledged.
    pub min_isr: u8,
    /// Bytes (records, here) a joiner may lack when it begins to count.
    pub join_lag: u64,
    /// Records published.
    pub publishes: u8,
    /// The last epoch that may begin.
    pub epochs: u32,
    /// Conversations each life of a node opens.
    pub sessions: u64,
    /// Peers given up for silent.
    pub silences: u8,
    /// Crashes, each with a restart and any part of the unsynced records lost.
    pub crashes: u8,
    /// Disks lost, replaced by empty ones.
    pub wipes: u8,
    /// Disks rolled back below the record's commit hint.
    pub rollbacks: u8,
    /// Damages to synced records, found by recovery.
    pub damages: u8,
    /// Answers of the store that are lost.
    pub unknowns: u8,
    /// Frames delivered twice.
    pub duplicates: u8,
    /// Reads that bring an older record, as from a restored store.
    pub stale_reads: u8,
    /// Refreshes of the commit hint.
    pub hints: u8,
    /// Planned switchovers.
    pub resignations: u8,
}

impl Bounds {
    /// Two nodes, running, and nothing goes wrong.
    pub const PAIR: Self = Self {
        nodes: 2,
        start: Start::Running,
        without: None,
        min_isr: 1,
        join_lag: 0,
        publishes: 1,
        epochs: 2,
        sessions: 1,
        silences: 1,
        crashes: 0,
        wipes: 0,
        rollbacks: 0,
        damages: 0,
        unknowns: 0,
        duplicates: 0,
        stale_reads: 0,
        hints: 0,
        resignations: 0,
    };
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} nodes, {} epochs, ", self.nodes, self.epochs)?;
        write!(f, "{} conversations of each life", self.sessions)?;
        let counted = [
            (self.publishes, "records"),
            (self.silences, "silences"),
            (self.crashes, "crashes"),
            (self.wipes, "lost disks"),
            (self.rollbacks, "rollbacks"),
            (self.damages, "damages"),
            (self.unknowns, "lost answers"),
            (self.duplicates, "duplicates"),
            (self.stale_reads, "old reads"),
            (self.hints, "hints"),
            (self.resignations, "switchovers"),
        ];
        let some = counted.iter().filter(|(count, _)| *count > 0);
        some.into_iter()
            .try_for_each(|(count, what)| write!(f, ", {count} {what}"))
    }
}
