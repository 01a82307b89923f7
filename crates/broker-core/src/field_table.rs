//! AMQP 0-9-1 field tables to the broker's neutral arguments and values.

use wire::amqp091::{DecodeError, Table, Value as Field};

use crate::value::{Arguments, Value};

/// All entries of a table. Of entries with the same name the last one counts. Depth is bounded by
/// the codec, size by the frame. Names mean something here, so they must be text.
pub(crate) fn arguments(table: Table<'_>) -> Result<Arguments, DecodeError> {
    table
        .iter()
        .map(|(name, value)| {
            let name = std::str::from_utf8(name).map_err(|_| DecodeError::BadText)?;
            Ok((name.to_owned(), neutral(value)?))
        })
        .collect()
}

/// One value; what is nested in it, too.
pub(crate) fn neutral(value: Field<'_>) -> Result<Value, DecodeError> {
    Ok(match value {
        Field::Bool(v) => Value::Bool(v),
        Field::I8(v) => Value::Int(v.into()),
        Field::U8(v) => Value::Int(v.into()),
        Field::I16(v) => Value::Int(v.into()),
        Field::U16(v) => Value::Int(v.into()),
        Field::I32(v) => Value::Int(v.into()),
        Field::U32(v) => Value::Int(v.into()),
        Field::I64(v) => Value::Int(v.into()),
        Field::F32(v) => Value::Float(v.into()),
        Field::F64(v) => Value::Float(v),
        Field::Decimal { scale, digits } => Value::Decimal { scale, digits },
        Field::Text(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => Value::Text(text.to_owned()),
            Err(_) => Value::Bytes(bytes.to_vec()),
        },
        Field::Bytes(bytes) => Value::Bytes(bytes.to_vec()),
        Field::List(list) => Value::List(list.iter().map(neutral).collect::<Result<_, _>>()?),
        Field::Timestamp(seconds) => Value::Timestamp(seconds),
        Field::Table(table) => Value::Map(arguments(table)?),
        Field::Void => Value::Null,
    })
}

#[cfg(test)]
mod tests {
    use wire::amqp091::TableBuilder;

    use super::*;

    #[test]
    fn widths_vanish_and_the_last_of_a_name_counts() {
        let list = TableBuilder::new().item(Field::I16(-3));
        let table = TableBuilder::new()
            .entry("n", Field::I8(1))
            .entry("n", Field::I64(2))
            .text("t", "x")
            .entry("b", Field::Text(b"\xff"))
            .entry("l", Field::List(list.as_list()));
        let expected = Arguments::from([
            ("n".to_owned(), Value::Int(2)),
            ("t".to_owned(), Value::Text("x".to_owned())),
            ("b".to_owned(), Value::Bytes(vec![0xff])),
            ("l".to_owned(), Value::List(vec![Value::Int(-3)])),
        ]);
        assert_eq!(arguments(table.as_table()), Ok(expected));
        let nested = TableBuilder::new().entry(b"\xff", Field::Void);
        let table = TableBuilder::new().entry("t", Field::Table(nested.as_table()));
        assert_eq!(arguments(table.as_table()), Err(DecodeError::BadText));
    }
}
