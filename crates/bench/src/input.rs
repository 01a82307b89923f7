//! A read buffer that hardly ever moves bytes.

use std::io::{self, Read};

/// Bytes read and not yet taken, at a stretch.
#[derive(Debug)]
pub(crate) struct Input {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

/// How a read went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fill {
    Some,
    /// The socket has no more for now.
    Dry,
    /// The peer has closed.
    End,
}

impl Input {
    /// Holds at most `capacity` bytes: more than the longest thing that must be in it as a whole.
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            bytes: vec![0; capacity],
            start: 0,
            end: 0,
        }
    }

    /// Starts with bytes that were read before.
    pub(crate) fn with_rest(capacity: usize, rest: &[u8]) -> Self {
        let mut input = Self::new(capacity.max(rest.len()));
        input.bytes[..rest.len()].copy_from_slice(rest);
        input.end = rest.len();
        input
    }

    /// One read. The rest moves to the front only when less than a quarter of the room is left.
    pub(crate) fn fill(&mut self, mut socket: impl Read) -> io::Result<Fill> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.bytes.len() - self.end < self.bytes.len() / 4 {
            self.bytes.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        match socket.read(&mut self.bytes[self.end..]) {
            Ok(0) => Ok(Fill::End),
            Ok(count) => {
                self.end += count;
                Ok(Fill::Some)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Fill::Dry),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(Fill::Dry),
            Err(error) => Err(error),
        }
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// Takes bytes off the front.
    pub(crate) fn advance(&mut self, count: usize) {
        self.start += count;
        debug_assert!(self.start <= self.end, "took more than there was");
    }
}
