//! The rules that keep a group from losing what it has acknowledged, each with a name.
//!
//! The state machine asks [`Rules::holds`] wherever a rule decides. [`AllRules`] has no size and
//! always says yes, so that a broker is compiled without the question; only the model in
//! `crates/replication-model` brings one that leaves a rule out, and shows what is lost then.

use std::fmt;
use std::hash::Hash;

/// A rule of the protocol. The numbers are those of `README.md` beside this file, which says what
/// the model found without each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// F1: the record changes only by compare-and-swap, and a leader changes only its own epoch's.
    OwnEpochOnly,
    /// F2: only a member of the in-sync set is elected.
    InSyncOnly,
    /// F2: a node whose log lacks the record's commit hint does not lead.
    NotRegressed,
    /// F3: a new leader's in-sync set is the one its election wrote.
    NoAssumedShrink,
    /// F4: what was promised to an epoch is not given to an earlier one, restarts included.
    Promise,
    /// F5: a follower acknowledges what is on its disk.
    FollowerSync,
    /// F6: a leader counts itself only as far as its own disk.
    LeaderSync,
    /// F7: members of a set whose compare-and-swap is undecided are waited for.
    InFlightCounts,
    /// F8: who joins is waited for before the compare-and-swap that admits it is sent.
    JoinerCounts,
    /// F9: a new or restored disk is a new member.
    NewDiskNewMember,
    /// F10: a follower gives up what its leader's history does not have.
    CutAtDivergence,
    /// F11: a restarted leader begins a new epoch.
    NoResume,
    /// F12: with fewer members in sync than configured nothing is acknowledged.
    LeastInSync,
    /// F13: nothing is delivered before it is committed.
    DeliverCommitted,
    /// F14: a node with damage in its log does not lead before it is repaired.
    DamageIsRepaired,
    /// L1: a leader serves only while every in-sync member grants it.
    LeaseHeld,
    /// L1: a grant counts from the moment its heartbeat left.
    GrantFromSending,
    /// L1: a joiner's grant is needed from the moment its admission is submitted.
    JoinerGrants,
    /// L3: a node campaigns only when the grace after its last grant is over.
    GraceAfterGrant,
    /// L3: a node campaigns only when the grace after its own start is over.
    GraceAfterStart,
}

/// Which rules are followed.
pub trait Rules: Clone + Eq + Hash + fmt::Debug {
    /// Whether this one is.
    fn holds(&self, rule: Rule) -> bool;
}

/// All of them, decided when the code is compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct AllRules;

impl Rules for AllRules {
    #[inline(always)]
    fn holds(&self, _: Rule) -> bool {
        true
    }
}
