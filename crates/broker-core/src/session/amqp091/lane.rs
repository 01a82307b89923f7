//! The ordered output of one channel.

use std::collections::VecDeque;

use bytes::BytesMut;

use crate::journal::Lsn;

/// Holds frames back while the first of them waits for the journal, and all behind it, so that a
/// channel's output never changes its order. Empty nearly always: then frames go straight out.
#[derive(Debug, Default)]
pub(super) struct Lane {
    held: VecDeque<Held>,
    bytes: BytesMut,
}

/// A run of frames that may leave together.
#[derive(Debug)]
struct Held {
    after: Lsn,
    len: usize,
}

impl Lane {
    /// Sends what `write` appends, not before `durable` has reached `after`.
    pub(super) fn send(
        &mut self,
        after: Lsn,
        durable: Lsn,
        out: &mut BytesMut,
        write: impl FnOnce(&mut BytesMut),
    ) {
        if self.held.is_empty() && after <= durable {
            return write(out);
        }
        let start = self.bytes.len();
        write(&mut self.bytes);
        let len = self.bytes.len() - start;
        match self.held.back_mut() {
            Some(last) if after <= last.after => last.len += len,
            _ => self.held.push_back(Held { after, len }),
        }
    }

    /// Nothing is held back.
    pub(super) fn is_clear(&self) -> bool {
        self.held.is_empty()
    }

    /// Moves to `out` what no longer has to wait.
    pub(super) fn release(&mut self, durable: Lsn, out: &mut BytesMut) {
        while let Some(first) = self.held.front()
            && first.after <= durable
        {
            out.extend_from_slice(&self.bytes.split_to(first.len));
            self.held.pop_front();
        }
        if self.held.is_empty() {
            self.bytes = BytesMut::new();
        }
    }

    /// Position the first frame waits for, if any waits.
    pub(super) fn waits_for(&self) -> Option<Lsn> {
        self.held.front().map(|first| first.after)
    }

    /// Bytes held back.
    pub(super) fn held_bytes(&self) -> usize {
        self.bytes.len()
    }
}

#[cfg(test)]
mod tests {
    use bytes::BufMut;

    use super::*;

    #[test]
    fn frames_behind_a_held_one_wait_too() {
        let (mut lane, mut out) = (Lane::default(), BytesMut::new());
        let send = |lane: &mut Lane, out: &mut BytesMut, after, byte| {
            lane.send(Lsn(after), Lsn(5), out, |out| out.put_u8(byte));
        };
        send(&mut lane, &mut out, 0, b'a');
        send(&mut lane, &mut out, 7, b'b');
        send(&mut lane, &mut out, 0, b'c');
        send(&mut lane, &mut out, 9, b'd');
        send(&mut lane, &mut out, 8, b'e');
        assert_eq!((&out[..], lane.held_bytes()), (&b"a"[..], 4));
        lane.release(Lsn(6), &mut out);
        assert_eq!((&out[..], lane.waits_for()), (&b"a"[..], Some(Lsn(7))));
        lane.release(Lsn(7), &mut out);
        assert_eq!((&out[..], lane.waits_for()), (&b"abc"[..], Some(Lsn(9))));
        lane.release(Lsn(9), &mut out);
        assert_eq!((&out[..], lane.waits_for()), (&b"abcde"[..], None));
    }
}
