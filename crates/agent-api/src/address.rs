//! Where an agent is: `host`, `host:port`, `[v6]` or `[v6]:port`.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

use crate::DEFAULT_PORT;

/// Host and port of an agent.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Address {
    /// Name or IP address, without brackets.
    pub host: String,
    /// TCP port, [`DEFAULT_PORT`] when the text had none.
    pub port: u16,
}

/// A text that is no agent address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not an agent's address: {why}; write it as host:port, for example broker-1.example.com:{DEFAULT_PORT}"
)]
pub struct BadAddress {
    text: String,
    why: &'static str,
}

impl FromStr for Address {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Self, BadAddress> {
        parse(text).map_err(|why| BadAddress {
            text: text.to_owned(),
            why,
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

fn parse(text: &str) -> Result<Address, &'static str> {
    if text.contains("://") || text.contains('/') {
        return Err("it has a scheme or a path");
    }
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']').ok_or("its bracket is not closed")?;
            host.parse::<Ipv6Addr>()
                .map_err(|_| "what stands in brackets is no IPv6 address")?;
            match after {
                "" => (host, None),
                _ => (
                    host,
                    Some(
                        after
                            .strip_prefix(':')
                            .ok_or("the bracket ends too early")?,
                    ),
                ),
            }
        }
        None if text.parse::<Ipv6Addr>().is_ok() => (text, None),
        None => match text.rsplit_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let named = !host.is_empty()
        && host
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    if !named && host.parse::<Ipv6Addr>().is_err() {
        return Err("it has no legal host name or IP address");
    }
    let port = match port {
        None => DEFAULT_PORT,
        Some(port) => match port.parse() {
            Ok(0) | Err(_) => return Err("its port is not a number from 1 to 65535"),
            Ok(port) => port,
        },
    };
    Ok(Address {
        host: host.to_owned(),
        port,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(
            text.parse::<Address>()
                .map(|address| address.to_string())
                .unwrap(),
            expected
        );
    }

    #[track_caller]
    fn refused(text: &str, why: &str) {
        let error = text.parse::<Address>().unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }

    #[test]
    fn the_port_defaults_and_ipv6_may_stand_in_brackets() {
        check("agent", "agent:7443");
        check("agent.example.com:1", "agent.example.com:1");
        check("10.0.0.1:7444", "10.0.0.1:7444");
        check("::1", "[::1]:7443");
        check("[::1]", "[::1]:7443");
        check("[fe80::2]:99", "[fe80::2]:99");
    }

    #[test]
    fn what_is_no_address_says_why() {
        refused("", "no legal host");
        refused(":7443", "no legal host");
        refused("https://agent:7443", "scheme");
        refused("agent:", "port");
        refused("agent:0", "port");
        refused("agent:65536", "port");
        refused("a b:1", "no legal host");
        refused("h::i:1", "no legal host");
        refused("[::1", "bracket");
        refused("[::1]7443", "bracket");
        refused("[host]:1", "IPv6");
    }
}
