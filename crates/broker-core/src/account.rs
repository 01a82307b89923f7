//! The account of messages: how much memory they take, and how far back in the journal the oldest
//! of them lies.
//!
//! Every message that sits in a queue has a [`Hold`], given back when the last reference to the
//! message goes. Journal positions are counted in buckets, so that neither the number of messages
//! nor the size of the journal makes an operation here expensive.
//!
//! A message is entered by its publisher's thread and leaves by its consumer's. If both counted in
//! the same place, or counted references to the account, they would take that cache line from each
//! other for every message: so each thread counts in a [`Stripe`] of its own, and an account lives as
//! long as the process, one for each time that a broker is opened. What a stripe says alone means
//! nothing: a message may be entered in one and leave by another, so only sums over all count.

use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use crate::journal::Lsn;
use crate::lock::lock;
use crate::outbox::{Outbox, Waiting};

/// The account of one broker.
#[derive(Debug)]
pub(crate) struct Account {
    stripes: [Stripe; STRIPES],
    limit_bytes: u64,
    /// Journal positions per bucket.
    bucket_bytes: u64,
    /// Publishers that wait for memory to become free.
    paused: Waiting,
    /// One of them has looked for room since the last was woken by a message that went.
    was_over: AtomicBool,
}

/// What some of the threads have entered less what they have let go, modulo 2^64; on a cache line
/// of its own, and its neighbour's, which processors fetch along with it.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Stripe {
    bytes: AtomicU64,
    live: Mutex<Live>,
}

/// Threads beyond this number share.
const STRIPES: usize = 8;

/// One message's entry in the account.
#[derive(Debug)]
pub(crate) struct Hold {
    account: &'static Account,
    bytes: u64,
    /// Bucket of its record plus one; 0 when no journal holds it.
    bucket: AtomicU64,
    /// Where its record begins; 0 while that is not known.
    record: AtomicU64,
}

/// Messages per bucket of the journal, modulo 2^64.
#[derive(Debug, Default)]
struct Live {
    /// Number of the first bucket in `buckets`.
    first: u64,
    buckets: VecDeque<Bucket>,
    total_bytes: u64,
}

#[derive(Debug, Default, Clone, Copy)]
struct Bucket {
    messages: u64,
    bytes: u64,
}

/// What a message weighs beside its contents: its own structure, queue entries, allocator.
pub(crate) const MESSAGE_BYTES: u64 = 256;

impl Account {
    /// An account that is never freed: about a kilobyte.
    pub(crate) fn new(limit_bytes: u64, bucket_bytes: u64) -> &'static Self {
        Box::leak(Box::new(Self {
            stripes: <[Stripe; STRIPES]>::default(),
            limit_bytes,
            bucket_bytes: bucket_bytes.max(1),
            paused: Waiting::default(),
            was_over: AtomicBool::new(false),
        }))
    }

    /// Enters a message of that size. `record` is a position at or below its record in the journal
    /// and must be entered *before* the record is appended: what the account does not know may be
    /// freed.
    pub(crate) fn hold(&'static self, size_bytes: usize, record: Option<Lsn>) -> Hold {
        let bytes = size_bytes as u64 + MESSAGE_BYTES;
        self.stripe().bytes.fetch_add(bytes, Ordering::Relaxed);
        let hold = Hold {
            account: self,
            bytes,
            bucket: AtomicU64::new(0),
            record: AtomicU64::new(0),
        };
        if let Some(record) = record {
            hold.enter(record);
        }
        hold
    }

    /// A message is in the journal alone, its record at that position.
    pub(crate) fn enter_record(&self, record: Lsn, size_bytes: u32) {
        let bucket = record.0 / self.bucket_bytes;
        lock(&self.stripe().live).enter(bucket, u64::from(size_bytes) + MESSAGE_BYTES);
    }

    /// The same for many, which must not use the account meanwhile.
    pub(crate) fn enter_records(&self, records: impl Iterator<Item = (Lsn, u32)>) {
        let mut live = lock(&self.stripe().live);
        for (record, size_bytes) in records {
            let bucket = record.0 / self.bucket_bytes;
            live.enter(bucket, u64::from(size_bytes) + MESSAGE_BYTES);
        }
    }

    /// It is not any more.
    pub(crate) fn leave_record(&self, record: Lsn, size_bytes: u32) {
        let bucket = record.0 / self.bucket_bytes;
        lock(&self.stripe().live).leave(bucket, u64::from(size_bytes) + MESSAGE_BYTES);
    }

    /// So much memory is taken by what is known of messages that are not in memory.
    pub(crate) fn weigh(&self, bytes: u64) {
        self.stripe().bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// It is not any more.
    pub(crate) fn unweigh(&self, bytes: u64) {
        self.stripe().bytes.fetch_sub(bytes, Ordering::SeqCst);
    }

    /// More than half of the memory is used: queues keep less of their messages.
    pub(crate) fn is_tight(&self) -> bool {
        self.bytes() > self.limit_bytes / 2
    }

    /// Bytes of all messages held.
    pub(crate) fn bytes(&self) -> u64 {
        let stripes = self.stripes.iter();
        let sum = stripes.fold(0, |sum: u64, stripe| {
            sum.wrapping_add(stripe.bytes.load(Ordering::SeqCst))
        });
        // Read one after the other while messages move, they may seem to hold less than nothing.
        if sum > u64::MAX / 2 { 0 } else { sum }
    }

    /// The calling thread's.
    fn stripe(&self) -> &Stripe {
        static THREADS: AtomicUsize = AtomicUsize::new(0);
        thread_local! {
            static THREAD: Cell<usize> = const { Cell::new(usize::MAX) };
        }
        let mut thread = THREAD.get();
        if thread == usize::MAX {
            thread = THREADS.fetch_add(1, Ordering::Relaxed) % STRIPES;
            THREAD.set(thread);
        }
        &self.stripes[thread % STRIPES]
    }

    /// The journal's side of all stripes at one moment: the only locks of a kind that are ever held
    /// together, always in this order.
    fn all_live(&self) -> [MutexGuard<'_, Live>; STRIPES] {
        self.stripes.each_ref().map(|stripe| lock(&stripe.live))
    }

    /// Bytes of the messages held that are in the journal.
    pub(crate) fn journaled_bytes(&self) -> u64 {
        let all = self.all_live();
        all.iter()
            .fold(0, |sum, live| sum.wrapping_add(live.total_bytes))
    }

    /// More is held than the limit allows.
    pub(crate) fn is_over(&self) -> bool {
        self.bytes() > self.limit_bytes
    }

    /// Twice as much is held as the limit allows: not even those may add who make room as well.
    pub(crate) fn is_far_over(&self) -> bool {
        self.bytes() > self.limit_bytes.saturating_mul(2)
    }

    /// A position at or below the record of every message held; none when no message is. Forgets
    /// the buckets before it.
    pub(crate) fn oldest(&self) -> Option<Lsn> {
        let mut all = self.all_live();
        let firsts = all.iter().filter(|live| !live.buckets.is_empty());
        let first = firsts.map(|live| live.first).min()?;
        let end = all.iter().map(|live| live.end()).max()?;
        let oldest = (first..end).find(|bucket| sum_of(&all, *bucket).messages > 0);
        for live in &mut all {
            live.forget_before(oldest.unwrap_or(end));
        }
        oldest.map(|bucket| Lsn(bucket * self.bucket_bytes))
    }

    /// The end of the bucket in which this position lies: up to there the account does not tell
    /// records apart.
    pub(crate) fn bucket_end(&self, lsn: Lsn) -> Lsn {
        Lsn(lsn.0.next_multiple_of(self.bucket_bytes))
    }

    /// Bytes of messages whose records lie below `lsn`.
    pub(crate) fn journaled_bytes_below(&self, lsn: Lsn) -> u64 {
        let all = self.all_live();
        let firsts = all.iter().filter(|live| !live.buckets.is_empty());
        let Some(first) = firsts.map(|live| live.first).min() else {
            return 0;
        };
        (first..lsn.0 / self.bucket_bytes)
            .map(|bucket| sum_of(&all, bucket).bytes)
            .sum()
    }

    /// Whether a publisher has to wait. If so its connection is woken once there is room again.
    pub(crate) fn pauses(&self, outbox: &Arc<Outbox>) -> bool {
        self.paused.wait_while(outbox, || {
            // Before the look: room that comes after it has somebody woken.
            self.was_over.store(true, Ordering::SeqCst);
            self.is_over()
        })
    }

    /// Wakes the next of those who wait, if there is room. Publishers call it, so that they are
    /// woken one by the other: if all were woken at once, each message that goes at the limit would
    /// send all of them running for the room of one.
    pub(crate) fn pass_on(&self) {
        if self.paused.is_empty() {
            return;
        }
        self.was_over.store(true, Ordering::SeqCst);
        if !self.is_over() {
            self.paused.wake_one();
        }
    }

    /// Forgets a connection that is gone. The word may have been its to pass on.
    pub(crate) fn leave(&self, outbox: &Arc<Outbox>) {
        self.paused.leave(outbox);
        self.pass_on();
    }
}

impl Hold {
    /// The message has a (new) record, which begins at this position. A record it had before counts
    /// until then, so a copy is entered after it was appended.
    pub(crate) fn move_to(&self, record: Lsn) {
        self.enter(record);
        self.record.store(record.0, Ordering::Release);
    }

    /// Bytes it weighs.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Where its record begins, if that is known.
    pub(crate) fn record(&self) -> Option<Lsn> {
        let record = self.record.load(Ordering::Acquire);
        (record > 0).then_some(Lsn(record))
    }

    /// Its record begins here, at or above where it was entered.
    pub(crate) fn set_record(&self, record: Lsn) {
        if self.bucket.load(Ordering::Relaxed) != record.0 / self.account.bucket_bytes + 1 {
            self.enter(record);
        }
        self.record.store(record.0, Ordering::Release);
    }

    /// Counts it at this position, and no longer where it counted before. In this order: at no
    /// moment it counts nowhere.
    fn enter(&self, record: Lsn) {
        let new = record.0 / self.account.bucket_bytes + 1;
        let mut live = lock(&self.account.stripe().live);
        live.enter(new - 1, self.bytes);
        let old = self.bucket.swap(new, Ordering::Relaxed);
        if old > 0 {
            live.leave(old - 1, self.bytes);
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let account = self.account;
        let stripe = account.stripe();
        let bucket = *self.bucket.get_mut();
        if bucket > 0 {
            lock(&stripe.live).leave(bucket - 1, self.bytes);
        }
        stripe.bytes.fetch_sub(self.bytes, Ordering::SeqCst);
        // All in one order with `Waiting::wait_while`: who waits is seen here, or sees the room.
        if !account.paused.is_empty()
            && !account.is_over()
            && account.was_over.swap(false, Ordering::SeqCst)
        {
            account.paused.wake_one();
        }
    }
}

impl Live {
    fn enter(&mut self, bucket: u64, bytes: u64) {
        let entry = self.bucket(bucket);
        entry.messages = entry.messages.wrapping_add(1);
        entry.bytes = entry.bytes.wrapping_add(bytes);
        self.total_bytes = self.total_bytes.wrapping_add(bytes);
    }

    fn leave(&mut self, bucket: u64, bytes: u64) {
        let entry = self.bucket(bucket);
        entry.messages = entry.messages.wrapping_sub(1);
        entry.bytes = entry.bytes.wrapping_sub(bytes);
        self.total_bytes = self.total_bytes.wrapping_sub(bytes);
    }

    fn bucket(&mut self, bucket: u64) -> &mut Bucket {
        if self.buckets.is_empty() {
            self.first = bucket;
        }
        // Records come nearly in order; one that comes late extends the front.
        while bucket < self.first {
            self.buckets.push_front(Bucket::default());
            self.first -= 1;
        }
        let offset = (bucket - self.first) as usize;
        if offset >= self.buckets.len() {
            self.buckets.resize(offset + 1, Bucket::default());
        }
        &mut self.buckets[offset]
    }

    /// Behind the last bucket.
    fn end(&self) -> u64 {
        self.first + self.buckets.len() as u64
    }

    fn forget_before(&mut self, bucket: u64) {
        let count = bucket
            .saturating_sub(self.first)
            .min(self.buckets.len() as u64);
        self.buckets.drain(..count as usize);
        self.first += count;
    }
}

/// What all stripes together have in a bucket.
fn sum_of(all: &[MutexGuard<'_, Live>; STRIPES], bucket: u64) -> Bucket {
    let of_each = all.iter().filter_map(|live| {
        let offset = bucket.checked_sub(live.first)?;
        live.buckets.get(offset as usize)
    });
    of_each.fold(Bucket::default(), |sum, of| Bucket {
        messages: sum.messages.wrapping_add(of.messages),
        bytes: sum.bytes.wrapping_add(of.bytes),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use super::*;
    use crate::outbox::Wake;

    const BUCKET_BYTES: u64 = 1 << 20;

    fn mib(count: u64) -> Lsn {
        Lsn(count * BUCKET_BYTES)
    }

    #[test]
    fn the_oldest_message_decides_what_may_be_freed() {
        let account = Account::new(u64::MAX, BUCKET_BYTES);
        assert_eq!(account.oldest(), None);
        let first = account.hold(10, Some(Lsn(3 * BUCKET_BYTES + 17)));
        let second = account.hold(10, Some(mib(9)));
        let late = account.hold(10, Some(mib(2)));
        let _transient = account.hold(10, None);
        assert_eq!(account.oldest(), Some(mib(2)));
        drop(late);
        assert_eq!(account.oldest(), Some(mib(3)));
        assert_eq!(account.journaled_bytes_below(mib(9)), 10 + MESSAGE_BYTES);
        first.move_to(mib(12));
        assert_eq!(account.oldest(), Some(mib(9)));
        drop(second);
        assert_eq!(account.oldest(), Some(mib(12)));
        assert_eq!(account.journaled_bytes(), 10 + MESSAGE_BYTES);
        drop(first);
        assert_eq!(account.oldest(), None);
        assert_eq!(account.bytes(), 10 + MESSAGE_BYTES);
    }

    #[test]
    fn memory_is_over_its_limit_until_a_message_goes() {
        let account = Account::new(1000, BUCKET_BYTES);
        let first = account.hold(600, None);
        assert!(!account.is_over());
        let _second = account.hold(600, None);
        assert!(account.is_over());
        drop(first);
        assert!(!account.is_over());
    }

    /// Each message is entered by one thread, moved by another and let go by a third.
    #[test]
    fn messages_that_go_from_thread_to_thread_are_counted_once() {
        const MESSAGES: u64 = 2000;
        let account = Account::new(u64::MAX, BUCKET_BYTES);
        let (moved_to, moves) = mpsc::channel::<Hold>();
        let (gone_to, goes) = mpsc::channel::<Hold>();
        let kept = thread::scope(|scope| {
            scope.spawn(move || {
                for number in 0..MESSAGES {
                    let hold = account.hold(100, Some(mib(number / 100)));
                    moved_to.send(hold).unwrap();
                    // It forgets nothing that another stripe has still to let go.
                    account.oldest();
                }
            });
            scope.spawn(move || {
                for (number, hold) in moves.into_iter().enumerate() {
                    if number % 2 == 0 {
                        hold.move_to(mib(1000 + number as u64 / 100));
                    }
                    gone_to.send(hold).unwrap();
                }
            });
            let last = scope.spawn(move || {
                let holds = goes.into_iter().enumerate();
                holds
                    .filter(|(number, _)| number % 200 == 0)
                    .collect::<Vec<_>>()
            });
            last.join().unwrap()
        });
        let bytes = kept.len() as u64 * (100 + MESSAGE_BYTES);
        assert_eq!((kept.len(), account.bytes()), (10, bytes));
        assert_eq!(account.journaled_bytes(), bytes);
        assert_eq!(account.oldest(), Some(mib(1000)));
        assert_eq!(account.journaled_bytes_below(mib(1000)), 0);
        assert_eq!(account.journaled_bytes_below(mib(2000)), bytes);
        drop(kept);
        assert_eq!((account.bytes(), account.journaled_bytes()), (0, 0));
        assert_eq!(account.oldest(), None);
    }

    #[derive(Debug)]
    struct Count(Arc<AtomicU64>);

    impl Wake for Count {
        fn wake(&self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn room_wakes_one_publisher_who_wakes_the_next() {
        let wakes = Arc::new(AtomicU64::new(0));
        let count = || wakes.load(Ordering::SeqCst);
        let outboxes: Vec<_> = (0..4)
            .map(|_| Arc::new(Outbox::new(Box::new(Count(Arc::clone(&wakes))), 1000)))
            .collect();
        let account = Account::new(16 * MESSAGE_BYTES, BUCKET_BYTES);
        let mut held: Vec<_> = (0..20).map(|_| account.hold(0, None)).collect();
        for outbox in outboxes.iter().chain(&outboxes) {
            assert!(account.pauses(outbox));
        }
        held.truncate(17);
        account.pass_on();
        assert_eq!(count(), 0, "there is no room yet");
        held.truncate(16);
        assert_eq!(count(), 1);
        // It fills the room again, and the next room is another's.
        held.push(account.hold(0, None));
        account.pass_on();
        assert_eq!(count(), 1);
        held.truncate(15);
        assert_eq!(count(), 2);
        // That one has nothing more to publish, and the third is gone before it could say so.
        account.pass_on();
        assert_eq!(count(), 3);
        account.leave(&outboxes[2]);
        assert_eq!(count(), 4);
        account.pass_on();
        assert_eq!(count(), 4, "nobody waits");
    }
}
