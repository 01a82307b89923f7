//! Reading and writing of the basic field types, with the packing of adjacent bits.

use bytes::{BufMut, BytesMut};

use super::error::DecodeError;
use super::table::Table;

/// A long string: bytes with a 32-bit length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LongStr<'a>(pub &'a [u8]);

/// Takes fields from the front of a payload.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
    /// Octet of packed bits being read, and the mask of the next bit; mask 0 = none open.
    bits: u8,
    mask: u8,
}

impl<'a> Reader<'a> {
    pub(super) fn new(payload: &'a [u8]) -> Self {
        Self {
            rest: payload,
            bits: 0,
            mask: 0,
        }
    }

    /// Everything not read yet.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The next `N` bytes.
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        self.mask = 0;
        let (head, rest) = self
            .rest
            .split_first_chunk::<N>()
            .ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(*head)
    }

    /// The next `len` bytes.
    pub(super) fn bytes(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        self.mask = 0;
        let (head, rest) = self
            .rest
            .split_at_checked(len)
            .ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(head)
    }

    pub(super) fn u8(&mut self) -> Result<u8, DecodeError> {
        self.array::<1>().map(|[octet]| octet)
    }

    pub(super) fn u16(&mut self) -> Result<u16, DecodeError> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, DecodeError> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, DecodeError> {
        self.array().map(u64::from_be_bytes)
    }

    pub(super) fn short_str(&mut self) -> Result<&'a str, DecodeError> {
        std::str::from_utf8(self.short_bytes()?).map_err(|_| DecodeError::BadText)
    }

    /// A short string that is only carried along: any bytes, whatever the specification says.
    pub(super) fn short_bytes(&mut self) -> Result<&'a [u8], DecodeError> {
        let len = self.u8()?;
        self.bytes(usize::from(len))
    }

    pub(super) fn long_str(&mut self) -> Result<&'a [u8], DecodeError> {
        let len = self.u32()?;
        self.bytes(len as usize)
    }

    fn bit(&mut self) -> Result<bool, DecodeError> {
        if self.mask == 0 {
            self.bits = self.u8()?;
            self.mask = 1;
        }
        let set = self.bits & self.mask != 0;
        self.mask <<= 1; // The ninth bit shifts the mask out and opens a new octet.
        Ok(set)
    }

    /// Fails when fields are left over.
    pub(super) fn finish(self) -> Result<(), DecodeError> {
        match self.rest.len() {
            0 => Ok(()),
            count => Err(DecodeError::Trailing { count }),
        }
    }
}

/// Appends fields to a buffer.
#[derive(Debug)]
pub(super) struct Writer<'b> {
    out: &'b mut BytesMut,
    /// Mask of the next packed bit in the last octet written; 0 = none open.
    mask: u8,
}

impl<'b> Writer<'b> {
    pub(super) fn new(out: &'b mut BytesMut) -> Self {
        Self { out, mask: 0 }
    }

    fn open(&mut self) -> &mut BytesMut {
        self.mask = 0;
        self.out
    }

    fn bit(&mut self, set: bool) {
        if self.mask == 0 {
            self.out.put_u8(0);
            self.mask = 1;
        }
        if set && let Some(last) = self.out.last_mut() {
            *last |= self.mask;
        }
        self.mask <<= 1;
    }
}

/// Writes a short string; what exceeds 255 bytes is cut at a character's border. Names never do,
/// since they came in short strings; texts for people may.
pub(super) fn put_short_str(out: &mut BytesMut, text: &str) {
    let len = text.floor_char_boundary(usize::from(u8::MAX));
    put_short_bytes(out, &text.as_bytes()[..len]);
}

/// Writes a short string of any bytes, cut at 255.
pub(super) fn put_short_bytes(out: &mut BytesMut, bytes: &[u8]) {
    let len = bytes.len().min(usize::from(u8::MAX));
    // A cast that cannot lose: the length is at most 255.
    out.put_u8(len as u8);
    out.put_slice(&bytes[..len]);
}

/// Writes a long string. Lengths are bounded by the frame size, far below 2³².
pub(super) fn put_long_str(out: &mut BytesMut, bytes: &[u8]) {
    out.put_u32(bytes.len() as u32);
    out.put_slice(bytes);
}

/// A type that can be a method's field.
pub(super) trait Field<'a>: Sized {
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError>;
    fn write(&self, writer: &mut Writer<'_>);
}

impl<'a> Field<'a> for bool {
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        reader.bit()
    }
    fn write(&self, writer: &mut Writer<'_>) {
        writer.bit(*self);
    }
}

impl<'a> Field<'a> for u8 {
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        reader.u8()
    }
    fn write(&self, writer: &mut Writer<'_>) {
        writer.open().put_u8(*self);
    }
}

impl<'a> Field<'a> for u16 {
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        reader.u16()
    }
    fn write(&self, writer: &mut Writer<'_>) {
        writer.open().put_u16(*self);
    }
}

impl<'a> Field<'a> for u32 {
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        reader.u32()
    }
    fn write(&self, writer: &mut Writer<'_>) {
        writer.open().put_u32(*self);
    }
}

impl<'a> Field<'a> for u64 {
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        reader.u64()
    }
    fn write(&self, writer: &mut Writer<'_>) {
        writer.open().put_u64(*self);
    }
}

impl<'a> Field<'a> for &'a str {
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        reader.short_str()
    }
    fn write(&self, writer: &mut Writer<'_>) {
        put_short_str(writer.open(), self);
    }
}

impl<'a> Field<'a> for LongStr<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        reader.long_str().map(Self)
    }
    fn write(&self, writer: &mut Writer<'_>) {
        put_long_str(writer.open(), self.0);
    }
}

impl<'a> Field<'a> for Table<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Table::parse(reader.long_str()?)
    }
    fn write(&self, writer: &mut Writer<'_>) {
        put_long_str(writer.open(), self.as_bytes());
    }
}
