//! Permissions: three regular expressions per user and virtual host, compiled once.
//!
//! As in RabbitMQ, an expression is not anchored (`^orders` and `orders$` are for the caller to
//! write), the empty one stands for `^$`, and publishing through the default exchange is a write
//! to `amq.default`. See [`expression`] for what expressions cost.

use regex::Regex;

use crate::definitions::PermissionSpec;
use crate::expression;
use crate::refusal::{Reason, Refusal};

/// What a call does to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    /// Declare or delete it.
    Configure,
    /// Consume, get, purge; bind from it.
    Read,
    /// Publish to it; bind into it.
    Write,
}

/// A permission ready for use.
#[derive(Debug)]
pub(crate) struct Permission {
    configure: Regex,
    write: Regex,
    read: Regex,
}

/// The name that stands for the default exchange in expressions and refusals.
pub(crate) const DEFAULT_EXCHANGE: &str = "amq.default";

impl Permission {
    /// Whether the permission covers the action on the resource of that name.
    pub(crate) fn allows(&self, action: Action, resource: &str) -> bool {
        let expression = match action {
            Action::Configure => &self.configure,
            Action::Read => &self.read,
            Action::Write => &self.write,
        };
        expression.is_match(if resource.is_empty() {
            DEFAULT_EXCHANGE
        } else {
            resource
        })
    }
}

impl Action {
    /// The word used in refusals.
    pub(crate) const fn verb(self) -> &'static str {
        match self {
            Self::Configure => "configure",
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

/// Compiles a permission's expressions, each at most `expression_bytes` long.
pub(crate) fn compile(
    spec: &PermissionSpec,
    expression_bytes: usize,
) -> Result<Permission, Refusal> {
    let one = |field: &str, pattern: &str| {
        let pattern = if pattern.is_empty() { "^$" } else { pattern };
        expression::compile(pattern, expression_bytes)
            .map_err(|why| Refusal::new(Reason::Invalid, format!("{field} {why}")).at(field))
    };
    Ok(Permission {
        configure: one("configure", &spec.configure)?,
        write: one("write", &spec.write)?,
        read: one("read", &spec.read)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permission(configure: &str, write: &str, read: &str) -> Result<Permission, Refusal> {
        let spec = PermissionSpec {
            user: "u".into(),
            vhost: "/".into(),
            configure: configure.into(),
            write: write.into(),
            read: read.into(),
        };
        compile(&spec, 64)
    }

    #[test]
    fn expressions_match_as_rabbitmq_users_expect() {
        let check = |pattern: &str, name: &str, expected: bool| {
            let permission = permission("", pattern, "").unwrap();
            assert_eq!(
                permission.allows(Action::Write, name),
                expected,
                "{pattern:?} on {name:?}"
            );
            assert!(!permission.allows(Action::Configure, name));
            assert!(!permission.allows(Action::Read, name));
        };
        check(".*", "anything", true);
        check(".*", "", true);
        check("", "anything", false);
        check("", "", false);
        check("^$", "", false);
        check("orders", "my-orders-2", true);
        check("^orders", "my-orders-2", false);
        check("^orders$", "orders", true);
        check("^amq\\.default$", "", true);
        check("^(a|b)\\.", "b.x", true);
        check("^é+$", "éé", true);
    }

    #[test]
    fn a_bad_expression_names_its_field() {
        let check = |result: Result<Permission, Refusal>, field: &str| {
            let refusal = result.unwrap_err();
            assert_eq!(refusal.reason, Reason::Invalid);
            assert!(refusal.text.starts_with(field), "{}", refusal.text);
        };
        check(permission("(", "", ""), "configure");
        check(permission("", "[z-a]", ""), "write");
        check(permission("", "", "a{1000}{1000}"), "read");
        check(permission("", "", &"x".repeat(65)), "read");
    }
}
