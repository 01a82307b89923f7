//! What the brokers said about queues that were declared and deleted under faults.
//!
//! A change whose answer never came may have happened or not: nothing is known of its queue until
//! somebody looks.

use std::collections::BTreeMap;

use crate::ledger::Violation;

/// Queues by name, and what must be true of them.
#[derive(Debug, Default)]
pub struct Definitions {
    known: BTreeMap<String, Option<bool>>,
    confirmed: u64,
}

impl Definitions {
    /// A change of this queue is on its way.
    pub fn ask(&mut self, queue: &str) {
        self.known.insert(queue.to_owned(), None);
    }

    /// A broker says that the queue is there now, or is not.
    pub fn confirm(&mut self, queue: &str, there: bool) {
        self.known.insert(queue.to_owned(), Some(there));
        self.confirmed += 1;
    }

    /// Queues of which something is known.
    pub fn known(&self) -> Vec<String> {
        let known = self.known.iter().filter(|(_, there)| there.is_some());
        known.map(|(queue, _)| queue.clone()).collect()
    }

    /// Somebody looked at a queue of [`known`](Self::known).
    ///
    /// # Errors
    /// The promise that was broken.
    pub fn look(&mut self, queue: &str, there: bool) -> Result<(), Violation> {
        let expected = self.known.insert(queue.to_owned(), Some(there)).flatten();
        let (was, is) = match (expected, there) {
            (Some(true), false) => ("declared", "not there"),
            (Some(false), true) => ("deleted", "there"),
            _ => return Ok(()),
        };
        let what = format!("queue {queue:?} was {was} with an answer, and is {is}");
        Err(Violation::Definition { what })
    }

    /// Changes that were answered.
    pub fn confirmed(&self) -> u64 {
        self.confirmed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_answered_must_stay() {
        let mut definitions = Definitions::default();
        definitions.ask("a");
        definitions.confirm("a", true);
        assert_eq!(definitions.look("a", true), Ok(()));
        let lost = definitions.look("a", false).unwrap_err().to_string();
        assert_eq!(
            lost,
            "queue \"a\" was declared with an answer, and is not there"
        );
        definitions.confirm("a", false);
        definitions.look("a", true).unwrap_err();
    }

    #[test]
    fn what_was_not_answered_may_be_either_way() {
        let mut definitions = Definitions::default();
        definitions.ask("a");
        assert_eq!(definitions.known(), [""; 0]);
        for there in [true, false] {
            definitions.ask("a");
            assert_eq!(definitions.look("a", there), Ok(()));
        }
        assert_eq!(definitions.known(), ["a"]);
        definitions.look("a", true).unwrap_err();
    }
}
