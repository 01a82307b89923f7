//! Topic permissions: which routing keys a connection may publish and bind with at a topic exchange.
//!
//! As in RabbitMQ, only an exchange for which its user has a topic permission asks. Variables are
//! replaced in the pattern by escaped text, so that a name like `.*` is no more than a name; one
//! that the connection has no value for, as `{client_id}` over AMQP, matches nothing.

use regex::Regex;

use super::permission::Action;
use crate::definitions::TopicPermissionSpec;
use crate::expression;
use crate::refusal::{Reason, Refusal};

/// What the variables of a connection stand for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Variables<'a> {
    pub(crate) username: &'a str,
    pub(crate) vhost: &'a str,
    /// Of protocols whose clients have one.
    pub(crate) client_id: Option<&'a str>,
}

/// A topic permission as one connection has it.
#[derive(Debug)]
pub(crate) struct TopicPermission {
    write: Regex,
    read: Regex,
}

/// Matches nothing, not even nothing.
const NEVER: &str = r"[^\s\S]";

/// A name of no meaning, to try patterns out with.
const ANY: Variables<'static> = Variables {
    username: "u",
    vhost: "v",
    client_id: Some("c"),
};

impl TopicPermission {
    /// The permission of a connection; none if it does not compile with its names.
    pub(crate) fn of(spec: &TopicPermissionSpec, variables: Variables<'_>) -> Option<Self> {
        let one = |pattern: &str| expression::compile(&expand(pattern, variables), usize::MAX).ok();
        Some(Self {
            write: one(&spec.write)?,
            read: one(&spec.read)?,
        })
    }

    pub(crate) fn allows(&self, action: Action, key: &str) -> bool {
        match action {
            Action::Read => self.read.is_match(key),
            Action::Write => self.write.is_match(key),
            Action::Configure => false,
        }
    }
}

/// Checks the expressions, each of at most so many bytes.
pub(crate) fn check_topic(spec: &TopicPermissionSpec, most_bytes: usize) -> Result<(), Refusal> {
    for (field, pattern) in [("write", &spec.write), ("read", &spec.read)] {
        let bounded = expression::check_len(pattern, most_bytes);
        bounded
            .and_then(|()| expression::compile(&expand(pattern, ANY), usize::MAX))
            .map_err(|why| Refusal::new(Reason::Invalid, format!("{field} {why}")).at(field))?;
    }
    Ok(())
}

/// The pattern with all variables replaced; the empty one matches nothing but the empty key.
fn expand(pattern: &str, variables: Variables<'_>) -> String {
    if pattern.is_empty() {
        return "^$".to_owned();
    }
    let names = [
        ("{username}", Some(variables.username)),
        ("{vhost}", Some(variables.vhost)),
        ("{client_id}", variables.client_id),
    ];
    let mut expanded = String::with_capacity(pattern.len());
    let mut rest = pattern;
    while let Some(at) = rest.find('{') {
        let (before, from) = rest.split_at(at);
        expanded.push_str(before);
        // Each place is looked at once: a name that spells a variable stays what it is.
        let known = names
            .iter()
            .find(|(variable, _)| from.starts_with(variable));
        rest = match known {
            Some((variable, name)) => {
                let text = name.map_or_else(|| NEVER.to_owned(), regex::escape);
                expanded.push_str(&text);
                &from[variable.len()..]
            }
            None => {
                expanded.push('{');
                &from[1..]
            }
        };
    }
    expanded + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(write: &str) -> TopicPermissionSpec {
        TopicPermissionSpec {
            user: "u".into(),
            vhost: "/".into(),
            exchange: "amq.topic".into(),
            write: write.into(),
            read: String::new(),
        }
    }

    #[test]
    fn variables_are_names_and_never_patterns() {
        let check = |pattern: &str, username: &str, key: &str, expected: bool| {
            let variables = Variables {
                username,
                vhost: "/",
                client_id: None,
            };
            let permission = TopicPermission::of(&spec(pattern), variables).unwrap();
            let allowed = permission.allows(Action::Write, key);
            assert_eq!(allowed, expected, "{pattern} for {username} on {key}");
            assert!(!permission.allows(Action::Read, key));
        };
        check("^{username}\\.", "ann", "ann.x", true);
        check("^{username}\\.", "ann", "bob.x", false);
        check("^{username}\\.", ".*", "bob.x", false);
        check("^{username}\\.", ".*", ".*.x", true);
        check("^{username}", "(", "(x", true);
        check("^{vhost}$", "ann", "/", true);
        check("^{client_id}", "ann", "{client_id}", false);
        check("{client_id}|^ok$", "ann", "ok", true);
        // A name that spells a variable stays what it is.
        check("^{username}$", "{vhost}", "/", false);
    }

    #[test]
    fn a_bad_expression_names_its_field() {
        let refusal = check_topic(&spec("{username}("), 64).unwrap_err();
        assert_eq!(refusal.property.as_deref(), Some("write"));
        assert!(check_topic(&spec(&"x".repeat(65)), 64).is_err());
        assert!(check_topic(&spec("^{username}.{vhost}.{client_id}$"), 64).is_ok());
    }
}
