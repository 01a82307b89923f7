//! The registry of secrets, and their replacement in text.

use std::borrow::Cow;
use std::sync::{PoisonError, RwLock};

use serde_json::Value;

const MASK: &str = "***";

static SECRETS: RwLock<Secrets> = RwLock::new(Secrets { texts: Vec::new() });

/// From now on `secret` appears in no log line and no panic text: `***` stands in its
/// place. Covers the secret as it is and as JSON and `{:?}` escape it, not other
/// encodings of it. Secrets are kept until the process ends, which is soon.
pub fn mask(secret: &str) {
    SECRETS
        .write()
        .unwrap_or_else(PoisonError::into_inner)
        .add(secret);
}

/// `text` with every masked secret replaced.
pub fn masked(text: &str) -> Cow<'_, str> {
    SECRETS
        .read()
        .unwrap_or_else(PoisonError::into_inner)
        .hide(text)
}

/// Masks every string and number within `value`, however deep. Keys stay: they are
/// the program's words.
pub(super) fn mask_value(value: &mut Value) {
    match value {
        Value::Null | Value::Bool(_) => {}
        Value::Number(number) => {
            let text = number.to_string();
            if let Cow::Owned(hidden) = masked(&text) {
                *value = hidden.into();
            }
        }
        Value::String(text) => {
            if let Cow::Owned(hidden) = masked(text) {
                *text = hidden;
            }
        }
        Value::Array(values) => values.iter_mut().for_each(mask_value),
        Value::Object(members) => members.values_mut().for_each(mask_value),
    }
}

#[derive(Default)]
struct Secrets {
    texts: Vec<String>,
}

impl Secrets {
    fn add(&mut self, secret: &str) {
        let json = Value::from(secret).to_string();
        let debug = format!("{secret:?}");
        // Both escaped forms come in quotes, which are not part of the secret.
        for text in [secret, &json[1..json.len() - 1], &debug[1..debug.len() - 1]] {
            if !text.is_empty() && !self.texts.iter().any(|known| known == text) {
                self.texts.push(text.to_owned());
            }
        }
    }

    fn hide<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut found: Vec<(usize, usize)> = self
            .texts
            .iter()
            .flat_map(|secret| occurrences(text, secret))
            .collect();
        if found.is_empty() {
            return Cow::Borrowed(text);
        }
        found.sort_unstable();
        let mut hidden = String::with_capacity(text.len());
        let mut shown_to = 0;
        for (start, end) in found {
            // Secrets may overlap: replacing one after the other would leave the end
            // of the second. An overlapping find only widens the gap.
            if start >= shown_to {
                hidden.push_str(&text[shown_to..start]);
                hidden.push_str(MASK);
            }
            shown_to = shown_to.max(end);
        }
        hidden.push_str(&text[shown_to..]);
        Cow::Owned(hidden)
    }
}

/// Every place of `secret` in `text`, also where two of them overlap.
fn occurrences<'t>(text: &'t str, secret: &'t str) -> impl Iterator<Item = (usize, usize)> + 't {
    let step = secret.chars().next().map_or(1, char::len_utf8);
    let mut from = 0;
    std::iter::from_fn(move || {
        let start = from + text.get(from..)?.find(secret)?;
        from = start + step;
        Some((start, start + secret.len()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(secrets: &[&str], text: &str, expected: &str) {
        let mut known = Secrets::default();
        secrets.iter().for_each(|secret| known.add(secret));
        assert_eq!(known.hide(text), expected);
    }

    #[test]
    fn every_occurrence_is_replaced() {
        check(
            &["hunter2"],
            "hunter2 or hunter2, not hunter3",
            "*** or ***, not hunter3",
        );
        check(&["päß"], "päßpäß", "******");
        check(&[], "hunter2", "hunter2");
        check(&[""], "hunter2", "hunter2");
    }

    #[test]
    fn overlapping_secrets_leave_nothing_behind() {
        check(&["abc", "bcd"], "xabcdx", "x***x");
        check(&["bcd", "abc"], "xabcdx", "x***x");
        check(&["aa"], "xaaax", "x***x");
        check(&["abcdef", "cd"], "abcdef cd", "*** ***");
    }

    #[test]
    fn escaped_forms_are_replaced_too() {
        let secret = "a\"b\\c\nd'e";
        check(&[secret], secret, "***");
        check(
            &[secret],
            &serde_json::json!({ "p": secret }).to_string(),
            r#"{"p":"***"}"#,
        );
        check(&[secret], &format!("{:?}", Some(secret)), r#"Some("***")"#);
    }

    #[test]
    fn values_are_masked_at_every_depth() {
        mask("depth-secret");
        mask("730011");
        let mut value = serde_json::json!({
            "list": ["depth-secret", { "deep": "amqp://u:depth-secret@host" }],
            "number": 730011,
            "other": 730012,
            "depth-secret-key": true,
        });
        mask_value(&mut value);
        assert_eq!(
            value,
            serde_json::json!({
                "list": ["***", { "deep": "amqp://u:***@host" }],
                "number": "***",
                "other": 730012,
                "depth-secret-key": true,
            })
        );
    }

    proptest::proptest! {
        /// Whatever the text and the secrets, every byte of every occurrence is gone, and every other
        /// byte is there.
        #[test]
        fn exactly_the_secrets_are_hidden(
            secrets in proptest::collection::vec("[abä\"]{1,3}", 0..4),
            text in "[abcä\" ]{0,24}",
        ) {
            let mut known = Secrets::default();
            secrets.iter().for_each(|secret| known.add(secret));
            let mut is_secret = vec![false; text.len()];
            for secret in &known.texts {
                for start in 0..text.len() {
                    if text.as_bytes()[start..].starts_with(secret.as_bytes()) {
                        is_secret[start..start + secret.len()].fill(true);
                    }
                }
            }
            let hidden = known.hide(&text);
            let shown: String = text
                .char_indices()
                .filter(|(at, _)| !is_secret[*at])
                .map(|(_, c)| c)
                .collect();
            proptest::prop_assert_eq!(hidden.replace(MASK, ""), shown);
            let is_hidden = is_secret.contains(&true);
            proptest::prop_assert_eq!(hidden.contains(MASK), is_hidden);
        }
    }
}
