//! The chain of audit lines: each holds a digest of itself and of the line before, so that a line that
//! was changed, added, removed or moved later shows. Lines cut off at the very end do not show: who
//! must rule that out ships the lines to where an intruder of this machine cannot reach.
//!
//! ```text
//! line  = object with the fields "seq" and "chain" at its end
//! chain = hex(SHA-256(chain of the line before, as text ‖ the line without ,"chain":"…"))
//! ```
//!
//! The chain before the first line is empty. Rotation does not interrupt it; when the oldest files are
//! gone, it is checked from the first line that is left.

use aws_lc_rs::digest::{SHA256, digest};
use serde::Deserialize;

/// How the chain is written at the end of a line.
const FIELD: &str = ",\"chain\":\"";

/// Where a chain stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Chain {
    seq: u64,
    last: String,
}

/// What of a line is the chain's.
#[derive(Deserialize)]
struct Link {
    seq: u64,
    chain: String,
}

/// A line that does not fit to the one before it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Broken {
    #[error("it is not a line of an audit log")]
    NotALine,
    #[error("it was changed after it was written, or the line before it was")]
    Changed,
    #[error("it has number {found} where {expected} was due: lines are missing or out of order")]
    Missing { expected: u64, found: u64 },
}

impl Chain {
    /// As it stood after that line; from the beginning if it is no line of a chain.
    pub(super) fn after(line: &str) -> Self {
        serde_json::from_str::<Link>(line).map_or_else(
            |_| Self::default(),
            |link| Self {
                seq: link.seq,
                last: link.chain,
            },
        )
    }

    /// Completes a line: an object without these fields, of at least one field.
    pub(super) fn link(&mut self, object: &str) -> String {
        let open = object.strip_suffix('}').unwrap_or(object);
        self.seq += 1;
        let text = format!("{open},\"seq\":{}", self.seq);
        self.last = chained(&self.last, &text);
        format!("{text}{FIELD}{}\"}}", self.last)
    }

    /// Checks the next line. The first one after `None` is taken as it is.
    pub(super) fn check(before: Option<&Self>, line: &str) -> Result<Self, Broken> {
        let link: Link = serde_json::from_str(line).map_err(|_| Broken::NotALine)?;
        let end = line.rfind(FIELD).ok_or(Broken::NotALine)?;
        if let Some(before) = before {
            let expected = before.seq + 1;
            if link.seq != expected {
                let found = link.seq;
                return Err(Broken::Missing { expected, found });
            }
            if chained(&before.last, &line[..end]) != link.chain {
                return Err(Broken::Changed);
            }
        } else if link.seq == 1 && chained("", &line[..end]) != link.chain {
            return Err(Broken::Changed);
        }
        Ok(Self {
            seq: link.seq,
            last: link.chain,
        })
    }
}

fn chained(before: &str, line: &str) -> String {
    use std::fmt::Write as _;
    let digest = digest(&SHA256, format!("{before}{line}").as_bytes());
    digest.as_ref().iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines() -> Vec<String> {
        let mut chain = Chain::default();
        let done = ["a", "b", "c"].map(|what| chain.link(&format!("{{\"what\":\"{what}\"}}")));
        done.to_vec()
    }

    fn check(lines: &[String]) -> Result<(), (usize, Broken)> {
        let mut chain = None;
        for (index, line) in lines.iter().enumerate() {
            chain = Some(Chain::check(chain.as_ref(), line).map_err(|broken| (index, broken))?);
        }
        Ok(())
    }

    #[test]
    fn a_line_has_its_number_and_its_digest() {
        insta::assert_snapshot!(lines()[0], @r#"{"what":"a","seq":1,"chain":"36c1fcffa1d979dea7846cc90ae4fb35dce84a7ac61c70236f9a2d2250e949b3"}"#);
    }

    #[test]
    fn it_goes_on_after_a_restart_and_a_rotation() {
        let mut lines = lines();
        let next = Chain::after(&lines[2]).link("{\"what\":\"d\"}");
        lines.push(next);
        assert_eq!(check(&lines), Ok(()));
        assert_eq!(check(&lines[2..]), Ok(()));
    }

    #[test]
    fn what_was_changed_later_shows() {
        let good = lines();
        let mut changed = good.clone();
        changed[1] = changed[1].replace("\"b\"", "\"x\"");
        assert_eq!(check(&changed), Err((1, Broken::Changed)));
        let mut first = good.clone();
        first[0] = first[0].replace("\"a\"", "\"x\"");
        assert_eq!(check(&first), Err((0, Broken::Changed)));
        let missing = [good[0].clone(), good[2].clone()];
        let expected = Broken::Missing {
            expected: 2,
            found: 3,
        };
        assert_eq!(check(&missing), Err((1, expected)));
        let odd = [good[0].clone(), "tw".to_owned()];
        assert_eq!(check(&odd), Err((1, Broken::NotALine)));
        // Whoever makes a new digest for the changed line has to make those of all that follow.
        let mut forged = good;
        forged[1] = Chain::after(&forged[0]).link("{\"what\":\"x\"}");
        assert_eq!(check(&forged), Err((2, Broken::Changed)));
    }
}
