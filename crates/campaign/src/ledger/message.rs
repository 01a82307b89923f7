//! One message and the body that carries it.

use std::fmt;

/// A publisher, by its number in the campaign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublisherId(pub u16);

/// A message: who sent it and which of his, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct MessageId {
    /// Who sent it.
    pub publisher: PublisherId,
    /// Which of his.
    pub number: u64,
}

/// Publisher, number and the seed of the campaign, each big-endian.
const STAMP_BYTES: usize = 2 + 8 + 8;

impl MessageId {
    /// The body of this message in the campaign with this seed: a stamp, and a filling up to
    /// `bytes` that differs from message to message.
    pub fn body(self, seed: u64, bytes: usize) -> Vec<u8> {
        let mut body = Vec::with_capacity(bytes.max(STAMP_BYTES));
        body.extend(self.publisher.0.to_be_bytes());
        body.extend(self.number.to_be_bytes());
        body.extend(seed.to_be_bytes());
        body.resize(bytes.max(STAMP_BYTES), self.filling());
        body
    }

    /// The message with this body; `None` if the body is none of this campaign or was changed.
    pub fn of(body: &[u8], seed: u64) -> Option<Self> {
        let (publisher, rest) = body.split_first_chunk()?;
        let (number, rest) = rest.split_first_chunk()?;
        let (from, filling) = rest.split_first_chunk()?;
        let id = Self {
            publisher: PublisherId(u16::from_be_bytes(*publisher)),
            number: u64::from_be_bytes(*number),
        };
        let whole = filling.iter().all(|octet| *octet == id.filling());
        (whole && u64::from_be_bytes(*from) == seed).then_some(id)
    }

    fn filling(self) -> u8 {
        (self.number as u8).wrapping_mul(31) ^ self.publisher.0 as u8
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "message {} of publisher {}",
            self.number, self.publisher.0
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_tells_its_message_and_whether_it_was_changed() {
        let id = MessageId {
            publisher: PublisherId(3),
            number: 70_000,
        };
        for bytes in [0, 18, 19, 5000] {
            assert_eq!(MessageId::of(&id.body(7, bytes), 7), Some(id));
        }
        let mut body = id.body(7, 100);
        assert_eq!(MessageId::of(&body, 8), None, "of another campaign");
        assert_eq!(MessageId::of(&body[..17], 7), None, "cut off");
        body[60] ^= 1;
        assert_eq!(MessageId::of(&body, 7), None, "changed");
    }
}
