//! `provider::ferrymq::topic_matches`.

use tfplugin_rs::prelude::*;

/// The function.
pub(crate) struct TopicMatches;

/// Tells whether a message with a routing key reaches what is bound to a topic exchange with a
/// pattern: keys and patterns are words between dots, `*` stands for one word, `#` for any number of
/// them.
#[derive(Debug, Arguments)]
pub(crate) struct Subject {
    /// The binding's key, such as `orders.*.paid.#`.
    pattern: String,
    /// The message's, such as `orders.eu.paid`.
    routing_key: String,
}

impl Function for TopicMatches {
    const NAME: &'static str = "topic_matches";
    type Arguments = Subject;
    type Output = bool;

    fn call(&self, subject: Subject) -> Result<bool, FunctionError> {
        Ok(matches(&subject.pattern, &subject.routing_key))
    }
}

/// One pass over the pattern with the set of positions in the key it may have come to: time is the
/// product of both lengths at most, whatever the wildcards.
fn matches(pattern: &str, key: &str) -> bool {
    let words = words(key);
    let mut reached = vec![false; words.len() + 1];
    reached[0] = true;
    for step in self::words(pattern) {
        if step == "#" {
            let first = reached.iter().position(|it| *it).unwrap_or(reached.len());
            reached[first..].fill(true);
            continue;
        }
        for at in (0..words.len()).rev() {
            reached[at + 1] = reached[at] && (step == "*" || step == words[at]);
        }
        reached[0] = false;
    }
    reached[words.len()]
}

/// The empty text has no words, as in the broker.
fn words(text: &str) -> Vec<&str> {
    if text.is_empty() {
        return Vec::new();
    }
    text.split('.').collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_stand_for_words() {
        for (pattern, key, expected) in [
            ("a.b", "a.b", true),
            ("a.b", "a.c", false),
            ("*", "a", true),
            ("*", "a.b", false),
            ("*", "", false),
            ("#", "", true),
            ("#", "a.b.c", true),
            ("", "", true),
            ("", "a", false),
            ("a.#", "a", true),
            ("a.#.c", "a.c", true),
            ("a.#.c", "a.b.b.c", true),
            ("a.#.c", "a.b", false),
            ("#.#.#", "", true),
            ("*.#", "", false),
            ("#.*", "a.b", true),
            ("a.*.c", "a..c", true),
            ("a*", "ab", false),
        ] {
            assert_eq!(matches(pattern, key), expected, "{pattern} on {key}");
        }
    }

    #[test]
    fn many_wildcards_cost_no_more_than_their_number() {
        let pattern = vec!["#"; 2000].join(".") + ".x";
        let key = vec!["a"; 2000].join(".");
        assert!(!matches(&pattern, &key));
    }
}
