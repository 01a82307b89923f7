//! Reading credentials out of a SASL response.

use wire::amqp091::{ReplyCode, Table, Value};

use super::fault::Fault;

/// The mechanisms offered to everybody, as `connection.start` lists them.
pub(super) const MECHANISMS: &str = "PLAIN AMQPLAIN";

/// Offered to who has presented a certificate.
pub(super) const EXTERNAL: &str = "EXTERNAL";

/// A user name and a password as the client sent them.
#[derive(PartialEq, Eq)]
pub(super) struct Credentials<'a> {
    pub(super) username: &'a str,
    pub(super) password: &'a [u8],
}

/// Without the password, so that no log ever holds one.
impl std::fmt::Debug for Credentials<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials")
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

/// Reads the response of one of [`MECHANISMS`].
pub(super) fn credentials<'a>(
    mechanism: &str,
    response: &'a [u8],
) -> Result<Credentials<'a>, Fault> {
    let found = match mechanism {
        "PLAIN" => plain(response),
        "AMQPLAIN" => amqplain(response),
        other => {
            return Err(Fault::new(
                ReplyCode::CommandInvalid,
                format_args!("unknown authentication mechanism '{other}'"),
            ));
        }
    };
    found.ok_or_else(|| {
        Fault::new(
            ReplyCode::SyntaxError,
            format_args!("malformed {mechanism} response"),
        )
    })
}

/// `[authorization identity] NUL user NUL password` (RFC 4616). An identity other than the user
/// would be a wish to act for someone else, which nobody may.
fn plain(response: &[u8]) -> Option<Credentials<'_>> {
    let mut parts = response.split(|&byte| byte == 0);
    let (identity, username, password) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || !(identity.is_empty() || identity == username) {
        return None;
    }
    Some(Credentials {
        username: std::str::from_utf8(username).ok()?,
        password,
    })
}

/// A field table with `LOGIN` and `PASSWORD`, without the length a table has elsewhere.
fn amqplain(response: &[u8]) -> Option<Credentials<'_>> {
    let table = Table::parse(response).ok()?;
    let text = |name| match table.get(name) {
        Some(Value::Text(bytes)) => Some(bytes),
        _ => None,
    };
    let username = std::str::from_utf8(text("LOGIN")?).ok()?;
    Some(Credentials {
        username,
        password: text("PASSWORD")?,
    })
}

#[cfg(test)]
mod tests {
    use wire::amqp091::TableBuilder;

    use super::*;

    fn check(mechanism: &str, response: &[u8], expected: Option<(&str, &[u8])>) {
        let found = credentials(mechanism, response)
            .ok()
            .map(|c| (c.username, c.password));
        assert_eq!(found, expected, "{mechanism} {response:?}");
    }

    #[test]
    fn plain_has_three_parts() {
        check("PLAIN", b"\0guest\0secret", Some(("guest", b"secret")));
        check("PLAIN", b"guest\0guest\0secret", Some(("guest", b"secret")));
        check("PLAIN", b"\0guest\0", Some(("guest", b"")));
        for broken in [
            &b""[..],
            b"\0guest",
            b"other\0guest\0secret",
            b"\0g\0s\0x",
            b"\0\xff\0s",
        ] {
            check("PLAIN", broken, None);
        }
    }

    #[test]
    fn amqplain_is_a_bare_table() {
        let table = TableBuilder::new()
            .text("LOGIN", "guest")
            .text("PASSWORD", "secret");
        check(
            "AMQPLAIN",
            table.as_table().as_bytes(),
            Some(("guest", b"secret")),
        );
        let table = TableBuilder::new()
            .text("LOGIN", "guest")
            .entry("PASSWORD", Value::Void);
        check("AMQPLAIN", table.as_table().as_bytes(), None);
        check("AMQPLAIN", b"\x05LOGINS\0\0\0\xff", None);
    }

    #[test]
    fn other_mechanisms_are_refused_by_name() {
        let fault = credentials("ANONYMOUS", b"").unwrap_err();
        assert_eq!(
            fault.reply_text(),
            "COMMAND_INVALID - unknown authentication mechanism 'ANONYMOUS'"
        );
    }
}
