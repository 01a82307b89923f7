//! What became of every message, and whether a broker kept its word: confirmed ⊆ delivered ⊆ sent.
//!
//! Publishers, consumers and the one who drains the queue at the end write into one ledger, over
//! any number of crashes. A message is its publisher and a number that rises with each publish.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result, ensure};

/// One message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct MessageId {
    /// Who sent it.
    pub publisher: u32,
    /// Which of his.
    pub number: u32,
}

/// Everything that happened.
#[derive(Debug, Default)]
pub struct Ledger(Mutex<Book>);

#[derive(Debug, Default)]
struct Book {
    /// How many each publisher sent.
    sent: BTreeMap<u32, u32>,
    confirmed: BTreeSet<MessageId>,
    delivered: BTreeSet<MessageId>,
    /// What no end can make good.
    wrong: Vec<String>,
}

/// What one consumer got on one connection, in which order.
#[derive(Debug, Default)]
pub struct Stream {
    last: BTreeMap<u32, u32>,
}

impl MessageId {
    /// The body that carries it, filled up to a size that differs from message to message.
    pub fn body(self) -> Vec<u8> {
        let mut body = self.publisher.to_be_bytes().to_vec();
        body.extend(self.number.to_be_bytes());
        body.resize(8 + (self.number as usize * 37) % 1500, b'.');
        body
    }

    /// The message with this body, which must have come back whole.
    pub fn of(body: &[u8]) -> Result<Self> {
        let words = body
            .first_chunk::<8>()
            .context("a body of less than 8 bytes")?;
        let [p0, p1, p2, p3, n0, n1, n2, n3] = *words;
        let id = Self {
            publisher: u32::from_be_bytes([p0, p1, p2, p3]),
            number: u32::from_be_bytes([n0, n1, n2, n3]),
        };
        ensure!(id.body() == body, "{id} came back with another body");
        Ok(id)
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "message {} of publisher {}", self.number, self.publisher)
    }
}

impl Ledger {
    /// Takes note that the publisher sends one more, and says which.
    pub fn send(&self, publisher: u32) -> MessageId {
        let mut book = self.book();
        let count = book.sent.entry(publisher).or_default();
        let number = *count;
        *count += 1;
        MessageId { publisher, number }
    }

    /// The broker says that it is safe.
    pub fn confirm(&self, id: MessageId) {
        self.book().confirmed.insert(id);
    }

    /// A consumer got it. The first deliveries of one stream come in the publisher's order; what
    /// comes again says so.
    pub fn deliver(&self, stream: &mut Stream, id: MessageId, redelivered: bool) {
        let mut book = self.book();
        if !book.delivered.insert(id) && !redelivered {
            book.wrong
                .push(format!("{id} came twice and was not marked"));
        }
        let before = stream.last.insert(id.publisher, id.number);
        if before.is_some_and(|before| before >= id.number) {
            book.wrong
                .push(format!("{id} came out of order, after {before:?}"));
        }
    }

    /// How many were confirmed so far.
    pub fn confirmed(&self) -> usize {
        self.book().confirmed.len()
    }

    /// How many different ones were delivered so far.
    pub fn delivered(&self) -> usize {
        self.book().delivered.len()
    }

    /// Whether the broker kept its word, now that its queue was drained to the end.
    pub fn check(&self) -> Result<()> {
        let book = self.book();
        ensure!(book.wrong.is_empty(), "{}", listed(book.wrong.iter()));
        let lost: Vec<_> = book.confirmed.difference(&book.delivered).collect();
        ensure!(
            lost.is_empty(),
            "confirmed and lost: {}",
            listed(lost.iter())
        );
        let sent = |id: &&MessageId| book.sent.get(&id.publisher).is_some_and(|n| id.number < *n);
        let invented: Vec<_> = book.delivered.iter().filter(|id| !sent(id)).collect();
        ensure!(
            invented.is_empty(),
            "never sent: {}",
            listed(invented.iter())
        );
        Ok(())
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The number of things and the first few.
fn listed<T: fmt::Display>(things: impl ExactSizeIterator<Item = T>) -> String {
    let count = things.len();
    let first: Vec<_> = things.take(5).map(|thing| thing.to_string()).collect();
    format!("{count}: {}", first.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two messages sent, the first confirmed.
    fn two() -> (Ledger, [MessageId; 2]) {
        let ledger = Ledger::default();
        let ids = [ledger.send(1), ledger.send(1)];
        ledger.confirm(ids[0]);
        (ledger, ids)
    }

    fn refused(ledger: &Ledger, word: &str) {
        let error = ledger.check().unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    }

    #[test]
    fn what_was_not_confirmed_may_come_or_not() {
        let (ledger, [first, second]) = two();
        let mut stream = Stream::default();
        ledger.deliver(&mut stream, first, false);
        ledger.check().unwrap();
        ledger.deliver(&mut stream, second, false);
        ledger.check().unwrap();
    }

    #[test]
    fn a_lost_confirmed_message_is_seen() {
        let (ledger, [_, second]) = two();
        ledger.deliver(&mut Stream::default(), second, false);
        refused(&ledger, "confirmed and lost: 1: message 0 of publisher 1");
    }

    #[test]
    fn a_message_that_nobody_sent_is_seen() {
        let (ledger, [first, _]) = two();
        let mut stream = Stream::default();
        ledger.deliver(&mut stream, first, false);
        let (publisher, number) = (1, 2);
        ledger.deliver(&mut stream, MessageId { publisher, number }, false);
        refused(&ledger, "never sent");
    }

    #[test]
    fn order_and_repetition_are_seen() {
        let (ledger, [first, second]) = two();
        let mut stream = Stream::default();
        ledger.deliver(&mut stream, second, false);
        ledger.deliver(&mut stream, first, true);
        refused(&ledger, "out of order");
        let (ledger, [first, _]) = two();
        ledger.deliver(&mut Stream::default(), first, false);
        ledger.deliver(&mut Stream::default(), first, true);
        ledger.check().unwrap();
        ledger.deliver(&mut Stream::default(), first, false);
        refused(&ledger, "twice");
    }

    #[test]
    fn a_body_that_was_changed_is_seen() {
        let (_, [_, second]) = two();
        let mut body = second.body();
        assert_eq!(MessageId::of(&body).unwrap(), second);
        body.pop();
        MessageId::of(&body).unwrap_err();
    }
}
