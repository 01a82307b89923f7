//! Private state: bytes that Terraform keeps beside a resource's state and never shows.
//!
//! On the wire it is one JSON object from keys to base64 text. Keys that begin with a dot belong to
//! the framework, all others to the provider. It is stored in the clear: no place for secrets.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::diagnostics::{Diagnostic, Diagnostics, OrDiagnostic, Result};

/// A resource's private state, by key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Private(BTreeMap<String, Vec<u8>>);

impl Private {
    /// The value stored under `key`, if any.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        let Some(bytes) = self.0.get(key) else {
            return Ok(None);
        };
        let value = serde_json::from_slice(bytes)
            .or_diagnostic(format!("Private state {key:?} is not what was stored"))?;
        Ok(Some(value))
    }

    /// Stores `value` under `key`.
    pub fn set<T: Serialize>(&mut self, key: &str, value: &T) -> Result<()> {
        if key.is_empty() || key.starts_with('.') {
            let detail = format!("The key {key:?} is empty or begins with a dot.");
            return Err(Diagnostic::error("Reserved key of private state", detail).into());
        }
        let bytes = serde_json::to_vec(value).or_diagnostic("Could not store private state")?;
        self.0.insert(key.to_owned(), bytes);
        Ok(())
    }

    /// Forgets what is stored under `key`.
    pub fn remove(&mut self, key: &str) {
        if !key.starts_with('.') {
            self.0.remove(key);
        }
    }

    /// Reads the wire form. Nothing at all means no keys. So does an object of another form, which
    /// is what a provider on Terraform's older SDK has left: there is nothing of use in it.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self> {
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        let problem = |detail: String| -> Diagnostics {
            Diagnostic::error("Private state is damaged", detail).into()
        };
        let object: BTreeMap<String, serde_json::Value> =
            serde_json::from_slice(bytes).map_err(|error| problem(error.to_string()))?;
        let decode = |(key, value): (String, serde_json::Value)| {
            Some((key, STANDARD.decode(value.as_str()?).ok()?))
        };
        let Some(keys) = object.into_iter().map(decode).collect::<Option<Self>>() else {
            tracing::warn!("private state of another form is left out");
            return Ok(Self::default());
        };
        for (key, value) in &keys.0 {
            serde_json::from_slice::<serde::de::IgnoredAny>(value)
                .map_err(|error| problem(format!("{key}: {error}")))?;
        }
        Ok(keys)
    }

    /// Sets a mark of the framework's own.
    pub(crate) fn mark(&mut self, mark: &str) {
        self.0.insert(mark.to_owned(), b"true".to_vec());
    }

    /// Takes a mark of the framework's own away; true if it was there.
    pub(crate) fn unmark(&mut self, mark: &str) -> bool {
        self.0.remove(mark).is_some()
    }

    /// The wire form; nothing at all when there are no keys.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        if self.0.is_empty() {
            return Vec::new();
        }
        let keys: serde_json::Map<String, serde_json::Value> = self
            .0
            .iter()
            .map(|(key, value)| (key.clone(), STANDARD.encode(value).into()))
            .collect();
        serde_json::Value::Object(keys).to_string().into_bytes()
    }
}

impl FromIterator<(String, Vec<u8>)> for Private {
    fn from_iter<I: IntoIterator<Item = (String, Vec<u8>)>>(keys: I) -> Self {
        Self(keys.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_survive_the_wire() {
        let mut private = Private::default();
        private.set("revision", &7_u64).unwrap();
        private.set("names", &["a", "b"]).unwrap();
        let back = Private::from_bytes(&private.to_bytes()).unwrap();
        assert_eq!(back, private);
        assert_eq!(back.get::<u64>("revision").unwrap(), Some(7));
        assert_eq!(back.get::<u64>("missing").unwrap(), None);
        assert!(back.get::<u64>("names").is_err());
        assert_eq!(Private::default().to_bytes(), Vec::<u8>::new());
    }

    #[test]
    fn framework_keys_are_out_of_reach() {
        let mut private = Private::from_bytes(br#"{".frameworkKey":"MQ=="}"#).unwrap();
        private.remove(".frameworkKey");
        assert!(private.set(".frameworkKey", &2).is_err());
        assert_eq!(private.get::<u64>(".frameworkKey").unwrap(), Some(1));
    }

    #[test]
    fn damage_is_reported() {
        assert!(Private::from_bytes(b"nonsense").is_err());
        assert!(Private::from_bytes(b"[]").is_err());
        // "{" in base64: a value, but not JSON.
        assert!(Private::from_bytes(br#"{"a":"ew=="}"#).is_err());
    }

    #[test]
    fn what_the_older_sdk_left_is_ignored() {
        for left in [r#"{"schema_version":"1"}"#, r#"{"e2bfb730":{"create":60}}"#] {
            let private = Private::from_bytes(left.as_bytes()).unwrap();
            assert_eq!(private, Private::default(), "{left}");
        }
    }

    #[test]
    fn keys_of_the_provider_are_set_replaced_and_removed() {
        let mut private = Private::default();
        for key in ["a", "a.b", "A key", "é", "frame.work"] {
            private.set(key, &1).unwrap();
            private.set(key, &2).unwrap();
            assert_eq!(private.get::<u8>(key).unwrap(), Some(2), "{key}");
            private.remove(key);
            assert_eq!(private.get::<u8>(key).unwrap(), None, "{key}");
        }
        assert_eq!(private, Private::default());
        for key in ["", ".", ".a", "..", ".import_before_read"] {
            let error = private.set(key, &1).unwrap_err().to_string();
            let expected = format!(
                "error: Reserved key of private state: The key {key:?} is empty or begins with a \
                 dot."
            );
            assert_eq!(error, expected);
        }
    }

    #[test]
    fn marks_are_found_once() {
        let mut private = Private::default();
        assert!(!private.unmark(".m"));
        private.mark(".m");
        assert_eq!(private.to_bytes(), br#"{".m":"dHJ1ZQ=="}"#);
        let mut back = Private::from_bytes(&private.to_bytes()).unwrap();
        assert!(back.unmark(".m") && !back.unmark(".m"));
        assert_eq!(back.to_bytes(), b"");
    }

    #[test]
    fn what_was_stored_as_another_type_is_named() {
        let mut private = Private::default();
        private.set("n", &"text").unwrap();
        let error = private.get::<u8>("n").unwrap_err().to_string();
        let start = "error: Private state \"n\" is not what was stored: invalid type: string";
        assert!(error.starts_with(start), "{error}");
        // A map with keys that are no texts has no JSON.
        let odd = BTreeMap::from([(vec![1], 1)]);
        let error = private.set("n", &odd).unwrap_err().to_string();
        assert!(
            error.starts_with("error: Could not store private state"),
            "{error}"
        );
        assert_eq!(private.get::<String>("n").unwrap().as_deref(), Some("text"));
    }

    proptest::proptest! {
        #[test]
        fn anything_serde_knows_survives(
            entries in proptest::collection::btree_map("[a-z]{1,3}", ".{0,8}", 0..4),
            numbers in proptest::collection::vec(proptest::prelude::any::<i64>(), 0..4),
        ) {
            let mut private = Private::default();
            for (key, text) in &entries {
                private.set(key, text).unwrap();
            }
            private.set("numbers", &numbers).unwrap();
            let back = Private::from_bytes(&private.to_bytes()).unwrap();
            for (key, text) in &entries {
                proptest::prop_assert_eq!(back.get::<String>(key).unwrap(), Some(text.clone()));
            }
            proptest::prop_assert_eq!(back.get::<Vec<i64>>("numbers").unwrap(), Some(numbers));
        }

        #[test]
        fn any_bytes_are_an_answer_or_an_error(bytes: Vec<u8>, text in "[{}\\[\\]\":,a-z0-9=]{0,40}") {
            let _ = Private::from_bytes(&bytes);
            let _ = Private::from_bytes(text.as_bytes());
        }
    }
}
