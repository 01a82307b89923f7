//! What a session has to say, on its way to the socket.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf, Bytes, BytesMut};

/// Bytes in order, most of them in one buffer; large bodies are between them without having been
/// copied there. Read it as the [`Buf`] that it is: vectored writes send everything as it lies.
#[derive(Debug, Default)]
pub struct Output {
    buffer: BytesMut,
    /// Bytes of the buffer that were read since the output was last empty.
    read: usize,
    /// Bodies, each with the number of the buffer's bytes that stand before it, those read included.
    bodies: VecDeque<(usize, Bytes)>,
    bodies_bytes: usize,
}

impl Output {
    /// Bytes that wait.
    pub fn len(&self) -> usize {
        self.buffer.len() + self.bodies_bytes
    }

    /// Nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where to append bytes. Exchange it for another only while the output is empty.
    pub fn buffer(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// Appends a body as it is.
    pub fn attach(&mut self, body: Bytes) {
        if !body.is_empty() {
            self.bodies_bytes += body.len();
            let place = self.read + self.buffer.len();
            self.bodies.push_back((place, body));
        }
    }

    /// Bytes of the buffer before the first body.
    fn first_run(&self) -> usize {
        let first = self.bodies.front();
        first.map_or(self.buffer.len(), |(place, _)| place - self.read)
    }
}

impl Buf for Output {
    fn remaining(&self) -> usize {
        self.len()
    }

    fn chunk(&self) -> &[u8] {
        match (self.first_run(), self.bodies.front()) {
            (0, Some((_, body))) => body,
            (run, _) => &self.buffer[..run],
        }
    }

    fn advance(&mut self, mut count: usize) {
        while count > 0 {
            let run = self.first_run();
            if run > 0 {
                let taken = run.min(count);
                self.buffer.advance(taken);
                self.read += taken;
                count -= taken;
                continue;
            }
            let (_, body) = self.bodies.front_mut().expect("as much was there");
            let taken = body.len().min(count);
            body.advance(taken);
            self.bodies_bytes -= taken;
            count -= taken;
            if body.is_empty() {
                self.bodies.pop_front();
            }
        }
        if self.is_empty() {
            self.read = 0;
        }
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let mut place = 0;
        let pairs = self.bodies.iter().flat_map(|(before, body)| {
            let run = place..before - self.read;
            place = run.end;
            [&self.buffer[run], &body[..]]
        });
        let last = self.bodies.back();
        let last = last.map_or(0, |(before, _)| before - self.read);
        let chunks = pairs.chain([&self.buffer[last..]]);
        let chunks = chunks.filter(|chunk| !chunk.is_empty());
        let mut used = 0;
        for (slice, chunk) in slices.iter_mut().zip(chunks) {
            *slice = IoSlice::new(chunk);
            used += 1;
        }
        used
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn vectored(output: &Output, most: usize) -> Vec<u8> {
        let mut slices = vec![IoSlice::new(&[]); most];
        let used = output.chunks_vectored(&mut slices);
        slices[..used]
            .iter()
            .flat_map(|it| it.iter().copied())
            .collect()
    }

    proptest! {
        /// Everything comes out as it went in, however it is cut.
        #[test]
        fn order_is_kept(
            pieces in prop::collection::vec((any::<bool>(), 1..20usize), 0..30),
            cuts in prop::collection::vec((1..40usize, 1..8usize), 1..60),
        ) {
            let (mut output, mut model) = (Output::default(), Vec::new());
            let mut cuts = cuts.into_iter().cycle();
            for (number, (attached, len)) in pieces.into_iter().enumerate() {
                let piece = vec![number as u8; len];
                model.extend_from_slice(&piece);
                if attached {
                    output.attach(piece.into());
                } else {
                    output.buffer().extend_from_slice(&piece);
                }
                if number % 3 == 2 {
                    read(&mut output, &mut model, cuts.next());
                }
            }
            while !output.is_empty() {
                read(&mut output, &mut model, cuts.next());
            }
            prop_assert!(model.is_empty());
        }
    }

    /// Takes some bytes off both and compares them.
    fn read(output: &mut Output, model: &mut Vec<u8>, cut: Option<(usize, usize)>) {
        let (count, slices) = cut.unwrap_or((1, 1));
        assert_eq!(output.remaining(), model.len());
        assert!(model.starts_with(output.chunk()));
        let seen = vectored(output, slices);
        assert!(model.starts_with(&seen) && seen.is_empty() == model.is_empty());
        let count = count.min(model.len());
        output.advance(count);
        model.drain(..count);
    }
}
