//! Arguments in records.
//!
//! ```text
//! arguments  count:varint (name:str value)*          in order of names
//! value      0 null | 1 bool:u8 | 2 int:i128 LE | 3 float:f64 LE | 4 scale:u8 digits:i32 LE
//!            | 5 text:str | 6 bytes:blob | 7 timestamp:varint | 8 count:varint value* | 9 arguments
//! ```

use super::codec::{Malformed, Reader, put_blob, put_str, put_varint};
use crate::value::{Arguments, Value};

/// Levels of nesting that are read back; no limit of a broker lets more be declared.
pub(crate) const MAX_DEPTH: usize = 64;

pub(super) fn put_arguments(out: &mut Vec<u8>, arguments: &Arguments) {
    put_varint(out, arguments.len() as u64);
    for (name, value) in arguments {
        put_str(out, name);
        put_value(out, value);
    }
}

pub(super) fn arguments(reader: &mut Reader<'_>) -> Result<Arguments, Malformed> {
    read_arguments(reader, 0)
}

/// One byte string per set of arguments: equal sets give equal strings.
pub(crate) fn canonical(arguments: &Arguments) -> Vec<u8> {
    let mut out = Vec::new();
    put_arguments(&mut out, arguments);
    out
}

/// One byte string for a name and its value: equal ones give equal strings.
pub(crate) fn condition(name: &str, value: &Value) -> Box<[u8]> {
    let mut out = Vec::with_capacity(32 + name.len());
    put_str(&mut out, name);
    put_value(&mut out, value);
    out.into()
}

fn put_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => out.push(0),
        Value::Bool(value) => out.extend([1, u8::from(*value)]),
        Value::Int(value) => {
            out.push(2);
            out.extend(value.to_le_bytes());
        }
        Value::Float(value) => {
            out.push(3);
            out.extend(value.to_le_bytes());
        }
        Value::Decimal { scale, digits } => {
            out.extend([4, *scale]);
            out.extend(digits.to_le_bytes());
        }
        Value::Text(text) => {
            out.push(5);
            put_str(out, text);
        }
        Value::Bytes(bytes) => {
            out.push(6);
            put_blob(out, bytes);
        }
        Value::Timestamp(seconds) => {
            out.push(7);
            put_varint(out, *seconds);
        }
        Value::List(values) => {
            out.push(8);
            put_varint(out, values.len() as u64);
            values.iter().for_each(|value| put_value(out, value));
        }
        Value::Map(arguments) => {
            out.push(9);
            put_arguments(out, arguments);
        }
    }
}

fn read_arguments(reader: &mut Reader<'_>, depth: usize) -> Result<Arguments, Malformed> {
    let mut arguments = Arguments::new();
    for _ in 0..reader.varint()? {
        let name = reader.string()?;
        let value = read_value(reader, depth)?;
        arguments.insert(name, value);
    }
    Ok(arguments)
}

fn read_value(reader: &mut Reader<'_>, depth: usize) -> Result<Value, Malformed> {
    if depth >= MAX_DEPTH {
        return Err(Malformed("arguments are nested too deeply"));
    }
    Ok(match reader.u8()? {
        0 => Value::Null,
        1 => Value::Bool(reader.bool()?),
        2 => Value::Int(i128::from_le_bytes(reader.array()?)),
        3 => Value::Float(f64::from_le_bytes(reader.array()?)),
        4 => Value::Decimal {
            scale: reader.u8()?,
            digits: i32::from_le_bytes(reader.array()?),
        },
        5 => Value::Text(reader.string()?),
        6 => Value::Bytes(reader.blob()?.to_vec()),
        7 => Value::Timestamp(reader.varint()?),
        8 => {
            let mut values = Vec::new();
            for _ in 0..reader.varint()? {
                values.push(read_value(reader, depth + 1)?);
            }
            Value::List(values)
        }
        9 => Value::Map(read_arguments(reader, depth + 1)?),
        _ => return Err(Malformed("an argument of unknown type")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_value_round_trips() {
        let inner = Arguments::from([("b".into(), Value::Null), ("a".into(), Value::Bool(true))]);
        let arguments = Arguments::from([
            ("bytes".into(), Value::Bytes(vec![0, 255])),
            (
                "decimal".into(),
                Value::Decimal {
                    scale: 2,
                    digits: -314,
                },
            ),
            ("float".into(), Value::Float(-0.5)),
            ("int".into(), Value::Int(i128::from(u64::MAX))),
            ("negative".into(), Value::Int(i128::from(i64::MIN))),
            (
                "list".into(),
                Value::List(vec![Value::Text("é".into()), Value::Map(inner)]),
            ),
            ("time".into(), Value::Timestamp(1_700_000_000)),
        ]);
        let bytes = canonical(&arguments);
        let mut reader = Reader::new(&bytes);
        assert_eq!(super::arguments(&mut reader), Ok(arguments));
        assert_eq!(reader.end(), Ok(()));
    }

    #[test]
    fn deep_nesting_is_refused_without_deep_recursion() {
        let mut bytes = vec![1, 1, b'x'];
        bytes.extend([8, 1].repeat(100_000));
        assert!(arguments(&mut Reader::new(&bytes)).is_err());
    }

    #[test]
    fn a_huge_count_allocates_nothing() {
        let bytes = [
            1, 1, b'x', 8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f,
        ];
        assert!(arguments(&mut Reader::new(&bytes)).is_err());
    }
}
