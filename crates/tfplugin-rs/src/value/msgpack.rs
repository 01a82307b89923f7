//! MessagePack, the form in which values travel.
//!
//! | value | encoding |
//! | --- | --- |
//! | null | nil |
//! | unknown | any extension; written as extension 0 with one zero byte |
//! | bool, string | bool, str |
//! | number | int if it fits 64 signed bits, else float if nothing is lost, else str in decimal |
//! | list, set, tuple | array |
//! | map | map with str keys |
//! | object | map with exactly the type's attributes |
//! | dynamic | array of the type's JSON as bin, and the value |
//!
//! Declared lengths are never trusted: no memory is set aside for more than has arrived.

use super::{Dynamic, MAX_DEPTH, Number, Object, ObjectType, Set, Type, Value};
use crate::counted::counted;
use crate::path::{AttributePath, Step};

/// Elements for which memory is set aside before they are read.
const RESERVED: usize = 256;

/// A value that cannot be read or written, and where in it the trouble is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{problem}", place(path))]
pub struct CodecError {
    /// Where in the value.
    pub path: AttributePath,
    /// What is wrong.
    pub problem: String,
}

fn place(path: &AttributePath) -> String {
    if path.is_root() {
        String::new()
    } else {
        format!("{path}: ")
    }
}

impl CodecError {
    pub(super) fn new(problem: impl Into<String>) -> Box<Self> {
        Box::new(Self {
            path: AttributePath::root(),
            problem: problem.into(),
        })
    }

    /// Adds a step from the inside out; [`CodecError::finish`] turns the path around.
    pub(super) fn within(mut self: Box<Self>, step: Step) -> Box<Self> {
        self.path.push(step);
        self
    }

    pub(super) fn finish(mut self) -> Self {
        self.path.reverse();
        self
    }
}

/// Boxed, so that every level of a value hands up few bytes.
pub(super) type Fallible<T> = Result<T, Box<CodecError>>;

/// Reads one value of type `ty` from all of `bytes`.
pub fn decode(bytes: &[u8], ty: &Type) -> Result<Value, CodecError> {
    let mut reader = Reader { rest: bytes };
    let value = reader.value(ty, 0).map_err(|error| error.finish())?;
    if reader.rest.is_empty() {
        Ok(value)
    } else {
        Err(CodecError::new(format!("{} too many", counted(reader.rest.len(), "byte"))).finish())
    }
}

/// Writes a value of type `ty`.
pub fn encode(value: &Value, ty: &Type) -> Result<Vec<u8>, CodecError> {
    let mut out = Vec::with_capacity(256);
    write(&mut out, value, ty).map_err(|error| error.finish())?;
    Ok(out)
}

struct Reader<'a> {
    rest: &'a [u8],
}

/// What stands before the bytes of a value.
enum Head<'a> {
    Nil,
    Bool(bool),
    Int(i64),
    UInt(u64),
    Float(f64),
    Str(&'a [u8]),
    Bin(&'a [u8]),
    Array(usize),
    Map(usize),
    Extension,
}

impl<'a> Reader<'a> {
    fn value(&mut self, ty: &Type, depth: usize) -> Fallible<Value> {
        // Types of dynamic values come from the other side, so their depth adds to ours.
        if depth > MAX_DEPTH {
            return Err(CodecError::new(format!(
                "nested more than {MAX_DEPTH} deep"
            )));
        }
        match ty {
            Type::Dynamic => return self.dynamic(depth + 1),
            Type::String => return self.string(),
            _ => {}
        }
        let head = match self.head()? {
            Head::Nil => return Ok(Value::Null),
            Head::Extension => return Ok(Value::Unknown),
            head => head,
        };
        match (ty, head) {
            (Type::Bool, Head::Bool(truth)) => Ok(Value::Bool(truth)),
            (Type::Number, head) => number(&head).map(Value::Number),
            (Type::List(element), Head::Array(len)) => {
                Ok(Value::List(self.elements(element, len, depth + 1)?))
            }
            (Type::Set(element), Head::Array(len)) => {
                let elements = self.elements(element, len, depth + 1)?;
                Ok(Value::Set(elements.into_iter().collect::<Set>()))
            }
            (Type::Map(element), Head::Map(len)) => self.map(element, len, depth + 1),
            (Type::Tuple(types), Head::Array(len)) => self.tuple(types, len, depth + 1),
            (Type::Object(object), Head::Map(len)) => self.object(object, len, depth + 1),
            (ty, head) => Err(CodecError::new(format!(
                "expected {ty}, found {}",
                head.kind()
            ))),
        }
    }

    /// A string, null or unknown. Most values are short strings, so those come first.
    fn string(&mut self) -> Fallible<Value> {
        if let [head @ 0xa0..=0xbf, rest @ ..] = self.rest
            && let Some((bytes, rest)) = rest.split_at_checked(usize::from(head & 0x1f))
        {
            self.rest = rest;
            return Ok(Value::from(text(bytes)?));
        }
        match self.head()? {
            Head::Nil => Ok(Value::Null),
            Head::Extension => Ok(Value::Unknown),
            Head::Str(bytes) => Ok(Value::from(text(bytes)?)),
            head => Err(CodecError::new(format!(
                "expected string, found {}",
                head.kind()
            ))),
        }
    }

    fn elements(&mut self, ty: &Type, len: usize, depth: usize) -> Fallible<Vec<Value>> {
        let mut elements = Vec::with_capacity(len.min(RESERVED));
        for index in 0..len {
            let element = self
                .value(ty, depth)
                .map_err(|error| error.within(Step::Index(index)))?;
            elements.push(element);
        }
        Ok(elements)
    }

    fn tuple(&mut self, types: &[Type], len: usize, depth: usize) -> Fallible<Value> {
        if len != types.len() {
            let expected = counted(types.len(), "element");
            return Err(CodecError::new(format!("expected {expected}, found {len}")));
        }
        types
            .iter()
            .enumerate()
            .map(|(i, ty)| {
                self.value(ty, depth)
                    .map_err(|error| error.within(Step::Index(i)))
            })
            .collect::<Result<_, _>>()
            .map(Value::Tuple)
    }

    fn map(&mut self, ty: &Type, len: usize, depth: usize) -> Fallible<Value> {
        let mut entries = Vec::with_capacity(len.min(RESERVED));
        for _ in 0..len {
            let key = self.key()?;
            let value = self
                .value(ty, depth)
                .map_err(|error| error.within(Step::Key(key.to_owned())))?;
            entries.push((key.into(), value));
        }
        Ok(Value::Map(entries.into()))
    }

    fn object(&mut self, ty: &ObjectType, len: usize, depth: usize) -> Fallible<Value> {
        // Terraform writes attributes in order of name, so the next one is mostly the right one.
        let mut values = Vec::with_capacity(ty.types().len());
        for _ in 0..len {
            match ty.names().at(values.len()) {
                Some(name) if self.accept_key(name) => {
                    values.push(self.attribute(ty, values.len(), name, depth)?);
                }
                _ => return self.object_in_any_order(ty, values, len, depth),
            }
        }
        match ty.names().at(values.len()) {
            None => Ok(Value::Object(Object::new(ty.names().clone(), values))),
            Some(missing) => Err(is_missing(missing)),
        }
    }

    /// Goes on when `values` have been read in the type's order and another key follows.
    fn object_in_any_order(
        &mut self,
        ty: &ObjectType,
        values: Vec<Value>,
        len: usize,
        depth: usize,
    ) -> Fallible<Value> {
        let read = values.len();
        let mut found: Vec<Option<Value>> = values.into_iter().map(Some).collect();
        found.resize_with(ty.types().len(), || None);
        for _ in read..len {
            let name = self.key()?;
            let index = ty.names().position(name).ok_or_else(|| {
                let name = excerpt(name);
                CodecError::new(format!("there is no attribute {name} in the schema"))
            })?;
            found[index] = Some(self.attribute(ty, index, name, depth)?);
        }
        let pairs = ty.names().iter().zip(found);
        let values = pairs.map(|(name, value)| value.ok_or_else(|| is_missing(name)));
        let values = values.collect::<Result<Vec<_>, _>>()?;
        Ok(Value::Object(Object::new(ty.names().clone(), values)))
    }

    fn attribute(
        &mut self,
        ty: &ObjectType,
        index: usize,
        name: &str,
        depth: usize,
    ) -> Fallible<Value> {
        self.value(&ty.types()[index], depth)
            .map_err(|error| error.within(Step::Attribute(name.to_owned())))
    }

    fn dynamic(&mut self, depth: usize) -> Fallible<Value> {
        match self.head()? {
            Head::Nil => Ok(Value::Null),
            Head::Extension => Ok(Value::Unknown),
            Head::Array(2) => {
                let ty = match self.head()? {
                    Head::Bin(bytes) | Head::Str(bytes) => Type::from_json_bytes(bytes)
                        .map_err(|error| CodecError::new(error.to_string()))?,
                    head => {
                        let kind = head.kind();
                        return Err(CodecError::new(format!("expected a type, found {kind}")));
                    }
                };
                let value = self.value(&ty, depth)?;
                Ok(Dynamic::new(ty, value).into())
            }
            head => Err(CodecError::new(format!(
                "expected a pair of type and value, found {}",
                head.kind()
            ))),
        }
    }

    /// Passes over the key `name` if that follows in its shortest form.
    fn accept_key(&mut self, name: &str) -> bool {
        let rest = match u8::try_from(name.len()) {
            Ok(short @ ..32) => self.rest.strip_prefix(&[0xa0 | short]),
            Ok(short) => self.rest.strip_prefix(&[0xd9, short]),
            Err(_) => None,
        };
        let rest = rest.and_then(|rest| rest.strip_prefix(name.as_bytes()));
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn key(&mut self) -> Fallible<&'a str> {
        match self.head()? {
            Head::Str(bytes) | Head::Bin(bytes) => text(bytes),
            head => Err(CodecError::new(format!(
                "expected a key, found {}",
                head.kind()
            ))),
        }
    }

    fn head(&mut self) -> Fallible<Head<'a>> {
        let [byte] = self.array()?;
        Ok(match byte {
            0x00..=0x7f => Head::Int(byte.into()),
            0x80..=0x8f => Head::Map(usize::from(byte & 0x0f)),
            0x90..=0x9f => Head::Array(usize::from(byte & 0x0f)),
            0xa0..=0xbf => Head::Str(self.take(usize::from(byte & 0x1f))?),
            0xc0 => Head::Nil,
            0xc1 => return Err(CodecError::new("the byte 0xc1 has no meaning")),
            0xc2 => Head::Bool(false),
            0xc3 => Head::Bool(true),
            0xc4..=0xc6 => {
                let len = self.length(byte - 0xc4)?;
                Head::Bin(self.take(len)?)
            }
            0xc7..=0xc9 => {
                let len = self.length(byte - 0xc7)?;
                self.extension(len)?
            }
            0xca => Head::Float(f32::from_be_bytes(self.array()?).into()),
            0xcb => Head::Float(f64::from_be_bytes(self.array()?)),
            0xcc => Head::Int(u8::from_be_bytes(self.array()?).into()),
            0xcd => Head::Int(u16::from_be_bytes(self.array()?).into()),
            0xce => Head::Int(u32::from_be_bytes(self.array()?).into()),
            0xcf => Head::UInt(u64::from_be_bytes(self.array()?)),
            0xd0 => Head::Int(i8::from_be_bytes(self.array()?).into()),
            0xd1 => Head::Int(i16::from_be_bytes(self.array()?).into()),
            0xd2 => Head::Int(i32::from_be_bytes(self.array()?).into()),
            0xd3 => Head::Int(i64::from_be_bytes(self.array()?)),
            0xd4..=0xd8 => self.extension(1 << (byte - 0xd4))?,
            0xd9..=0xdb => {
                let len = self.length(byte - 0xd9)?;
                Head::Str(self.take(len)?)
            }
            0xdc | 0xdd => Head::Array(self.length(byte - 0xdc + 1)?),
            0xde | 0xdf => Head::Map(self.length(byte - 0xde + 1)?),
            0xe0..=0xff => Head::Int(i8::from_be_bytes([byte]).into()),
        })
    }

    /// A length of 2^`width` bytes.
    fn length(&mut self, width: u8) -> Fallible<usize> {
        let length = match width {
            0 => u8::from_be_bytes(self.array()?).into(),
            1 => u16::from_be_bytes(self.array()?).into(),
            _ => u32::from_be_bytes(self.array()?),
        };
        usize::try_from(length).map_err(|_| ended())
    }

    /// Skips the type byte and the contents. Refinements say more about an unknown value than a
    /// provider needs, so every extension is just unknown.
    fn extension(&mut self, len: usize) -> Fallible<Head<'a>> {
        let [_kind] = self.array()?;
        self.take(len)?;
        Ok(Head::Extension)
    }

    fn take(&mut self, len: usize) -> Fallible<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or_else(ended)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Fallible<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or_else(ended)?;
        self.rest = rest;
        Ok(*taken)
    }
}

impl Head<'_> {
    fn kind(&self) -> &'static str {
        match self {
            Self::Nil => "null",
            Self::Bool(_) => "a bool",
            Self::Int(_) | Self::UInt(_) | Self::Float(_) => "a number",
            Self::Str(_) => "a string",
            Self::Bin(_) => "bytes",
            Self::Array(_) => "an array",
            Self::Map(_) => "a map",
            Self::Extension => "an unknown value",
        }
    }
}

fn is_missing(name: &str) -> Box<CodecError> {
    CodecError::new(format!("attribute {name:?} is missing"))
}

/// The beginning of an attribute's name, for messages. Values are never quoted: they may be secret.
pub(super) fn excerpt(text: &str) -> String {
    const LONGEST: usize = 40;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    }
}

fn ended() -> Box<CodecError> {
    CodecError::new("the value ends too early")
}

fn text(bytes: &[u8]) -> Fallible<&str> {
    std::str::from_utf8(bytes).map_err(|_| CodecError::new("text that is not UTF-8"))
}

fn number(head: &Head<'_>) -> Fallible<Number> {
    let parsed = match head {
        Head::Int(int) => Ok(Number::from(*int)),
        Head::UInt(int) => Ok(Number::from(*int)),
        Head::Float(float) => Number::from_exact_f64(*float),
        Head::Str(bytes) => text(bytes)?.parse(),
        other => {
            return Err(CodecError::new(format!(
                "expected number, found {}",
                other.kind()
            )));
        }
    };
    parsed.map_err(|error| CodecError::new(error.to_string()))
}

fn write(out: &mut Vec<u8>, value: &Value, ty: &Type) -> Fallible<()> {
    match (value, ty) {
        (Value::Null, _) => out.push(0xc0),
        (Value::Unknown, _) => out.extend([0xd4, 0, 0]),
        (Value::Bool(truth), Type::Bool) => out.push(0xc2 + u8::from(*truth)),
        (Value::String(text), Type::String) => write_text(out, text)?,
        (Value::Number(number), Type::Number) => write_number(out, number)?,
        (Value::List(elements), Type::List(ty)) => write_elements(out, elements, ty)?,
        (Value::Set(set), Type::Set(ty)) => write_elements(out, set.elements(), ty)?,
        (Value::Tuple(elements), Type::Tuple(types)) if elements.len() == types.len() => {
            write_length(out, elements.len(), 0x90, 0xdc)?;
            for (index, (element, ty)) in elements.iter().zip(types.iter()).enumerate() {
                write(out, element, ty).map_err(|error| error.within(Step::Index(index)))?;
            }
        }
        (Value::Map(entries), Type::Map(ty)) => {
            write_length(out, entries.len(), 0x80, 0xde)?;
            for (key, value) in entries {
                write_text(out, key)?;
                write(out, value, ty).map_err(|error| error.within(Step::Key(key.to_owned())))?;
            }
        }
        (Value::Object(object), Type::Object(ty)) if object.names() == ty.names() => {
            write_length(out, object.values().len(), 0x80, 0xde)?;
            for ((name, value), ty) in object.iter().zip(ty.types()) {
                write_text(out, name)?;
                write(out, value, ty)
                    .map_err(|error| error.within(Step::Attribute(name.to_owned())))?;
            }
        }
        (Value::Dynamic(dynamic), Type::Dynamic) => write_dynamic(out, dynamic)?,
        (value, ty) => {
            return Err(CodecError::new(format!(
                "{} where {ty} is needed",
                value.kind()
            )));
        }
    }
    Ok(())
}

fn write_elements(out: &mut Vec<u8>, elements: &[Value], ty: &Type) -> Fallible<()> {
    write_length(out, elements.len(), 0x90, 0xdc)?;
    for (index, element) in elements.iter().enumerate() {
        write(out, element, ty).map_err(|error| error.within(Step::Index(index)))?;
    }
    Ok(())
}

fn write_dynamic(out: &mut Vec<u8>, dynamic: &Dynamic) -> Fallible<()> {
    let ty = dynamic.ty().to_json_bytes();
    out.push(0x92);
    match u8::try_from(ty.len()) {
        Ok(len) => out.extend([0xc4, len]),
        Err(_) => {
            out.push(0xc6);
            out.extend(wire_length(ty.len())?.to_be_bytes());
        }
    }
    out.extend(ty);
    write(out, dynamic.value(), dynamic.ty())
}

fn write_text(out: &mut Vec<u8>, text: &str) -> Fallible<()> {
    let len = text.len();
    match (u8::try_from(len), u16::try_from(len)) {
        (Ok(short @ ..32), _) => out.push(0xa0 | short),
        (Ok(short), _) => out.extend([0xd9, short]),
        (_, Ok(medium)) => {
            out.push(0xda);
            out.extend(medium.to_be_bytes());
        }
        _ => {
            out.push(0xdb);
            out.extend(wire_length(len)?.to_be_bytes());
        }
    }
    out.extend(text.as_bytes());
    Ok(())
}

/// The head of an array or a map: `small` holds up to 15 in itself, `large` is followed by two
/// bytes and its successor by four.
fn write_length(out: &mut Vec<u8>, len: usize, small: u8, large: u8) -> Fallible<()> {
    match (u8::try_from(len), u16::try_from(len)) {
        (Ok(short @ ..16), _) => out.push(small | short),
        (_, Ok(medium)) => {
            out.push(large);
            out.extend(medium.to_be_bytes());
        }
        _ => {
            out.push(large + 1);
            out.extend(wire_length(len)?.to_be_bytes());
        }
    }
    Ok(())
}

fn wire_length(len: usize) -> Fallible<u32> {
    u32::try_from(len).map_err(|_| CodecError::new("longer than the wire format can say"))
}

fn write_number(out: &mut Vec<u8>, number: &Number) -> Fallible<()> {
    if let Some(int) = number.as_i64() {
        write_int(out, int);
    } else if let Some(float) = number.as_exact_f64() {
        out.push(0xcb);
        out.extend(float.to_be_bytes());
    } else {
        write_text(out, &number.to_string())?;
    }
    Ok(())
}

/// In the fewest bytes.
fn write_int(out: &mut Vec<u8>, int: i64) {
    let small = |out: &mut Vec<u8>, head: u8, bytes: &[u8]| {
        out.push(head);
        out.extend(bytes);
    };
    if let Ok(int) = u64::try_from(int) {
        match (u8::try_from(int), u16::try_from(int), u32::try_from(int)) {
            (Ok(int @ ..0x80), ..) => out.push(int),
            (Ok(int), ..) => small(out, 0xcc, &int.to_be_bytes()),
            (_, Ok(int), _) => small(out, 0xcd, &int.to_be_bytes()),
            (.., Ok(int)) => small(out, 0xce, &int.to_be_bytes()),
            _ => small(out, 0xcf, &int.to_be_bytes()),
        }
    } else {
        match (i8::try_from(int), i16::try_from(int), i32::try_from(int)) {
            (Ok(int @ -32..), ..) => out.extend(int.to_be_bytes()),
            (Ok(int), ..) => small(out, 0xd0, &int.to_be_bytes()),
            (_, Ok(int), _) => small(out, 0xd1, &int.to_be_bytes()),
            (.., Ok(int)) => small(out, 0xd2, &int.to_be_bytes()),
            _ => small(out, 0xd3, &int.to_be_bytes()),
        }
    }
}

#[cfg(test)]
#[path = "msgpack_tests.rs"]
mod tests;
