//! The nodes of a pair as a configuration names them.

use std::collections::BTreeSet;
use std::net::IpAddr;

use agent_api::Address;

/// Where agents listen for each other unless their configuration says otherwise.
pub(crate) const REPLICATION_PORT: u16 = 7444;

/// One node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    /// Its agent.
    pub(crate) agent: Address,
    /// What people call it.
    pub(crate) name: String,
    /// Where the other nodes reach it.
    pub(crate) replication: Address,
}

/// Names for nodes that are given none: what is before the first dot of their hosts' names; where
/// that does not tell them apart, as with IP addresses, `node-1` and `node-2`.
pub(crate) fn default_names(agents: &[Address]) -> Vec<String> {
    let labels: Option<Vec<String>> = agents.iter().map(label).collect();
    let distinct = labels.filter(|labels| {
        let set: BTreeSet<&String> = labels.iter().collect();
        set.len() == labels.len()
    });
    distinct.unwrap_or_else(|| (1..=agents.len()).map(|i| format!("node-{i}")).collect())
}

/// Where nodes reach each other that are given no address for it: their agent's host, and the port
/// that agents have.
pub(crate) fn default_replication(agents: &[Address]) -> Vec<String> {
    let address = |agent: &Address| Address {
        host: agent.host.clone(),
        port: REPLICATION_PORT,
    };
    agents
        .iter()
        .map(|agent| address(agent).to_string())
        .collect()
}

/// Reads `host` or `host:port`, where the port is [`REPLICATION_PORT`] unless it is given.
pub(crate) fn replication_address(text: &str) -> Result<Address, String> {
    let address: Address = text.parse().map_err(|error| {
        let text = format!("{error}");
        // The type speaks of agents; what is wrong is the same.
        let why = text.split_once(": ").map_or(text.as_str(), |(_, why)| why);
        let why = why.split_once(';').map_or(why, |(why, _)| why);
        why.to_owned()
    })?;
    let bare = text.trim_start_matches('[').trim_end_matches(']') == address.host;
    Ok(if bare {
        Address {
            port: REPLICATION_PORT,
            ..address
        }
    } else {
        address
    })
}

fn label(agent: &Address) -> Option<String> {
    if agent.host.parse::<IpAddr>().is_ok() {
        return None;
    }
    let label = agent.host.split('.').next()?;
    is_name(label).then(|| label.to_owned())
}

/// The rule for names of nodes, which is that for names of brokers.
pub(crate) fn is_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    text.len() <= 50
        && text.bytes().all(allowed)
        && text
            .bytes()
            .next()
            .is_some_and(|byte| byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(texts: &[&str]) -> Vec<Address> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn nodes_are_called_by_their_hosts_where_that_tells_them_apart() {
        for (agents, names) in [
            (["mq-a.example.com", "mq-b.example.com"], ["mq-a", "mq-b"]),
            (["a:7443", "a:7444"], ["node-1", "node-2"]),
            (["a.zone-1.com", "a.zone-2.com"], ["node-1", "node-2"]),
            (["10.0.0.1", "10.0.0.2"], ["node-1", "node-2"]),
            (["::1", "b"], ["node-1", "node-2"]),
            (["_x.example.com", "b"], ["node-1", "node-2"]),
        ] {
            assert_eq!(default_names(&addresses(&agents)), names, "{agents:?}");
        }
    }

    #[test]
    fn nodes_reach_each_other_at_their_agents_hosts() {
        let agents = addresses(&["mq-a.example.com:9000", "::1"]);
        assert_eq!(
            default_replication(&agents),
            ["mq-a.example.com:7444", "[::1]:7444"]
        );
    }

    #[test]
    fn a_port_left_out_is_the_standard_one() {
        for (text, full) in [
            ("mq-a", "mq-a:7444"),
            ("mq-a:7443", "mq-a:7443"),
            ("mq-a:1", "mq-a:1"),
            ("[::1]", "[::1]:7444"),
            ("::1", "[::1]:7444"),
            ("[::1]:5", "[::1]:5"),
        ] {
            assert_eq!(replication_address(text).unwrap().to_string(), full);
        }
        let why = replication_address("tcp://mq-a").unwrap_err();
        assert!(why.contains("scheme or a path"), "{why}");
    }
}
