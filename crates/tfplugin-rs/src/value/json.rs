//! JSON, the form in which state is stored.
//!
//! Numbers keep every digit: they are read from the text itself, not through a float. Reading is
//! guided by the type, so a large state becomes values in one pass.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use super::msgpack::{CodecError, Fallible, excerpt};
use super::{Dynamic, MAX_DEPTH, Number, Object, ObjectType, ParseNumberError, Set, Type, Value};
use crate::counted::counted;
use crate::effort;
use crate::path::Step;

/// Reads a value of type `ty`; objects must have exactly the type's attributes.
pub fn decode(bytes: &[u8], ty: &Type) -> Result<Value, CodecError> {
    read(bytes, ty, None)
}

/// Reads a value of type `ty` from the state of another version of the schema: attributes that the
/// type lacks are left out, and those that the text lacks are null.
///
/// An attribute that is not there takes memory and no text, so a text of many empty objects is
/// refused where it lacks more than [`ABSENT_PER_BYTE`] attributes for each of its bytes.
pub fn decode_lenient(bytes: &[u8], ty: &Type) -> Result<Value, CodecError> {
    read(
        bytes,
        ty,
        Some(ABSENT_AT_ALL + ABSENT_PER_BYTE * bytes.len()),
    )
}

/// Attributes that any text may lack.
const ABSENT_AT_ALL: usize = 1 << 16;

/// Attributes that a text may lack for each of its bytes. An element `{"a":1}` may get 200 more in
/// the next version.
pub const ABSENT_PER_BYTE: usize = 32;

/// Reads any JSON, which brings its own type: arrays become tuples and objects become objects, as
/// with Terraform's `jsondecode`.
pub fn decode_any(bytes: &[u8]) -> Result<Dynamic, CodecError> {
    let text =
        std::str::from_utf8(bytes).map_err(|_| CodecError::new("text is not UTF-8").finish())?;
    let mut reader = Reader::new(text, None);
    let value = reader.any(0).map_err(|error| error.finish())?;
    match reader.peek() {
        None => Ok(value),
        Some(_) => Err(reader.error("the end").finish()),
    }
}

fn read(bytes: &[u8], ty: &Type, absent: Option<usize>) -> Result<Value, CodecError> {
    let text =
        std::str::from_utf8(bytes).map_err(|_| CodecError::new("text is not UTF-8").finish())?;
    let mut reader = Reader::new(text, absent);
    let value = reader.value(ty, 0).map_err(|error| error.finish())?;
    match reader.peek() {
        None => Ok(value),
        Some(_) => Err(reader.error("the end").finish()),
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    /// How many attributes may still be absent; `None` if none may, nor may there be others.
    absent: Option<usize>,
    /// Where values end that have been passed over and may be dynamic ones, by where they begin. A
    /// value that comes before its type is passed over, and with this only once at any depth.
    ends: HashMap<usize, usize>,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str, absent: Option<usize>) -> Self {
        Self {
            text,
            at: 0,
            absent,
            ends: HashMap::new(),
        }
    }

    fn value(&mut self, ty: &Type, depth: usize) -> Fallible<Value> {
        check_depth(depth)?;
        let Some(first) = self.peek() else {
            return Err(self.error("a value"));
        };
        if first == b'n' {
            self.word("null")?;
            return Ok(Value::Null);
        }
        match (ty, first) {
            (Type::Bool, b't' | b'f') => self.truth().map(Value::Bool),
            (Type::Bool, b'"') => match self.string()?.as_ref() {
                "true" => Ok(Value::Bool(true)),
                "false" => Ok(Value::Bool(false)),
                _ => Err(CodecError::new("expected bool, found another string")),
            },
            (Type::Number, b'-' | b'0'..=b'9') => parse_number(self.digits()).map(Value::Number),
            (Type::Number, b'"') => parse_number(&self.string()?).map(Value::Number),
            (Type::String, b'"') => Ok(Value::String(self.string()?.into())),
            (Type::String, b'-' | b'0'..=b'9') => Ok(Value::from(self.digits())),
            (Type::String, b't' | b'f') => Ok(Value::from(self.truth()?.to_string())),
            (Type::List(ty), b'[') => Ok(Value::List(self.elements(|_| Some(ty), depth + 1)?)),
            (Type::Set(ty), b'[') => {
                let elements = self.elements(|_| Some(ty), depth + 1)?;
                Ok(Value::Set(elements.into_iter().collect::<Set>()))
            }
            (Type::Tuple(types), b'[') => {
                let elements = self.elements(|index| types.get(index), depth + 1)?;
                if elements.len() == types.len() {
                    return Ok(Value::Tuple(elements));
                }
                let (expected, found) = (counted(types.len(), "element"), elements.len());
                Err(CodecError::new(format!(
                    "expected {expected}, found {found}"
                )))
            }
            (Type::Map(ty), b'{') => self.map(ty, depth + 1),
            (Type::Object(ty), b'{') => self.object(ty, depth + 1),
            (Type::Dynamic, b'{') => self.dynamic(depth + 1),
            (ty, first) => Err(CodecError::new(format!(
                "expected {ty}, found {}",
                kind_of(first)
            ))),
        }
    }

    fn elements<'t>(
        &mut self,
        ty: impl Fn(usize) -> Option<&'t Type>,
        depth: usize,
    ) -> Fallible<Vec<Value>> {
        let mut elements = Vec::new();
        self.expect(b'[')?;
        if self.accept(b']') {
            return Ok(elements);
        }
        loop {
            let index = elements.len();
            let Some(ty) = ty(index) else {
                let expected = counted(index, "element");
                return Err(CodecError::new(format!("expected {expected}, found more")));
            };
            let element = self
                .value(ty, depth)
                .map_err(|error| error.within(Step::Index(index)))?;
            elements.push(element);
            if !self.accept(b',') {
                self.expect(b']')?;
                return Ok(elements);
            }
        }
    }

    /// Calls `entry` for every key of an object, standing before its value.
    fn entries(
        &mut self,
        mut entry: impl FnMut(&mut Self, Cow<'a, str>) -> Fallible<()>,
    ) -> Fallible<()> {
        self.expect(b'{')?;
        if self.accept(b'}') {
            return Ok(());
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err(self.error("a key"));
            }
            let key = self.string()?;
            self.expect(b':')?;
            entry(self, key)?;
            if !self.accept(b',') {
                return self.expect(b'}');
            }
        }
    }

    fn map(&mut self, ty: &Type, depth: usize) -> Fallible<Value> {
        let mut entries = Vec::new();
        self.entries(|reader, key| match reader.value(ty, depth) {
            Ok(value) => {
                entries.push((key.into(), value));
                Ok(())
            }
            Err(error) => Err(error.within(Step::Key(key.into_owned()))),
        })?;
        Ok(Value::Map(entries.into()))
    }

    fn object(&mut self, ty: &ObjectType, depth: usize) -> Fallible<Value> {
        let mut found: Vec<Option<Value>> = Vec::with_capacity(ty.types().len());
        found.resize_with(ty.types().len(), || None);
        // State is written in order of name, so the next one is mostly the right one.
        let mut next = 0;
        self.entries(|reader, name| {
            let index = if ty.names().at(next) == Some(&*name) {
                next
            } else if let Some(index) = ty.names().position(&name) {
                index
            } else if reader.absent.is_some() {
                return reader.skip(depth);
            } else {
                let problem = format!("there is no attribute {} in the schema", excerpt(&name));
                return Err(CodecError::new(problem));
            };
            let value = reader
                .value(&ty.types()[index], depth)
                .map_err(|error| error.within(Step::Attribute(name.into_owned())))?;
            found[index] = Some(value);
            next = index + 1;
            Ok(())
        })?;
        if let Some(absent) = &mut self.absent {
            let here = found.iter().filter(|value| value.is_none()).count();
            *absent = absent
                .checked_sub(here)
                .ok_or_else(|| CodecError::new("too many attributes are missing"))?;
        }
        let is_lenient = self.absent.is_some();
        let pairs = ty.names().iter().zip(found);
        let values = pairs.map(|(name, value)| match value {
            Some(value) => Ok(value),
            None if is_lenient => Ok(Value::Null),
            None => Err(CodecError::new(format!("attribute {name:?} is missing"))),
        });
        let values = values.collect::<Result<Vec<_>, _>>()?;
        Ok(Value::Object(Object::new(ty.names().clone(), values)))
    }

    /// `{"type": T, "value": V}`, in either order.
    fn dynamic(&mut self, depth: usize) -> Fallible<Value> {
        let (mut ty, mut value) = (None, None);
        self.entries(|reader, key| {
            reader.peek();
            let start = reader.at;
            match reader.ends.get(&start) {
                Some(end) => reader.at = *end,
                None => reader.skip(depth)?,
            }
            match &*key {
                "type" => ty = Some(&reader.text[start..reader.at]),
                "value" => value = Some(start),
                _ => {
                    return Err(CodecError::new(
                        "a dynamic value has \"type\" and \"value\" and nothing else",
                    ));
                }
            }
            Ok(())
        })?;
        let (Some(ty), Some(value)) = (ty, value) else {
            return Err(CodecError::new(
                "a dynamic value needs \"type\" and \"value\"",
            ));
        };
        let ty = Type::from_json_bytes(ty.as_bytes())
            .map_err(|error| CodecError::new(error.to_string()))?;
        let end = std::mem::replace(&mut self.at, value);
        // The type came with the value, so the value has to match it.
        let absent = self.absent.take();
        let value = self.value(&ty, depth)?;
        (self.at, self.absent) = (end, absent);
        Ok(Dynamic::new(ty, value).into())
    }

    /// A value of whatever type it is.
    fn any(&mut self, depth: usize) -> Fallible<Dynamic> {
        check_depth(depth)?;
        let (ty, value) = match self.peek() {
            Some(b'n') => {
                self.word("null")?;
                (Type::Dynamic, Value::Null)
            }
            Some(b't' | b'f') => (Type::Bool, self.truth()?.into()),
            Some(b'"') => (Type::String, Value::String(self.string()?.into())),
            Some(b'-' | b'0'..=b'9') => (Type::Number, strict_number(self.digits())?.into()),
            Some(b'[') => {
                let (mut types, mut values) = (Vec::new(), Vec::new());
                self.expect(b'[')?;
                let mut more = !self.accept(b']');
                while more {
                    let (ty, value) = self.any(depth + 1)?.into_parts();
                    types.push(ty);
                    values.push(value);
                    more = self.accept(b',');
                    if !more {
                        self.expect(b']')?;
                    }
                }
                (Type::tuple(types), Value::Tuple(values))
            }
            Some(b'{') => {
                let mut attributes = BTreeMap::new();
                self.entries(|reader, key| {
                    attributes.insert(key.into_owned(), reader.any(depth + 1)?.into_parts());
                    Ok(())
                })?;
                let types = attributes
                    .iter()
                    .map(|(key, (ty, _))| (key.as_str(), ty.clone()));
                let ty = ObjectType::new(types);
                let values = attributes.into_values().map(|(_, value)| value).collect();
                let object = Object::new(ty.names().clone(), values);
                (Type::Object(ty.into()), Value::Object(object))
            }
            _ => return Err(self.error("a value")),
        };
        Ok(Dynamic::new(ty, value))
    }

    /// Passes over a value of any type.
    fn skip(&mut self, depth: usize) -> Fallible<()> {
        effort::step();
        check_depth(depth)?;
        match self.peek() {
            Some(b'n') => self.word("null"),
            Some(b't' | b'f') => self.truth().map(drop),
            Some(b'"') => self.string().map(drop),
            Some(b'-' | b'0'..=b'9') => parse_number(self.digits()).map(drop),
            Some(b'{') => self.entries(|reader, key| {
                reader.peek();
                let start = reader.at;
                reader.skip(depth + 1)?;
                if key == "value" {
                    reader.ends.insert(start, reader.at);
                }
                Ok(())
            }),
            Some(b'[') => {
                self.expect(b'[')?;
                if self.accept(b']') {
                    return Ok(());
                }
                loop {
                    self.skip(depth + 1)?;
                    if !self.accept(b',') {
                        return self.expect(b']');
                    }
                }
            }
            _ => Err(self.error("a value")),
        }
    }

    /// The next byte after white space.
    fn peek(&mut self) -> Option<u8> {
        let rest = &self.text.as_bytes()[self.at..];
        let blanks = rest
            .iter()
            .take_while(|b| matches!(b, b' ' | b'\t' | b'\n' | b'\r'))
            .count();
        self.at += blanks;
        rest.get(blanks).copied()
    }

    fn accept(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, byte: u8) -> Fallible<()> {
        if self.accept(byte) {
            Ok(())
        } else {
            Err(self.error(&format!("{:?}", char::from(byte))))
        }
    }

    fn word(&mut self, word: &str) -> Fallible<()> {
        if !self.text[self.at..].starts_with(word) {
            return Err(self.error(word));
        }
        self.at += word.len();
        Ok(())
    }

    fn truth(&mut self) -> Fallible<bool> {
        let truth = self.peek() == Some(b't');
        self.word(if truth { "true" } else { "false" })?;
        Ok(truth)
    }

    /// The characters a number may consist of; whether they make one is for the parser to say.
    fn digits(&mut self) -> &'a str {
        let rest = &self.text[self.at..];
        let end = rest
            .find(|c: char| !matches!(c, '0'..='9' | '+' | '-' | '.' | 'e' | 'E'))
            .unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn string(&mut self) -> Fallible<Cow<'a, str>> {
        self.expect(b'"')?;
        let rest = &self.text[self.at..];
        // Quote and backslash are ASCII, so these are never inside a character.
        let plain = rest
            .bytes()
            .take_while(|b| !matches!(b, b'"' | b'\\' | 0..0x20))
            .count();
        if rest.as_bytes().get(plain) == Some(&b'"') {
            self.at += plain + 1;
            return Ok(Cow::Borrowed(&rest[..plain]));
        }
        let mut end = plain;
        while let Some(&byte) = rest.as_bytes().get(end) {
            match byte {
                b'"' => break,
                b'\\' => end += 2,
                _ => end += 1,
            }
        }
        let quoted = self
            .text
            .get(self.at - 1..=self.at + end)
            .ok_or_else(|| CodecError::new("a string has no end"))?;
        self.at += end + 1;
        let text: String =
            serde_json::from_str(quoted).map_err(|error| CodecError::new(error.to_string()))?;
        Ok(Cow::Owned(text))
    }

    fn error(&mut self, expected: &str) -> Box<CodecError> {
        let at = self.at;
        match self.peek() {
            Some(_) => CodecError::new(format!("expected {expected} at byte {at}")),
            None => CodecError::new(format!("expected {expected}, found the end of the text")),
        }
    }
}

fn check_depth(depth: usize) -> Fallible<()> {
    if depth > MAX_DEPTH {
        return Err(CodecError::new(format!(
            "nested more than {MAX_DEPTH} deep"
        )));
    }
    Ok(())
}

fn kind_of(first: u8) -> &'static str {
    match first {
        b'{' => "an object",
        b'[' => "an array",
        b'"' => "a string",
        b't' | b'f' => "a bool",
        b'-' | b'0'..=b'9' => "a number",
        _ => "no JSON value",
    }
}

/// JSON has no zeros before other digits.
fn strict_number(text: &str) -> Fallible<Number> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0.") {
        let is_zero_with_exponent = digits.starts_with("0e") || digits.starts_with("0E");
        if !is_zero_with_exponent {
            return Err(CodecError::new("a number with a zero too many in front"));
        }
    }
    parse_number(text)
}

fn parse_number(text: &str) -> Fallible<Number> {
    text.parse()
        .map_err(|error: ParseNumberError| CodecError::new(format!("expected number: {error}")))
}

/// Writes a value as JSON. Unknown values have no form in JSON and are an error.
pub fn encode(value: &Value, ty: &Type) -> Result<Vec<u8>, CodecError> {
    let mut out = String::new();
    write(&mut out, value, ty).map_err(|error| error.finish())?;
    Ok(out.into_bytes())
}

fn write(out: &mut String, value: &Value, ty: &Type) -> Fallible<()> {
    match (value, ty) {
        (Value::Null, _) => out.push_str("null"),
        (Value::Bool(truth), Type::Bool) => out.push_str(if *truth { "true" } else { "false" }),
        (Value::Number(number), Type::Number) => out.push_str(&number.to_string()),
        (Value::String(text), Type::String) => write_text(out, text),
        (Value::List(elements), Type::List(ty)) => {
            write_elements(out, elements.iter().map(|element| (element, &**ty)))?;
        }
        (Value::Set(set), Type::Set(ty)) => {
            write_elements(out, set.elements().iter().map(|element| (element, &**ty)))?;
        }
        (Value::Tuple(elements), Type::Tuple(types)) if elements.len() == types.len() => {
            write_elements(out, elements.iter().zip(types.iter()))?;
        }
        (Value::Map(entries), Type::Map(ty)) => {
            let entries = entries.iter().map(|(key, value)| (key, value, &**ty));
            write_entries(out, entries, |key| Step::Key(key.to_owned()))?;
        }
        (Value::Object(object), Type::Object(ty)) if object.names() == ty.names() => {
            let entries = object
                .iter()
                .zip(ty.types())
                .map(|((name, v), ty)| (name, v, ty));
            write_entries(out, entries, |name| Step::Attribute(name.to_owned()))?;
        }
        (Value::Dynamic(dynamic), Type::Dynamic) => {
            out.push_str(&format!("{{\"type\":{},\"value\":", dynamic.ty().to_json()));
            write(out, dynamic.value(), dynamic.ty())?;
            out.push('}');
        }
        (value, ty) => {
            return Err(CodecError::new(format!(
                "{} where {ty} is needed",
                value.kind()
            )));
        }
    }
    Ok(())
}

fn write_elements<'a>(
    out: &mut String,
    elements: impl Iterator<Item = (&'a Value, &'a Type)>,
) -> Fallible<()> {
    out.push('[');
    for (index, (element, ty)) in elements.enumerate() {
        if index > 0 {
            out.push(',');
        }
        write(out, element, ty).map_err(|error| error.within(Step::Index(index)))?;
    }
    out.push(']');
    Ok(())
}

fn write_entries<'a>(
    out: &mut String,
    entries: impl Iterator<Item = (&'a str, &'a Value, &'a Type)>,
    step: impl Fn(&str) -> Step,
) -> Fallible<()> {
    out.push('{');
    for (index, (key, value, ty)) in entries.enumerate() {
        if index > 0 {
            out.push(',');
        }
        write_text(out, key);
        out.push(':');
        write(out, value, ty).map_err(|error| error.within(step(key)))?;
    }
    out.push('}');
    Ok(())
}

fn write_text(out: &mut String, text: &str) {
    out.push_str(&serde_json::Value::from(text).to_string());
}

#[cfg(test)]
#[path = "json_tests.rs"]
mod tests;
