//! The fields of limits' records: what is not limited is 0, other limits are one more than they are.

use super::codec::{Malformed, Reader, put_str, put_varint};
use crate::definitions::{Limited, LimitsSpec, Stored};

pub(super) fn put_limits(out: &mut Vec<u8>, Stored { value, generation }: &Stored<LimitsSpec>) {
    put_varint(out, *generation);
    put_limited(out, &value.of);
    for limit in [value.max_connections, value.max_channels, value.max_queues] {
        put_varint(out, limit.map_or(0, |limit| limit.saturating_add(1)));
    }
}

pub(super) fn put_limited(out: &mut Vec<u8>, of: &Limited) {
    let (is_user, name) = match of {
        Limited::User(name) => (1, name),
        Limited::Vhost(name) => (0, name),
    };
    out.push(is_user);
    put_str(out, name);
}

pub(super) fn limits(reader: &mut Reader<'_>) -> Result<LimitsSpec, Malformed> {
    let of = limited(reader)?;
    let mut limit = || Ok(reader.varint()?.checked_sub(1));
    Ok(LimitsSpec {
        of,
        max_connections: limit()?,
        max_channels: limit()?,
        max_queues: limit()?,
    })
}

pub(super) fn limited(reader: &mut Reader<'_>) -> Result<Limited, Malformed> {
    Ok(match reader.bool()? {
        true => Limited::User(reader.string()?),
        false => Limited::Vhost(reader.string()?),
    })
}
