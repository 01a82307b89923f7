//! The protocol's frames.

use super::bulk::append_fields;
use super::fields::{Fields, put_epochs};
use super::{CodecError, Encoded, Kind};
use crate::journal::{Lsn, StoreId};
use crate::replication::frame::{CatchUp, Frame, Heartbeat, Hello, Reject, Welcome};
use crate::replication::record::{Member, NodeId};

pub(super) fn encode(frame: &Frame) -> Encoded {
    let mut body = Vec::with_capacity(64);
    let kind = match frame {
        Frame::Hello(hello) => {
            body.extend(hello.member.node.0.to_be_bytes());
            body.extend(hello.member.store.0);
            body.extend(hello.promised.0.to_be_bytes());
            body.extend(hello.end.0.to_be_bytes());
            put_epochs(&hello.epochs, &mut body);
            Kind::Hello
        }
        Frame::Welcome(welcome) => {
            body.extend(welcome.epoch.0.to_be_bytes());
            body.extend(welcome.end.0.to_be_bytes());
            let (way, from) = match welcome.catch_up {
                CatchUp::From(from) => (0, from),
                CatchUp::Whole => (1, Lsn(0)),
            };
            body.push(way);
            body.extend(from.0.to_be_bytes());
            Kind::Welcome
        }
        Frame::Reject(reject) => {
            body.extend(reject.known_epoch.0.to_be_bytes());
            Kind::Reject
        }
        Frame::Append(append) => {
            body = append_fields(append);
            Kind::Append
        }
        Frame::Ack { epoch, durable } => {
            body.extend(epoch.0.to_be_bytes());
            body.extend(durable.0.to_be_bytes());
            Kind::Ack
        }
        Frame::Heartbeat(beat) => {
            body.extend(beat.epoch.0.to_be_bytes());
            body.extend(beat.sent_at.to_be_bytes());
            body.extend(beat.committed.0.to_be_bytes());
            Kind::Heartbeat
        }
        Frame::Grant { sent_at } => {
            body.extend(sent_at.to_be_bytes());
            Kind::Grant
        }
        Frame::Leave => Kind::Leave,
        Frame::Transfer { epoch } => {
            body.extend(epoch.0.to_be_bytes());
            Kind::Transfer
        }
    };
    Encoded::new(kind, Vec::new(), body)
}

pub(super) fn decode(kind: Kind, body: &[u8]) -> Result<Frame, CodecError> {
    let mut fields = Fields::new(kind, body);
    let frame = match kind {
        Kind::Hello => Frame::Hello(decode_hello(&mut fields)?),
        Kind::Welcome => {
            let (epoch, end) = (fields.epoch()?, fields.lsn()?);
            let catch_up = match (fields.array()?, fields.lsn()?) {
                ([0], from) => CatchUp::From(from),
                ([1], Lsn(0)) => CatchUp::Whole,
                ([way], from) => {
                    return Err(fields.bad(format!("catch up {way} and lsn {}", from.0)));
                }
            };
            Frame::Welcome(Welcome {
                epoch,
                catch_up,
                end,
            })
        }
        Kind::Reject => Frame::Reject(Reject {
            known_epoch: fields.epoch()?,
        }),
        Kind::Ack => Frame::Ack {
            epoch: fields.epoch()?,
            durable: fields.lsn()?,
        },
        Kind::Heartbeat => Frame::Heartbeat(Heartbeat {
            epoch: fields.epoch()?,
            sent_at: fields.u64()?,
            committed: fields.lsn()?,
        }),
        Kind::Grant => Frame::Grant {
            sent_at: fields.u64()?,
        },
        Kind::Leave => Frame::Leave,
        Kind::Transfer => Frame::Transfer {
            epoch: fields.epoch()?,
        },
        // Not here, or not now.
        _ => return Err(CodecError::Kind(kind as u8)),
    };
    fields.end()?;
    Ok(frame)
}

fn decode_hello(fields: &mut Fields<'_>) -> Result<Hello, CodecError> {
    let member = Member {
        node: NodeId(fields.u16()?),
        store: StoreId(fields.array()?),
    };
    let (promised, end) = (fields.epoch()?, fields.lsn()?);
    let epochs = fields.epochs()?;
    Ok(Hello {
        member,
        promised,
        end,
        epochs,
    })
}
