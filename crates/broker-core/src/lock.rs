//! Taking locks. A panic while a lock is held is isolated to its connection, so a poisoned lock is
//! taken as it is: every critical section leaves its data usable at each step.
//!
//! # Lock order
//!
//! A thread may take a lock only below those it holds:
//!
//! 1. `Broker::changes`: one change of definitions at a time;
//! 2. `Broker::users`, then `Broker::vhosts`, then a virtual host's topology;
//! 3. one queue's state; never two queues at once;
//! 4. the leaves, which take nothing else: outbox, journal buffer, memory account, the lists of
//!    connections and of queues awaiting a commit.
//!
//! An attachment's own state comes before 3 and after nothing: it is never held across a call that
//! changes definitions.

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
