//! Messages of a queue that are not ready and are in the journal alone, each with what else has to be
//! known of it.

use std::collections::BTreeMap;

use super::Stub;
use crate::account::Account;
use crate::call::Sequence;
use crate::journal::Lsn;

/// Messages by sequence. Each keeps its record in the journal until it is taken out, and weighs in the
/// account what it takes here.
#[derive(Debug)]
pub(super) struct Afar<T> {
    account: &'static Account,
    messages: BTreeMap<Sequence, (Stub, T)>,
}

/// About what one takes in memory.
const WEIGHT_BYTES: u64 = 128;

impl<T> Afar<T> {
    pub(super) fn new(account: &'static Account) -> Self {
        Self {
            account,
            messages: BTreeMap::new(),
        }
    }

    pub(super) fn account(&self) -> &'static Account {
        self.account
    }

    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    pub(super) fn get(&self, sequence: Sequence) -> Option<&T> {
        self.messages.get(&sequence).map(|(_, more)| more)
    }

    pub(super) fn insert(&mut self, stub: Stub, more: T) {
        self.account.enter_record(stub.record, stub.size_bytes);
        self.account.weigh(WEIGHT_BYTES);
        self.messages.insert(stub.sequence, (stub, more));
    }

    /// Takes one out. Whoever needs its record has seen to that it stays.
    pub(super) fn remove(&mut self, sequence: Sequence) -> Option<(Stub, T)> {
        let (stub, more) = self.messages.remove(&sequence)?;
        self.account.leave_record(stub.record, stub.size_bytes);
        self.account.unweigh(WEIGHT_BYTES);
        Some((stub, more))
    }

    /// All of them in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Stub, &T)> {
        self.messages.values().map(|(stub, more)| (*stub, more))
    }

    /// The message's record is at another place now; false if there is no such message.
    pub(super) fn moved(&mut self, sequence: Sequence, record: Lsn) -> bool {
        let Some((stub, _)) = self.messages.get_mut(&sequence) else {
            return false;
        };
        let old = std::mem::replace(&mut stub.record, record);
        self.account.enter_record(record, stub.size_bytes);
        self.account.leave_record(old, stub.size_bytes);
        true
    }
}

impl<T> Drop for Afar<T> {
    fn drop(&mut self) {
        while let Some(sequence) = self.messages.first_key_value().map(|(first, _)| *first) {
            self.remove(sequence);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_keeps_its_record_and_weighs_little() {
        let account = Account::new(u64::MAX, 1 << 20);
        let stub = |mib: u64| Stub {
            sequence: Sequence(mib),
            record: Lsn(mib << 20),
            size_bytes: 100_000,
            redelivered: false,
            returns: 0,
            timed: false,
        };
        let mut left = Afar::new(account);
        for mib in [3, 1, 2] {
            left.insert(stub(mib), mib);
        }
        assert_eq!(account.oldest(), Some(Lsn(1 << 20)));
        assert_eq!(account.bytes(), 3 * WEIGHT_BYTES);
        assert!(
            left.iter()
                .map(|(stub, more)| (stub.sequence.0, *more))
                .eq([(1, 1), (2, 2), (3, 3)])
        );
        assert!(left.moved(Sequence(1), Lsn(9 << 20)) && !left.moved(Sequence(7), Lsn(8)));
        assert_eq!(account.oldest(), Some(Lsn(2 << 20)));
        let (moved, _) = left.remove(Sequence(1)).unwrap();
        assert_eq!(moved.record, Lsn(9 << 20));
        assert_eq!((left.remove(Sequence(1)).is_none(), left.len()), (true, 2));
        drop(left);
        assert_eq!((account.bytes(), account.oldest()), (0, None));
    }
}
