//! The fake keeps the contract too, or tests with it would prove nothing.

use broker_core::replication::coordinator::{CasOutcome, Coordinator, ReadError, Version};
use broker_core::replication::fake_coordinator::{FakeCoordinator, Trouble};

use crate::contract::{self, by, record};

#[test]
fn the_fake_keeps_the_contract() {
    let store = FakeCoordinator::default();
    contract::holds(&|| Box::new(store.clone()));
}

#[test]
fn its_troubles_are_those_of_real_stores() {
    let store = FakeCoordinator::default();
    let write = |expected: &Version, count| store.cas(expected, &by(1, count, &record()));
    let written = || {
        store
            .read()
            .unwrap()
            .record
            .map_or(0, |record| record.writer_nonce.count)
    };

    store.trouble(Trouble::Lost);
    assert_eq!(
        (write(&Version::ABSENT, 1), written()),
        (CasOutcome::Unknown, 0)
    );
    store.trouble(Trouble::AnswerLost);
    assert_eq!(
        (write(&Version::ABSENT, 2), written()),
        (CasOutcome::Unknown, 2)
    );
    let version = store.read().unwrap().version;
    store.trouble(Trouble::Late);
    assert_eq!((write(&version, 3), written()), (CasOutcome::Unknown, 2));
    store.arrive();
    assert_eq!(written(), 3);
    // A late write whose place was taken changes nothing.
    let version = store.read().unwrap().version;
    store.trouble(Trouble::Late);
    assert_eq!(write(&version, 4), CasOutcome::Unknown);
    assert!(matches!(write(&version, 5), CasOutcome::Applied(_)));
    store.arrive();
    assert_eq!(written(), 5);
    let version = store.read().unwrap().version;
    store.trouble(Trouble::Overtaken);
    assert_eq!((write(&version, 6), written()), (CasOutcome::Conflict, 5));
    assert_ne!(store.read().unwrap().version, version);
    store.cut_off(true);
    assert!(matches!(store.read(), Err(ReadError::Unreachable(_))));
    assert_eq!(write(&version, 7), CasOutcome::Unknown);
    store.cut_off(false);
    assert_eq!(written(), 5);
}

#[test]
fn lost_and_late_answers_are_resolved_by_the_nonce() {
    let store = FakeCoordinator::default();
    assert!(matches!(
        store.cas(&Version::ABSENT, &by(0, 1, &record())),
        CasOutcome::Applied(_)
    ));
    for trouble in [
        Trouble::Lost,
        Trouble::AnswerLost,
        Trouble::Late,
        Trouble::Overtaken,
    ] {
        let before = store.read().unwrap().record.unwrap().epoch.0;
        store.trouble(trouble);
        contract::raise_epoch(&store, 1, u64::from(before) + 1);
        store.arrive();
        assert_eq!(
            store.read().unwrap().record.unwrap().epoch.0,
            before + 1,
            "{trouble:?}"
        );
    }
}
