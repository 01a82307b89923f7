//! What a campaign found, for people and for programs.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::cycle::is_standby_loss;
use crate::fault::{Fault, Plan, Target};
use crate::ledger::{Ledger, Totals};
use crate::timeline::{Handover, Spread};

/// One cycle.
#[derive(Debug)]
pub struct Cycle {
    /// What was done.
    pub plan: Plan,
    /// Index of the node that served before.
    pub active: usize,
    /// The longest time without an acknowledgement.
    pub gap: Duration,
    /// Changes of the node that acknowledges.
    pub handovers: Vec<Handover>,
    /// From the end of the fault until all nodes were in sync.
    pub rejoin: Duration,
    /// A switchover was done.
    pub switched: bool,
    /// A switchover was refused or failed.
    pub refused: bool,
    /// Times in which both nodes served.
    pub overlaps: Vec<Duration>,
}

/// A whole campaign.
#[derive(Debug, Serialize)]
pub struct Report {
    /// From which everything was drawn.
    pub seed: u64,
    /// Whether two nodes took part.
    pub pair: bool,
    /// How long it took, seconds.
    pub seconds: u64,
    /// Messages.
    pub messages: Totals,
    /// Declarations and deletions that were answered.
    pub definitions: u64,
    /// Connections of clients that broke.
    pub broken_connections: u64,
    /// What was done and found, by fault.
    pub faults: Vec<ByFault>,
    /// From the last acknowledgement of a node that was lost to the first of another.
    pub failover: Spread,
    /// The same of a killed node that was started again at once, by whichever node.
    pub local_restart: Spread,
    /// The same when it was asked for, and nothing else was wrong.
    pub switchover: Spread,
    /// Longest time without an acknowledgement when the standby went away.
    pub standby_loss: Spread,
    /// From the end of a fault until all nodes were in sync.
    pub rejoin: Spread,
    /// Times in which both nodes served.
    pub both_served: Spread,
    /// How often a promise was broken.
    pub violations: u64,
    /// The first of each kind, in words.
    pub violated: Vec<String>,
}

/// What was found of one kind of fault.
#[derive(Debug, Serialize)]
pub struct ByFault {
    /// Which.
    pub fault: Fault,
    /// How often.
    pub cycles: usize,
    /// Longest time without an acknowledgement of each cycle.
    pub gap: Spread,
    /// From the end of the fault until all nodes were in sync.
    pub rejoin: Spread,
}

impl Cycle {
    /// Of which nothing is known yet.
    pub fn new(plan: Plan, active: usize) -> Self {
        Self {
            plan,
            active,
            gap: Duration::ZERO,
            handovers: Vec::new(),
            rejoin: Duration::ZERO,
            switched: false,
            refused: false,
            overlaps: Vec::new(),
        }
    }

    /// The node that served was lost, and the other one was not.
    fn is_failover(&self) -> bool {
        let asked_for = self.switched || self.plan.fault == Fault::Restart;
        !asked_for && self.plan.target == Target::Active
    }

    fn is_plain_switchover(&self) -> bool {
        self.plan.fault == Fault::Switchover && self.switched
    }

    fn is_local_restart(&self) -> bool {
        self.plan.fault == Fault::Kill
            && self.plan.hold_ms == 0
            && !self.plan.switchover
            && self.plan.target != Target::Standby
    }
}

impl Report {
    /// Of these cycles.
    pub fn new(seed: u64, pair: bool, took: Duration, ledger: &Ledger, cycles: &[Cycle]) -> Self {
        let spread = |chosen: &dyn Fn(&Cycle) -> Vec<Duration>| {
            Spread::of(&cycles.iter().flat_map(chosen).collect::<Vec<_>>())
        };
        let gaps = |cycle: &Cycle| cycle.handovers.iter().map(|h| h.gap).collect::<Vec<_>>();
        let only = |wanted: bool, times: Vec<Duration>| if wanted { times } else { Vec::new() };
        Self {
            seed,
            pair,
            seconds: took.as_secs(),
            messages: ledger.totals(),
            definitions: 0,
            broken_connections: 0,
            faults: by_fault(cycles),
            failover: spread(&|c| only(c.is_failover(), gaps(c))),
            local_restart: spread(&|c| only(c.is_local_restart(), vec![c.gap])),
            switchover: spread(&|c| only(c.is_plain_switchover(), gaps(c))),
            standby_loss: spread(&|c| only(is_standby_loss(&c.plan), vec![c.gap])),
            rejoin: spread(&|c| vec![c.rejoin]),
            both_served: spread(&|c| c.overlaps.clone()),
            violations: ledger.violation_count(),
            violated: ledger
                .violations()
                .iter()
                .map(ToString::to_string)
                .collect(),
        }
    }
}

fn by_fault(cycles: &[Cycle]) -> Vec<ByFault> {
    let mut faults: BTreeMap<Fault, Vec<&Cycle>> = BTreeMap::new();
    for cycle in cycles {
        faults.entry(cycle.plan.fault).or_default().push(cycle);
    }
    let one = |(fault, cycles): (Fault, Vec<&Cycle>)| ByFault {
        fault,
        cycles: cycles.len(),
        gap: Spread::of(&cycles.iter().map(|c| c.gap).collect::<Vec<_>>()),
        rejoin: Spread::of(&cycles.iter().map(|c| c.rejoin).collect::<Vec<_>>()),
    };
    faults.into_iter().map(one).collect()
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.totals(f)?;
        self.by_fault(f)?;
        self.times(f)?;
        if self.violations == 0 {
            return writeln!(f, "\nNo promise was broken.");
        }
        writeln!(f, "\n{} PROMISES WERE BROKEN:", self.violations)?;
        for violated in &self.violated {
            writeln!(f, "  {violated}")?;
        }
        Ok(())
    }
}

impl Report {
    fn totals(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.pair { "a pair" } else { "a single node" };
        let cycles: usize = self.faults.iter().map(|fault| fault.cycles).sum();
        let (seed, seconds) = (self.seed, self.seconds);
        writeln!(
            f,
            "Campaign on {kind}, seed {seed}: {cycles} cycles in {seconds} s"
        )?;
        let messages = &self.messages;
        writeln!(
            f,
            "{} messages acknowledged ({} of them durable) of {} sent; {} deliveries, {} more \
             marked as redelivered; {} changes of definitions answered; {} connections broke",
            messages.acked,
            messages.acked_durable,
            messages.sent,
            messages.delivered,
            messages.duplicates,
            self.definitions,
            self.broken_connections
        )
    }

    fn by_fault(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = |f: &mut fmt::Formatter<'_>, what: &str, spread: Spread| {
            let Spread {
                p50_ms,
                p99_ms,
                max_ms,
                ..
            } = spread;
            write!(
                f,
                "   {what} p50 {p50_ms:>6} p99 {p99_ms:>6} max {max_ms:>6}"
            )
        };
        writeln!(
            f,
            "\nMilliseconds without an acknowledgement, and from the end of a fault to all in sync:"
        )?;
        for fault in &self.faults {
            write!(f, "{:<13} {:>5} cycles", fault.fault.name(), fault.cycles)?;
            columns(f, "no ack", fault.gap)?;
            columns(f, "in sync", fault.rejoin)?;
            writeln!(f)?;
        }
        writeln!(f)
    }

    fn times(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (what, spread) in [
            ("failover", self.failover),
            ("killed and started at once", self.local_restart),
            ("switchover", self.switchover),
            ("stall at loss of the standby", self.standby_loss),
            ("rejoin", self.rejoin),
            ("both served", self.both_served),
        ] {
            let Spread {
                count,
                p50_ms,
                p99_ms,
                max_ms,
            } = spread;
            if count > 0 {
                writeln!(
                    f,
                    "{what:<29} p50 {p50_ms} ms, p99 {p99_ms} ms, max {max_ms} ms (of {count})"
                )?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Chance;
    use crate::ledger::{MessageId, PublisherId};

    /// A cycle of this fault with a change of the node after so many milliseconds.
    fn cycle(fault: Fault, gap_ms: u64) -> Cycle {
        let plan = Plan {
            target: Target::Active,
            switchover: fault == Fault::Switchover,
            ..Plan::draw(fault, true, false, &mut Chance::new(1))
        };
        let gap = Duration::from_millis(gap_ms);
        Cycle {
            gap,
            handovers: vec![Handover { nodes: [0, 1], gap }],
            rejoin: gap * 2,
            switched: plan.switchover,
            ..Cycle::new(plan, 0)
        }
    }

    #[test]
    fn a_report_tells_what_was_done_and_what_was_broken() {
        let mut ledger = Ledger::new(7);
        ledger.open(PublisherId(1), &["work"], true);
        let id: MessageId = ledger.send(PublisherId(1));
        ledger.acknowledge(id);
        ledger.judge();
        let cycles = [
            cycle(Fault::Freeze, 4800),
            cycle(Fault::Freeze, 5200),
            cycle(Fault::Switchover, 300),
        ];
        let report = Report::new(7, true, Duration::from_secs(60), &ledger, &cycles);
        insta::assert_snapshot!(report);
    }
}
