//! [`Json`]: any JSON document.

use std::fmt;
use std::str::FromStr;

use serde::de::DeserializeOwned;

use crate::value::msgpack::CodecError;
use crate::value::{Dynamic, json};

/// A JSON document. White space, the order of keys and the spelling of numbers and strings make no
/// difference; numbers keep every digit.
///
/// ```
/// use tfplugin_rs::types::Json;
///
/// let policy: Json = r#"{"b": 1.50, "a": "\u00e4"}"#.parse()?;
/// assert_eq!(policy, r#"{"a":"ä","b":1.5}"#.parse()?);
/// assert_eq!(policy.to_string(), r#"{"a":"ä","b":1.5}"#);
/// # Ok::<(), tfplugin_rs::types::JsonError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Json(Dynamic);

/// Why a text is not JSON.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it is not JSON: {0}")]
pub struct JsonError(CodecError);

impl Json {
    /// The document as a value.
    pub const fn value(&self) -> &Dynamic {
        &self.0
    }

    /// Reads it with serde.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(&self.to_string())
    }
}

impl From<&serde_json::Value> for Json {
    fn from(document: &serde_json::Value) -> Self {
        Self(Dynamic::from_json(document))
    }
}

impl FromStr for Json {
    type Err = JsonError;

    fn from_str(text: &str) -> Result<Self, JsonError> {
        json::decode_any(text.as_bytes())
            .map(Self)
            .map_err(JsonError)
    }
}

impl fmt::Display for Json {
    /// On one line, keys in order.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let encoded = json::encode(self.0.value(), self.0.ty()).map_err(|_| fmt::Error)?;
        f.write_str(&String::from_utf8_lossy(&encoded))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn document(text: &str) -> Json {
        text.parse()
            .unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn spellings_of_one_document_are_equal() {
        for (a, b) in [
            (
                r#"{"a":1,"b":[true,null]}"#,
                " { \"b\" : [ true , null ] ,\n \"a\" : 1.0 } ",
            ),
            (r#""\u0041""#, r#""A""#),
            ("1e2", "100"),
            ("[]", "[ ]"),
        ] {
            assert_eq!(document(a), document(b), "{a} and {b}");
        }
        for (a, b) in [
            ("[1,2]", "[2,1]"),
            ("{}", "[]"),
            (r#"{"a":null}"#, "{}"),
            ("1", "\"1\""),
            ("12345678901234567890", "12345678901234567891"),
            ("null", "false"),
        ] {
            assert_ne!(document(a), document(b), "{a} and {b}");
        }
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for text in [
            "", "{", "{a:1}", "[1,]", "01", "-01", "1 2", "'a'", "nul", "\"\n\"",
        ] {
            assert!(text.parse::<Json>().is_err(), "{text}");
        }
        let deep = "[".repeat(100_000);
        let error = deep.parse::<Json>().unwrap_err();
        assert!(
            error.to_string().ends_with("nested more than 64 deep"),
            "{error}"
        );
    }

    #[test]
    fn documents_are_read_with_serde() {
        let numbers: Vec<u8> = document("[1, 2]").read().unwrap();
        assert_eq!(numbers, [1, 2]);
        assert!(document("{}").read::<Vec<u8>>().is_err());
        assert_eq!(
            Json::from(&serde_json::json!({"a": [1.5]})),
            document(r#"{"a":[1.5]}"#)
        );
    }

    proptest! {
        #[test]
        fn what_is_displayed_is_read_back(text in r#"\[("[a-z"]{0,4}",|-?[0-9]{1,30}(\.[0-9]{1,5})?,){0,5}null\]"#) {
            if let Ok(found) = text.parse::<Json>() {
                prop_assert_eq!(found.to_string().parse::<Json>().unwrap(), found);
            }
        }
    }
}
