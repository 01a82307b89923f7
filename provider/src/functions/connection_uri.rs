//! `provider::ferrymq::connection_uri`.

use agent_api::Address;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tfplugin_rs::prelude::*;

/// The function.
pub(crate) struct ConnectionUri;

/// Makes the URI that AMQP client libraries connect with: `amqps://user:password@host:port/vhost`.
///
/// Whatever the user's name, the password and the virtual host contain is percent-encoded, so that
/// every library reads them back as they are.
#[derive(Debug, Arguments)]
pub(crate) struct Parts {
    /// Endpoint of the broker, `amqps://host:port` or `amqp://host:port`: an element of
    /// `ferrymq_broker.<label>.instances[0].endpoints`.
    endpoint: String,
    /// Name of the user.
    user: String,
    /// Password of the user.
    password: String,
    /// Virtual host, such as `/`.
    vhost: String,
}

/// What need not be encoded in any part of a URI.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

impl Function for ConnectionUri {
    const NAME: &'static str = "connection_uri";
    type Arguments = Parts;
    type Output = String;

    fn call(&self, parts: Parts) -> Result<String, FunctionError> {
        let (scheme, authority) =
            endpoint(&parts.endpoint).map_err(|why| FunctionError::argument(0, why))?;
        for (index, text, what) in [(1, &parts.user, "user"), (3, &parts.vhost, "virtual host")] {
            if text.is_empty() {
                return Err(FunctionError::argument(
                    index,
                    format!("The {what} must not be empty."),
                ));
            }
        }
        let [user, password, vhost] = [&parts.user, &parts.password, &parts.vhost]
            .map(|part| utf8_percent_encode(part, ENCODED));
        Ok(format!("{scheme}://{user}:{password}@{authority}/{vhost}"))
    }
}

/// Scheme, and host with port.
fn endpoint(text: &str) -> Result<(&str, &str), String> {
    let refused = |why: &str| {
        format!("{text:?} is not an endpoint: {why}. Give one such as amqps://broker-1:5671.")
    };
    let (scheme, rest) = text
        .split_once("://")
        .ok_or_else(|| refused("it has no scheme"))?;
    if scheme != "amqps" && scheme != "amqp" {
        return Err(refused("its scheme is neither amqps nor amqp"));
    }
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    if authority.contains('@') {
        // It may hold a password: it is not repeated.
        return Err(
            "The endpoint names a user already. Give one such as amqps://broker-1:5671.".to_owned(),
        );
    }
    match authority.parse::<Address>() {
        Ok(_) => Ok((scheme, authority)),
        Err(_) => Err(refused("what follows the scheme is not host:port")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(endpoint: &str, user: &str, password: &str, vhost: &str) -> Result<String, String> {
        let [endpoint, user, password, vhost] =
            [endpoint, user, password, vhost].map(str::to_owned);
        let parts = Parts {
            endpoint,
            user,
            password,
            vhost,
        };
        ConnectionUri
            .call(parts)
            .map_err(|error| format!("{error:?}"))
    }

    #[test]
    fn every_part_is_encoded() {
        for (endpoint, user, password, vhost, uri) in [
            ("amqps://h:5671", "u", "p", "/", "amqps://u:p@h:5671/%2F"),
            (
                "amqp://[::1]:5672/",
                "u",
                "p",
                "v",
                "amqp://u:p@[::1]:5672/v",
            ),
            (
                "amqps://h",
                "me@home",
                "a/b:c@d%",
                "a b",
                "amqps://me%40home:a%2Fb%3Ac%40d%25@h/a%20b",
            ),
            (
                "amqps://10.0.0.1:1",
                "ü",
                "",
                "~",
                "amqps://%C3%BC:@10.0.0.1:1/~",
            ),
        ] {
            assert_eq!(call(endpoint, user, password, vhost).unwrap(), uri);
        }
    }

    #[test]
    fn errors_name_the_argument() {
        for (arguments, index, why) in [
            (("h:5671", "u", "/"), 0, "no scheme"),
            (("http://h:80", "u", "/"), 0, "neither amqps nor amqp"),
            (("amqps://", "u", "/"), 0, "not host:port"),
            (("amqps://h:5671/vhost", "u", "/"), 0, "not host:port"),
            (
                ("amqps://u:secret@h:5671", "u", "/"),
                0,
                "names a user already",
            ),
            (("amqps://h:5671", "", "/"), 1, "user must not be empty"),
            (
                ("amqps://h:5671", "u", ""),
                3,
                "virtual host must not be empty",
            ),
        ] {
            let (endpoint, user, vhost) = arguments;
            let error = call(endpoint, user, "p", vhost).unwrap_err();
            assert!(error.contains(why), "{error}");
            assert!(
                error.contains(&format!("argument: Some({index})")),
                "{error}"
            );
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
