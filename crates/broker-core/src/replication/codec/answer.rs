//! Answers to a preface.

use super::fields::Fields;
use super::{CodecError, Encoded, Head, Kind, sound_body};
use crate::replication::preface::{Answer, Refusal, Settled};

/// An answer as bytes.
pub fn encode_answer(answer: Answer) -> Encoded {
    match answer {
        Answer::Accepted(settled) => {
            let mut tail = Vec::with_capacity(8);
            tail.extend(settled.protocol.to_be_bytes());
            tail.extend(settled.format.to_be_bytes());
            Encoded::new(Kind::Accepted, Vec::new(), tail)
        }
        Answer::Refused { why, mut text } => {
            text.truncate(text.floor_char_boundary(Answer::TEXT_BYTES));
            let number = Refusal::NUMBERS.iter().find(|(it, _)| *it == why);
            let number = number.map_or(0, |(_, number)| *number);
            let tail = number.to_be_bytes().into();
            Encoded::new(Kind::Refused, text.into_bytes(), tail)
        }
    }
}

/// The answer to a preface, from its head and exactly the [rest](Head::rest) of its bytes.
///
/// # Errors
/// See [`CodecError`].
pub fn decode_answer(head: &Head, rest: Vec<u8>) -> Result<Answer, CodecError> {
    let (kind, mut body) = (head.kind, sound_body(head, rest)?);
    let text = match kind {
        Kind::Accepted => 0,
        Kind::Refused => body.len().saturating_sub(2),
        _ => return Err(CodecError::Kind(kind as u8)),
    };
    let mut fields = Fields::new(kind, &body[text..]);
    if kind == Kind::Accepted {
        let (protocol, format) = (fields.u16()?, fields.u16()?);
        fields.end()?;
        return Ok(Answer::Accepted(Settled { protocol, format }));
    }
    let number = fields.u16()?;
    let mut all = Refusal::NUMBERS.iter();
    let why = all.find(|(_, it)| *it == number).map(|(why, _)| *why);
    let why = why.ok_or_else(|| fields.bad(format!("the unknown reason {number}")))?;
    body.truncate(text);
    // It is for people, in a log: what cannot be read there is replaced.
    let text = String::from_utf8_lossy(&body).replace(char::is_control, " ");
    Ok(Answer::Refused { why, text })
}
