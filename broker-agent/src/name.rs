//! Broker names: a [`BrokerName`] that exists is a legal one.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Most characters of a name; what Amazon MQ allows.
const MAX: usize = 50;

/// A broker's name: 1 to 50 letters, digits, `-` and `_`, the first a letter or a digit. Also the
/// name of its registry file, so the rule is what keeps callers inside that directory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct BrokerName(String);

/// A text that is no broker name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "broker name {text:?} is not allowed: {why}; use 1 to {MAX} letters, digits, - and _, and begin \
     with a letter or a digit"
)]
pub(crate) struct BadName {
    text: String,
    why: &'static str,
}

impl BrokerName {
    /// The name as text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for BrokerName {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let why = match text.as_bytes() {
            [] => "it is empty",
            bytes if bytes.len() > MAX => "it is too long",
            [first, ..] if !first.is_ascii_alphanumeric() => "it begins with another character",
            bytes if !bytes.iter().copied().all(legal) => "it holds another character",
            _ => return Ok(Self(text.to_owned())),
        };
        let text = text.chars().take(2 * MAX).collect();
        Err(BadName { text, why })
    }
}

impl TryFrom<String> for BrokerName {
    type Error = BadName;

    fn try_from(text: String) -> Result<Self, BadName> {
        text.parse()
    }
}

impl From<BrokerName> for String {
    fn from(name: BrokerName) -> Self {
        name.0
    }
}

impl fmt::Display for BrokerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn legal_and_illegal_names() {
        for good in ["a", "orders", "Orders-2_eu", "0", &"x".repeat(50)] {
            assert_eq!(good.parse::<BrokerName>().unwrap().as_str(), good);
        }
        let long = "x".repeat(51);
        let bad = [
            "", &long, "-a", "_a", "a b", "a/b", "..", "a.b", "ä", "a\n", "a%20",
        ];
        for bad in bad {
            let error = bad.parse::<BrokerName>().unwrap_err().to_string();
            assert!(error.contains("is not allowed"), "{error}");
        }
    }
}
