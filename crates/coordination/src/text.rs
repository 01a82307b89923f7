//! The record as text: JSON that an operator can read, and that the next release can extend.
//!
//! Within one `format_version`, a newer release may add fields at the top level; they are kept
//! and written back. Anything else that is new needs a higher `format_version`, and a record with
//! one is refused: whoever does not understand it must not act on it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use broker_core::journal::{Epoch, Lsn, StoreId};
use broker_core::replication::record::{
    FORMAT_VERSION, Incarnation, Leader, Member, NodeId, Nonce, Position, Record, Region,
    RegionRole, Transfer,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The largest record, in bytes of text.
pub const MAX_BYTES: usize = 4096;

/// Text that is not a record, or a record that cannot be text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Written by a later release, after it was told to use its own format.
    #[error("the record has format version {found}, this release knows versions up to {known}")]
    TooNew {
        /// In the record.
        found: u64,
        /// The newest this release reads.
        known: u16,
    },
    /// More than [`MAX_BYTES`].
    #[error("the record has {0} bytes, more than {MAX_BYTES}")]
    TooLarge(usize),
    /// No record.
    #[error("not a record: {0}")]
    Malformed(String),
}

/// The record as its fields are written.
#[derive(Serialize, Deserialize)]
struct Fields {
    format_version: u16,
    epoch: u32,
    leader: Option<LeaderFields>,
    isr: Vec<MemberFields>,
    min_isr: u8,
    transfer: Option<TransferFields>,
    commit_hint: PositionFields,
    region: RegionFields,
    endpoints: BTreeMap<u16, String>,
    writer_nonce: String,
    #[serde(default, skip_serializing_if = "is_zero")]
    founded: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ended: Option<MemberFields>,
    #[serde(flatten)]
    unknown: BTreeMap<String, Value>,
}

// As serde calls it.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero(epoch: &u32) -> bool {
    *epoch == 0
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LeaderFields {
    node: u16,
    incarnation: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MemberFields {
    node: u16,
    store_id: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TransferFields {
    to: u16,
    patience_ms: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PositionFields {
    epoch: u32,
    lsn: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RegionFields {
    role: RoleName,
    generation: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RoleName {
    Primary,
    Replica,
    Demoting,
}

/// The record's text.
///
/// # Errors
/// [`TextError::TooLarge`], or [`TextError::Malformed`] if an unknown field is no JSON.
pub fn to_text(record: &Record) -> Result<String, TextError> {
    let unknown = record.unknown.iter().map(|(name, text)| {
        let value = serde_json::from_str(text).map_err(|error| malformed(&error))?;
        Ok((name.to_string(), value))
    });
    let fields = Fields {
        format_version: record.format_version,
        epoch: record.epoch.0,
        leader: record.leader.map(|leader| LeaderFields {
            node: leader.node.0,
            incarnation: hex(leader.incarnation),
        }),
        isr: record.isr.iter().map(member_fields).collect(),
        min_isr: record.min_isr,
        transfer: record.transfer.map(|t| TransferFields {
            to: t.to.0,
            patience_ms: t.patience_ms,
        }),
        commit_hint: PositionFields {
            epoch: record.commit_hint.epoch.0,
            lsn: record.commit_hint.lsn.0,
        },
        region: RegionFields {
            role: match record.region.role {
                RegionRole::Primary => RoleName::Primary,
                RegionRole::Replica => RoleName::Replica,
                RegionRole::Demoting => RoleName::Demoting,
            },
            generation: record.region.generation,
        },
        endpoints: record
            .endpoints
            .iter()
            .map(|(n, a)| (n.0, a.to_string()))
            .collect(),
        writer_nonce: format!(
            "{}-{}",
            hex(record.writer_nonce.incarnation),
            record.writer_nonce.count
        ),
        founded: record.founded.0,
        ended: record.ended.as_ref().map(member_fields),
        unknown: unknown.collect::<Result<_, TextError>>()?,
    };
    let text = serde_json::to_string_pretty(&fields).map_err(|error| malformed(&error))?;
    if text.len() > MAX_BYTES {
        return Err(TextError::TooLarge(text.len()));
    }
    Ok(text)
}

/// The record of a text.
///
/// # Errors
/// [`TextError`] says what is wrong with it.
pub fn from_text(text: &[u8]) -> Result<Record, TextError> {
    if text.len() > MAX_BYTES {
        return Err(TextError::TooLarge(text.len()));
    }
    let value: Value = serde_json::from_slice(text).map_err(|error| malformed(&error))?;
    // Before anything else: a later format may mean anything by its fields.
    match value.get("format_version").and_then(Value::as_u64) {
        Some(found) if found > u64::from(FORMAT_VERSION) => {
            return Err(TextError::TooNew {
                found,
                known: FORMAT_VERSION,
            });
        }
        Some(1..) => {}
        _ => return Err(TextError::Malformed("no usable format_version".to_owned())),
    }
    let fields: Fields = serde_json::from_value(value).map_err(|error| malformed(&error))?;
    let isr = fields
        .isr
        .iter()
        .map(member)
        .collect::<Result<BTreeSet<_>, _>>()?;
    let ended = fields.ended.as_ref().map(member).transpose()?;
    if isr.is_empty() && ended.is_none() {
        return Err(TextError::Malformed("nobody is in sync".to_owned()));
    }
    let leader = fields.leader.map(leader).transpose()?;
    if leader.is_some_and(|leader| isr.iter().all(|member| member.node != leader.node)) {
        return Err(TextError::Malformed("the leader is not in sync".to_owned()));
    }
    Ok(Record {
        writer_nonce: nonce(&fields.writer_nonce)?,
        epoch: Epoch(fields.epoch),
        leader,
        isr,
        min_isr: fields.min_isr,
        transfer: fields.transfer.map(|t| Transfer {
            to: NodeId(t.to),
            patience_ms: t.patience_ms,
        }),
        commit_hint: Position {
            epoch: Epoch(fields.commit_hint.epoch),
            lsn: Lsn(fields.commit_hint.lsn),
        },
        region: Region {
            role: match fields.region.role {
                RoleName::Primary => RegionRole::Primary,
                RoleName::Replica => RegionRole::Replica,
                RoleName::Demoting => RegionRole::Demoting,
            },
            generation: fields.region.generation,
        },
        format_version: fields.format_version,
        endpoints: fields
            .endpoints
            .into_iter()
            .map(|(n, a)| (NodeId(n), a.into()))
            .collect(),
        founded: Epoch(fields.founded),
        ended,
        unknown: fields
            .unknown
            .into_iter()
            .map(|(n, v)| (n.into(), Arc::from(v.to_string())))
            .collect(),
    })
}

fn malformed(error: &serde_json::Error) -> TextError {
    TextError::Malformed(error.to_string())
}

fn hex(incarnation: Incarnation) -> String {
    format!("{:016x}", incarnation.0)
}

fn unhex(text: &str) -> Result<Incarnation, TextError> {
    let whole = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let number = whole.then(|| u64::from_str_radix(text, 16).ok()).flatten();
    let number = number.ok_or_else(|| TextError::Malformed(format!("bad incarnation `{text}`")))?;
    Ok(Incarnation(number))
}

fn nonce(text: &str) -> Result<Nonce, TextError> {
    let bad = || TextError::Malformed(format!("bad writer_nonce `{text}`"));
    let (incarnation, count) = text.split_once('-').ok_or_else(bad)?;
    Ok(Nonce {
        incarnation: unhex(incarnation)?,
        count: count.parse().map_err(|_| bad())?,
    })
}

fn leader(fields: LeaderFields) -> Result<Leader, TextError> {
    Ok(Leader {
        node: NodeId(fields.node),
        incarnation: unhex(&fields.incarnation)?,
    })
}

fn member_fields(member: &Member) -> MemberFields {
    MemberFields {
        node: member.node.0,
        store_id: member.store.to_string(),
    }
}

fn member(fields: &MemberFields) -> Result<Member, TextError> {
    let text = &fields.store_id;
    let bad = || TextError::Malformed(format!("bad store_id `{text}`"));
    if text.len() != 32 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(bad());
    }
    let number = u128::from_str_radix(text, 16).map_err(|_| bad())?;
    Ok(Member {
        node: NodeId(fields.node),
        store: StoreId(number.to_be_bytes()),
    })
}

#[cfg(test)]
#[path = "text_tests.rs"]
mod tests;
