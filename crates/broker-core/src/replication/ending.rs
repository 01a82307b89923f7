//! The end of a group: one node goes on alone, as a single broker.
//!
//! The record stays in the store and says so. Were it removed, a write that comes late or a node that
//! comes back could make it anew, where versions begin again; and whoever read no record could not
//! tell a group that has ended from a store that was lost.

use super::coordinator::{CasOutcome, Coordinator, ReadError};
use super::record::{Incarnation, Member, Nonce};

/// Writes are repeated so often while it is not known what became of them.
const ATTEMPTS: u64 = 5;

/// Why a group does not end, or is not known to have ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndError {
    /// Another node went on alone.
    #[error("the group has ended: node {} went on alone", .0.node)]
    Ended(Member),
    /// Another node could be elected meanwhile.
    #[error("node {} is in sync and could become active meanwhile", .0.node)]
    InSync(Member),
    /// This node does not have all that was acknowledged.
    #[error("this node is not in sync")]
    NotInSync,
    /// The record was not read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It may yet be carried out.
    #[error("the coordination store did not say whether the record was written")]
    Unknown,
}

/// Writes down that the group has ended and that `survivor`, the only member in sync, has its data.
/// Its node must have stopped: it could be elected otherwise. Nothing is to be done where there is no
/// record, or where it says so already. Blocks for as long as a few calls to the store.
///
/// # Errors
/// [`EndError`]; the group goes on then, but for [`EndError::Ended`] and perhaps
/// [`EndError::Unknown`].
pub fn end(store: &dyn Coordinator, survivor: Member, author: Incarnation) -> Result<(), EndError> {
    for count in 1..=ATTEMPTS {
        let snapshot = store.read()?;
        let Some(record) = snapshot.record else {
            return Ok(());
        };
        match record.ended {
            Some(member) if member.store == survivor.store => return Ok(()),
            Some(member) => return Err(EndError::Ended(member)),
            None => {}
        }
        if !record.isr.contains(&survivor) {
            return Err(EndError::NotInSync);
        }
        if let Some(other) = record.isr.iter().find(|member| **member != survivor) {
            return Err(EndError::InSync(*other));
        }
        let nonce = Nonce {
            incarnation: author,
            count,
        };
        let ended = record.ended(survivor, nonce);
        if let CasOutcome::Applied(_) = store.cas(&snapshot.version, &ended) {
            return Ok(());
        }
    }
    Err(EndError::Unknown)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::journal::{Epoch, StoreId};
    use crate::replication::coordinator::Version;
    use crate::replication::fake_coordinator::{FakeCoordinator, Trouble};
    use crate::replication::record::{NodeId, Record};

    const ME: Member = Member {
        node: NodeId(1),
        store: StoreId([1; 16]),
    };
    const OTHER: Member = Member {
        node: NodeId(2),
        store: StoreId([2; 16]),
    };

    fn store(in_sync: &[Member]) -> FakeCoordinator {
        let isr = in_sync.iter().copied().collect::<BTreeSet<_>>();
        let mut record = Record::founding(Incarnation(1), isr, 1, BTreeMap::new());
        record.epoch = Epoch(7);
        let store = FakeCoordinator::default();
        store.cas(&Version::ABSENT, &record);
        store
    }

    fn ended(store: &FakeCoordinator) -> Option<Member> {
        store.read().unwrap().record.unwrap().ended
    }

    #[test]
    fn a_group_ends_once_whatever_becomes_of_the_answer() {
        let troubles = [
            Trouble::Lost,
            Trouble::AnswerLost,
            Trouble::Late,
            Trouble::Overtaken,
        ];
        for trouble in troubles {
            let store = store(&[ME]);
            store.trouble(trouble);
            assert_eq!(end(&store, ME, Incarnation(9)), Ok(()), "{trouble:?}");
            store.arrive();
            let record = store.read().unwrap().record.unwrap();
            assert_eq!(
                (record.ended, record.epoch),
                (Some(ME), Epoch(8)),
                "{trouble:?}"
            );
            assert!(record.isr.is_empty() && record.leader.is_none());
            assert_eq!(end(&store, ME, Incarnation(9)), Ok(()), "once more");
            assert_eq!(end(&store, OTHER, Incarnation(9)), Err(EndError::Ended(ME)));
        }
    }

    #[test]
    fn only_the_last_one_in_sync_ends_it() {
        let both = store(&[ME, OTHER]);
        assert_eq!(end(&both, ME, Incarnation(9)), Err(EndError::InSync(OTHER)));
        assert_eq!(ended(&both), None);
        let other = store(&[OTHER]);
        assert_eq!(end(&other, ME, Incarnation(9)), Err(EndError::NotInSync));
        // The same node with another disk.
        let wiped = Member {
            store: StoreId([3; 16]),
            ..ME
        };
        assert_eq!(
            end(&store(&[ME]), wiped, Incarnation(9)),
            Err(EndError::NotInSync)
        );
        assert_eq!(end(&FakeCoordinator::default(), ME, Incarnation(9)), Ok(()));
    }

    #[test]
    fn a_store_that_does_not_answer_ends_nothing() {
        let store = store(&[ME]);
        (0..ATTEMPTS).for_each(|_| store.trouble(Trouble::Lost));
        assert_eq!(end(&store, ME, Incarnation(9)), Err(EndError::Unknown));
        assert_eq!(ended(&store), None);
        store.cut_off(true);
        let cut_off = end(&store, ME, Incarnation(9));
        assert!(matches!(cut_off, Err(EndError::Read(_))), "{cut_off:?}");
    }
}
