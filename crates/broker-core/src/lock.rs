//! Taking locks. A panic while a lock is held is isolated to its connection, so a poisoned lock is
//! taken as it is: every critical section leaves its data usable at each step.
//!
//! # Lock order
//!
//! A thread may take a lock only below those it holds:
//!
//! 1. `Broker::upkeep` and the right to empty the list of dead letters, only ever tried;
//! 2. `Broker::changes`: one change of definitions at a time;
//! 3. an attachment's own state, never held by who is about to change definitions;
//! 4. `Broker::vhosts`, then a virtual host's topology, then `Broker::users`, no two at once where it
//!    can be helped; a publisher keeps the topology, to read, until the queues have its messages;
//! 5. the turns of streams (`broker::streams`), in the order of their numbers: held until a message for
//!    them is in the journal's buffer;
//! 6. one queue's state; never two queues at once; messages are read back from the journal under it;
//! 7. the leaves, which take nothing else: a queue's standing, outbox, journal buffer, memory account (its stripes in
//!    their order), timers, dead letters, debts to the journal, logins of late, the lists of connections,
//!    of watchers, of abandoned queues and of queues awaiting a
//!    commit. A wake is called under any of these and must not come back into the broker.

use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}
