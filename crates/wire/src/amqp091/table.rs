//! Field tables, read in place.
//!
//! ```text
//! table = length:u32 { name:short-string  tag:u8  value }…
//! list  = length:u32 { tag:u8  value }…
//! ```
//!
//! Names are bytes, as the texts are: who gives them a meaning checks that they are text. A
//! [`Table`] is checked once, when it is parsed; walking it afterwards allocates nothing and
//! cannot fail. That keeps a hostile table of a hundred thousand entries as small as it arrived.

use bytes::{BufMut, Bytes, BytesMut};

use super::error::DecodeError;
use super::primitive::{Reader, put_long_str, put_short_bytes};

/// Levels of nesting accepted; RabbitMQ had to add a bound after 580 levels in one frame.
pub const MAX_DEPTH: usize = 64;

/// A field table whose structure has been checked: the bytes behind its length.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Table<'a>(&'a [u8]);

/// A checked list of values: the bytes behind its length.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct List<'a>(&'a [u8]);

/// One value of a table or list; the comment is its tag.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// `t`
    Bool(bool),
    /// `b`
    I8(i8),
    /// `B`
    U8(u8),
    /// `s`, a short integer and not the specification's short string.
    I16(i16),
    /// `u`
    U16(u16),
    /// `I`
    I32(i32),
    /// `i`
    U32(u32),
    /// `l`, and `L` as the specification has it and py-amqp writes it.
    I64(i64),
    /// `f`
    F32(f32),
    /// `d`
    F64(f64),
    /// `D`: `digits / 10^scale`.
    Decimal {
        /// Digits behind the point.
        scale: u8,
        /// All digits with their sign.
        digits: i32,
    },
    /// `S`: text by habit, any bytes in fact.
    Text(&'a [u8]),
    /// `x`: bytes that are not text.
    Bytes(&'a [u8]),
    /// `A`
    List(List<'a>),
    /// `T`: seconds since 1970 UTC.
    Timestamp(u64),
    /// `F`
    Table(Table<'a>),
    /// `V`
    Void,
}

impl<'a> Table<'a> {
    /// Checks the bytes behind a table's length, including everything nested in it.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        check_table(bytes, 1)?;
        Ok(Self(bytes))
    }

    /// The bytes behind the length, as they came.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.0
    }

    /// Whether it has no entries.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All entries in their order; names may repeat.
    pub fn iter(&self) -> TableIter<'a> {
        TableIter(Reader::new(self.0))
    }

    /// The first value with this name.
    pub fn get(&self, name: &str) -> Option<Value<'a>> {
        self.iter()
            .find(|(found, _)| *found == name.as_bytes())
            .map(|(_, value)| value)
    }
}

impl<'a> List<'a> {
    /// All values in their order.
    pub fn iter(&self) -> ListIter<'a> {
        ListIter(Reader::new(self.0))
    }

    /// The bytes behind the length, as they came.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.0
    }
}

impl<'a> IntoIterator for Table<'a> {
    type Item = (&'a [u8], Value<'a>);
    type IntoIter = TableIter<'a>;
    fn into_iter(self) -> TableIter<'a> {
        self.iter()
    }
}

impl<'a> IntoIterator for List<'a> {
    type Item = Value<'a>;
    type IntoIter = ListIter<'a>;
    fn into_iter(self) -> ListIter<'a> {
        self.iter()
    }
}

impl std::fmt::Debug for Table<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let entries = self
            .iter()
            .map(|(name, value)| (String::from_utf8_lossy(name), value));
        f.debug_map().entries(entries).finish()
    }
}

impl std::fmt::Debug for List<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Entries of a [`Table`].
#[derive(Debug)]
pub struct TableIter<'a>(Reader<'a>);

impl<'a> Iterator for TableIter<'a> {
    type Item = (&'a [u8], Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        // The table was checked, so an error can only mean its end.
        let name = self.0.short_bytes().ok()?;
        let value = read_value(&mut self.0).ok()?;
        Some((name, value))
    }
}

/// Values of a [`List`].
#[derive(Debug)]
pub struct ListIter<'a>(Reader<'a>);

impl<'a> Iterator for ListIter<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Value<'a>> {
        read_value(&mut self.0).ok()
    }
}

fn check_table(bytes: &[u8], depth: usize) -> Result<(), DecodeError> {
    let mut reader = Reader::new(bytes);
    while !reader.rest().is_empty() {
        reader.short_bytes()?;
        check_value(read_value(&mut reader)?, depth)?;
    }
    Ok(())
}

/// Looks into a value that nests. `depth` is that of the table or list the value stands in.
fn check_value(value: Value<'_>, depth: usize) -> Result<(), DecodeError> {
    match value {
        Value::List(_) | Value::Table(_) if depth >= MAX_DEPTH => Err(DecodeError::TooDeep),
        Value::Table(Table(bytes)) => check_table(bytes, depth + 1),
        Value::List(List(bytes)) => {
            let mut reader = Reader::new(bytes);
            while !reader.rest().is_empty() {
                check_value(read_value(&mut reader)?, depth + 1)?;
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Reads tag and value; what is nested in it is not looked at.
fn read_value<'a>(reader: &mut Reader<'a>) -> Result<Value<'a>, DecodeError> {
    Ok(match reader.u8()? {
        b't' => Value::Bool(reader.u8()? != 0),
        b'b' => Value::I8(i8::from_be_bytes(reader.array()?)),
        b'B' => Value::U8(reader.u8()?),
        b's' => Value::I16(i16::from_be_bytes(reader.array()?)),
        b'u' => Value::U16(reader.u16()?),
        b'I' => Value::I32(i32::from_be_bytes(reader.array()?)),
        b'i' => Value::U32(reader.u32()?),
        b'l' | b'L' => Value::I64(i64::from_be_bytes(reader.array()?)),
        b'f' => Value::F32(f32::from_be_bytes(reader.array()?)),
        b'd' => Value::F64(f64::from_be_bytes(reader.array()?)),
        b'D' => {
            let scale = reader.u8()?;
            Value::Decimal {
                scale,
                digits: i32::from_be_bytes(reader.array()?),
            }
        }
        b'S' => Value::Text(reader.long_str()?),
        b'x' => Value::Bytes(reader.long_str()?),
        b'A' => Value::List(List(reader.long_str()?)),
        b'T' => Value::Timestamp(reader.u64()?),
        b'F' => Value::Table(Table(reader.long_str()?)),
        b'V' => Value::Void,
        tag => return Err(DecodeError::BadValueTag { tag }),
    })
}

fn put_value(out: &mut BytesMut, value: Value<'_>) {
    match value {
        Value::Bool(v) => out.put_slice(&[b't', u8::from(v)]),
        Value::I8(v) => put_tagged(out, b'b', &v.to_be_bytes()),
        Value::U8(v) => put_tagged(out, b'B', &[v]),
        Value::I16(v) => put_tagged(out, b's', &v.to_be_bytes()),
        Value::U16(v) => put_tagged(out, b'u', &v.to_be_bytes()),
        Value::I32(v) => put_tagged(out, b'I', &v.to_be_bytes()),
        Value::U32(v) => put_tagged(out, b'i', &v.to_be_bytes()),
        Value::I64(v) => put_tagged(out, b'l', &v.to_be_bytes()),
        Value::F32(v) => put_tagged(out, b'f', &v.to_be_bytes()),
        Value::F64(v) => put_tagged(out, b'd', &v.to_be_bytes()),
        Value::Decimal { scale, digits } => {
            put_tagged(out, b'D', &[scale]);
            out.put_i32(digits);
        }
        Value::Text(v) => put_long_tagged(out, b'S', v),
        Value::Bytes(v) => put_long_tagged(out, b'x', v),
        Value::List(v) => put_long_tagged(out, b'A', v.0),
        Value::Timestamp(v) => put_tagged(out, b'T', &v.to_be_bytes()),
        Value::Table(v) => put_long_tagged(out, b'F', v.0),
        Value::Void => out.put_u8(b'V'),
    }
}

fn put_tagged(out: &mut BytesMut, tag: u8, bytes: &[u8]) {
    out.put_u8(tag);
    out.put_slice(bytes);
}

fn put_long_tagged(out: &mut BytesMut, tag: u8, bytes: &[u8]) {
    out.put_u8(tag);
    put_long_str(out, bytes);
}

/// Writes a table, or a list: a list is what the values make without their names.
#[derive(Debug, Clone, Default)]
pub struct TableBuilder {
    bytes: BytesMut,
}

impl TableBuilder {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends an entry of a table.
    #[must_use]
    pub fn entry(mut self, name: impl AsRef<[u8]>, value: Value<'_>) -> Self {
        put_short_bytes(&mut self.bytes, name.as_ref());
        put_value(&mut self.bytes, value);
        self
    }

    /// Appends a text entry of a table.
    #[must_use]
    pub fn text(self, name: &str, text: &str) -> Self {
        self.entry(name, Value::Text(text.as_bytes()))
    }

    /// Appends a value of a list.
    #[must_use]
    pub fn item(mut self, value: Value<'_>) -> Self {
        put_value(&mut self.bytes, value);
        self
    }

    /// What was built with [`Self::entry`] and [`Self::text`].
    pub fn as_table(&self) -> Table<'_> {
        Table(&self.bytes)
    }

    /// What was built with [`Self::item`].
    pub fn as_list(&self) -> List<'_> {
        List(&self.bytes)
    }

    /// The bytes, without a length before them.
    pub fn into_bytes(self) -> Bytes {
        self.bytes.freeze()
    }
}
