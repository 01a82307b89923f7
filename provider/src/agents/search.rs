//! Which node of a broker is asked next: the order of a search, without connections and clocks.
//!
//! A single broker has one agent, and the search is over after it. Of a pair, one node serves and
//! the other says so of it; a node that does not answer, or that has lost its copy, is no reason to
//! give up while there is another one.

/// Why a node has not answered what it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Detour {
    /// It has no broker of this name. Only if every node says so is it true of the broker.
    Missing,
    /// It stands by; at this place among the addresses is the node that it says is active, if it
    /// knows one that is among them.
    StandsBy(Option<usize>),
    /// It cannot be reached, or its broker does not run.
    Unavailable,
}

/// What became of asking every node once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// What this node said is what there is to say.
    Final(usize),
    /// The nodes are about to agree on an active one: ask again in a moment.
    Wait,
}

/// One round of asking.
#[derive(Debug)]
pub(super) struct Round {
    /// Who is still to be asked, the next one last.
    left: Vec<usize>,
    detours: Vec<(usize, Detour)>,
}

impl Round {
    /// A round through `count` nodes, beginning with the one that served last.
    pub(super) fn new(count: usize, served: Option<usize>) -> Self {
        let mut left: Vec<usize> = (0..count).rev().collect();
        if let Some(served) = served {
            prefer(&mut left, served);
        }
        Self {
            left,
            detours: Vec::new(),
        }
    }

    /// Whom to ask next.
    pub(super) fn next(&mut self) -> Option<usize> {
        self.left.pop()
    }

    /// Notes that this node has not answered.
    pub(super) fn turned_away(&mut self, node: usize, why: Detour) {
        if let Detour::StandsBy(Some(active)) = why {
            prefer(&mut self.left, active);
        }
        self.detours.push((node, why));
    }

    /// What all of it comes to, after the last node.
    pub(super) fn verdict(&self) -> Verdict {
        let first = |wanted: fn(Detour) -> bool| {
            let found = self.detours.iter().find(|(_, why)| wanted(*why));
            found.map(|(node, _)| *node)
        };
        if first(|why| matches!(why, Detour::StandsBy(_))).is_some() {
            return Verdict::Wait;
        }
        // A node that could not be asked may have what the others lack.
        let unavailable = first(|why| why == Detour::Unavailable);
        let said = unavailable.or_else(|| first(|why| why == Detour::Missing));
        Verdict::Final(said.unwrap_or_default())
    }
}

/// Asks `node` next, if it is still to be asked.
fn prefer(left: &mut Vec<usize>, node: usize) {
    if let Some(place) = left.iter().position(|it| *it == node) {
        let node = left.remove(place);
        left.push(node);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asks until nobody is left; the order and the verdict.
    fn round(served: Option<usize>, detours: &[Detour]) -> (Vec<usize>, Verdict) {
        let mut round = Round::new(detours.len(), served);
        let mut order = Vec::new();
        while let Some(node) = round.next() {
            order.push(node);
            round.turned_away(node, detours[node]);
        }
        (order, round.verdict())
    }

    #[test]
    fn nodes_are_asked_in_order_and_the_last_active_first() {
        use Detour::Unavailable;
        let all = [Unavailable; 3];
        assert_eq!(round(None, &all).0, [0, 1, 2]);
        assert_eq!(round(Some(1), &all).0, [1, 0, 2]);
        assert_eq!(round(Some(7), &all).0, [0, 1, 2]);
    }

    #[test]
    fn a_standby_tells_whom_to_ask_next() {
        use Detour::{StandsBy, Unavailable};
        let detours = [StandsBy(Some(2)), Unavailable, Unavailable];
        assert_eq!(round(None, &detours).0, [0, 2, 1]);
        // Someone who has been asked is not asked again in the same round.
        let detours = [StandsBy(Some(1)), StandsBy(Some(0))];
        assert_eq!(round(None, &detours).0, [0, 1]);
    }

    #[test]
    fn what_a_round_comes_to() {
        use Detour::{Missing, StandsBy, Unavailable};
        use Verdict::{Final, Wait};
        let verdict = |detours: &[Detour]| round(None, detours).1;
        assert_eq!(verdict(&[StandsBy(None), StandsBy(None)]), Wait);
        assert_eq!(verdict(&[Unavailable, StandsBy(Some(0))]), Wait);
        assert_eq!(verdict(&[Missing, StandsBy(None)]), Wait);
        assert_eq!(verdict(&[Unavailable, Unavailable]), Final(0));
        // Never "not found" while one of them was not heard.
        assert_eq!(verdict(&[Missing, Unavailable]), Final(1));
        assert_eq!(verdict(&[Unavailable, Missing]), Final(0));
        assert_eq!(verdict(&[Missing, Missing]), Final(0));
    }
}
