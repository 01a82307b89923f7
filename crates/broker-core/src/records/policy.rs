//! The fields of a policy's record.

use super::codec::{Malformed, Reader, put_str, put_varint};
use super::value::{arguments, put_arguments};
use crate::definitions::{ApplyTo, PolicySpec, Stored};

/// What a policy applies to, by its number in records.
const APPLY_TO: [(u8, ApplyTo); 6] = [
    (1, ApplyTo::All),
    (2, ApplyTo::Queues),
    (3, ApplyTo::ClassicQueues),
    (4, ApplyTo::QuorumQueues),
    (5, ApplyTo::Streams),
    (6, ApplyTo::Exchanges),
];

pub(super) fn put_policy(out: &mut Vec<u8>, Stored { value, generation }: &Stored<PolicySpec>) {
    put_varint(out, *generation);
    put_str(out, &value.vhost);
    put_str(out, &value.name);
    let known = APPLY_TO.iter().find(|(_, it)| *it == value.apply_to);
    let (number, _) = known.expect("all have a number");
    out.extend([u8::from(value.operator), *number]);
    put_str(out, &value.pattern);
    out.extend(value.priority.to_le_bytes());
    put_arguments(out, &value.definition);
}

pub(super) fn policy(reader: &mut Reader<'_>) -> Result<PolicySpec, Malformed> {
    let (vhost, name) = (reader.string()?, reader.string()?);
    let operator = reader.bool()?;
    let number = reader.u8()?;
    let known = APPLY_TO.iter().find(|(known, _)| *known == number);
    let (_, apply_to) = known.ok_or(Malformed("a policy for something unknown"))?;
    Ok(PolicySpec {
        vhost,
        name,
        operator,
        pattern: reader.string()?,
        apply_to: *apply_to,
        priority: i64::from_le_bytes(reader.array()?),
        definition: arguments(reader)?,
    })
}
