//! The primitives of the encoding. Reading trusts nothing: a length counts only as far as the bytes
//! are there, and nothing is allocated by a claimed count.

/// Bytes that are no record of ours; the journal's checksum was right, so this is a bug or a newer
/// version's work, never a torn write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Malformed(pub(crate) &'static str);

/// Most bytes of a varint that holds 64 bits.
const VARINT_BYTES: usize = 10;

pub(super) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub(super) fn put_blob(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

pub(super) fn put_str(out: &mut Vec<u8>, text: &str) {
    put_blob(out, text.as_bytes());
}

/// What is left to read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// A payload whose version this program knows.
    pub(super) fn versioned(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Self::new(bytes);
        match reader.u8()? {
            super::VERSION => Ok(reader),
            _ => Err(Malformed("a record layout of a newer version")),
        }
    }

    pub(super) fn u8(&mut self) -> Result<u8, Malformed> {
        let (&byte, rest) = self
            .rest
            .split_first()
            .ok_or(Malformed("record ends early"))?;
        self.rest = rest;
        Ok(byte)
    }

    pub(super) fn bool(&mut self) -> Result<bool, Malformed> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Malformed("a truth value is neither 0 nor 1")),
        }
    }

    pub(super) fn varint(&mut self) -> Result<u64, Malformed> {
        // Most are short.
        match *self.rest {
            [byte @ ..0x80, ref rest @ ..] => {
                self.rest = rest;
                Ok(byte.into())
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0u64;
        for (index, byte) in self.rest.iter().take(VARINT_BYTES).enumerate() {
            let bits = u64::from(byte & 0x7f);
            if index == VARINT_BYTES - 1 && bits > 1 {
                break;
            }
            value |= bits << (7 * index);
            if byte & 0x80 == 0 {
                self.rest = &self.rest[index + 1..];
                return Ok(value);
            }
        }
        Err(Malformed(if self.rest.len() < VARINT_BYTES {
            "record ends early"
        } else {
            "an integer exceeds 64 bits"
        }))
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (array, rest) = self
            .rest
            .split_first_chunk()
            .ok_or(Malformed("record ends early"))?;
        self.rest = rest;
        Ok(*array)
    }

    pub(super) fn blob(&mut self) -> Result<&'a [u8], Malformed> {
        let length = usize::try_from(self.varint()?).unwrap_or(usize::MAX);
        let (bytes, rest) = self
            .rest
            .split_at_checked(length)
            .ok_or(Malformed("record ends early"))?;
        self.rest = rest;
        Ok(bytes)
    }

    pub(super) fn str(&mut self) -> Result<&'a str, Malformed> {
        std::str::from_utf8(self.blob()?).map_err(|_| Malformed("text is not UTF-8"))
    }

    pub(super) fn string(&mut self) -> Result<String, Malformed> {
        self.str().map(str::to_owned)
    }

    /// Everything that is left.
    pub(super) fn rest(self) -> &'a [u8] {
        self.rest
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Nothing may be left.
    pub(super) fn end(self) -> Result<(), Malformed> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(Malformed("record goes on after its end"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_round_trip_at_their_edges() {
        for value in [
            0,
            1,
            0x7f,
            0x80,
            0x3fff,
            0x4000,
            u64::from(u32::MAX),
            u64::MAX,
        ] {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            let mut reader = Reader::new(&out);
            assert_eq!(reader.varint(), Ok(value));
            assert_eq!(reader.end(), Ok(()));
        }
    }

    #[test]
    fn lengths_count_only_as_far_as_the_bytes_are_there() {
        assert!(Reader::new(&[0xff; 9]).varint().is_err());
        assert!(Reader::new(&[0xff; 20]).varint().is_err());
        assert!(
            Reader::new(&[0xff, 0xff, 0xff, 0xff, 0x7f, 1, 2])
                .blob()
                .is_err()
        );
        assert!(Reader::new(&[2, b'a']).str().is_err());
        assert!(Reader::new(&[1, 0xff]).str().is_err());
        assert!(Reader::new(&[]).u8().is_err());
        assert!(Reader::new(&[2]).bool().is_err());
    }
}
