//! From the contract's `Replication` to [`Settings`] and back: one clear sentence for each mistake.

use std::path::Path;

use agent_api::v1::{self, Reason};
use agent_api::{Address, Failure};

use super::settings::{
    Coordination, DEFAULT_PORT, Durability, DynamoDb, Etcd, GroupId, Node, Settings,
};
use crate::registry::Secret;

/// Nodes of a group at most.
const NODES_MAX: usize = 3;

/// Longest name of a node: a host name's length.
const NAME_MAX: usize = 253;

/// What the broker and this agent are already.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Present<'a> {
    /// The broker's uid; none for one that is being made.
    pub uid: Option<&'a str>,
    /// How it is replicated so far.
    pub settings: Option<&'a Settings>,
}

/// Checks what a caller asked for, as far as that can be done by looking at it.
pub(crate) fn resolve(asked: &v1::Replication, present: Present<'_>) -> Result<Settings, Failure> {
    let settings = Settings {
        group: group(asked, present.uid)?,
        nodes: nodes(&asked.nodes)?,
        node: number(asked.node, "node")?,
        founder: number(asked.founder, "founder")?,
        coordination: coordination(asked.coordination.as_ref(), present.settings)?,
        durability: match asked.durability() {
            v1::ReplicationDurability::Strict => Durability::Strict,
            v1::ReplicationDurability::Preferred | v1::ReplicationDurability::Unspecified => {
                Durability::Preferred
            }
        },
        preferred_active: match asked.preferred_active {
            0 => None,
            id => Some(number(id, "preferred_active")?),
        },
    };
    let named = [
        ("node", Some(settings.node)),
        ("founder", Some(settings.founder)),
        ("preferred_active", settings.preferred_active),
    ];
    for (field, id) in named {
        if let Some(id) = id
            && settings.find(id).is_none()
        {
            let known: Vec<_> = settings.nodes.iter().map(|n| n.id.to_string()).collect();
            let sentence = format!(
                "{field} says node {id}, and the nodes are {}; name one of them",
                known.join(", ")
            );
            return Err(invalid(sentence, field));
        }
    }
    same_node(&settings, present.settings)?;
    Ok(settings)
}

/// A node keeps its number for as long as its data: what it has promised, it has promised as that
/// node.
fn same_node(new: &Settings, old: Option<&Settings>) -> Result<(), Failure> {
    let Some(old) = old.filter(|old| old.node != new.node) else {
        return Ok(());
    };
    let sentence = format!(
        "this agent is node {} of the group and cannot become node {}; delete the broker here first, \
         or keep the number",
        old.node, new.node
    );
    Err(Failure::new(Reason::Mismatch, sentence).at("replication.node"))
}

fn group(asked: &v1::Replication, uid: Option<&str>) -> Result<GroupId, Failure> {
    let text = match (asked.group.as_str(), uid) {
        ("", None) => {
            let sentence = "a replicated broker needs a group, the same on all its nodes; write 32 \
                            hexadecimal digits, lower case";
            return Err(invalid(sentence, "group"));
        }
        ("", Some(uid)) => uid,
        (group, _) => group,
    };
    let group =
        GroupId::try_from(text.to_owned()).map_err(|error| invalid(error.to_string(), "group"))?;
    match uid {
        Some(uid) if uid != group.as_str() => {
            let sentence = format!(
                "this broker is {uid} and cannot become a node of group {group}; leave the group out, \
                 or delete the broker here first"
            );
            Err(Failure::new(Reason::Mismatch, sentence).at("replication.group"))
        }
        _ => Ok(group),
    }
}

fn nodes(asked: &[v1::ReplicationNode]) -> Result<Vec<Node>, Failure> {
    if !(2..=NODES_MAX).contains(&asked.len()) {
        let sentence = format!(
            "a group has 2 to {NODES_MAX} nodes, and {} are given; a broker on one node has no \
             replication at all",
            asked.len()
        );
        return Err(invalid(sentence, "nodes"));
    }
    let mut nodes: Vec<Node> = Vec::new();
    for (index, asked) in asked.iter().enumerate() {
        let node = node(index, asked)?;
        let field = |name: &str| format!("nodes.{index}.{name}");
        if nodes.iter().any(|other| other.id == node.id) {
            let sentence = format!(
                "number {} is given to two nodes; give each its own",
                node.id
            );
            return Err(invalid(sentence, &field("id")));
        }
        if nodes.iter().any(|other| other.name == node.name) {
            let sentence = format!(
                "two nodes are called {:?}; give each its own name",
                node.name
            );
            return Err(invalid(sentence, &field("name")));
        }
        for (what, known) in [
            ("agent", nodes.iter().any(|other| other.agent == node.agent)),
            (
                "replication",
                nodes.iter().any(|o| o.replication == node.replication),
            ),
        ] {
            if known {
                let sentence = format!("two nodes have the same {what} address; each has its own");
                return Err(invalid(sentence, &field(what)));
            }
        }
        nodes.push(node);
    }
    Ok(nodes)
}

fn node(index: usize, asked: &v1::ReplicationNode) -> Result<Node, Failure> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let first = asked.name.bytes().next();
    let named = asked.name.len() <= NAME_MAX
        && asked.name.bytes().all(legal)
        && first.is_some_and(|byte| byte.is_ascii_alphanumeric());
    if !named {
        let sentence = format!(
            "node name {:?} is not allowed; use 1 to {NAME_MAX} letters, digits, -, _ and ., and begin \
             with a letter or a digit",
            asked.name.chars().take(64).collect::<String>()
        );
        return Err(invalid(sentence, &format!("nodes.{index}.name")));
    }
    Ok(Node {
        id: number(asked.id, &format!("nodes.{index}.id"))?,
        name: asked.name.clone(),
        agent: address(&asked.agent, agent_api::DEFAULT_PORT)
            .map_err(|why| invalid(why, &format!("nodes.{index}.agent")))?,
        replication: address(&asked.replication, DEFAULT_PORT)
            .map_err(|why| invalid(why, &format!("nodes.{index}.replication")))?,
    })
}

/// With its port written out.
fn address(text: &str, default_port: u16) -> Result<String, String> {
    let mut address: Address = text.parse().map_err(|error| format!("{error}"))?;
    // The parser fills in the agents' port; what it had to add was not there.
    if address.to_string() != text {
        address.port = default_port;
    }
    Ok(address.to_string())
}

fn number(id: u32, field: &str) -> Result<u16, Failure> {
    match u16::try_from(id) {
        Ok(id) if id > 0 => Ok(id),
        _ => {
            let sentence = format!("{id} is no number of a node; use 1 to 65535");
            Err(invalid(sentence, field))
        }
    }
}

fn coordination(
    asked: Option<&v1::Coordination>,
    present: Option<&Settings>,
) -> Result<Coordination, Failure> {
    use v1::coordination::Store;
    let store = asked.and_then(|asked| asked.store.as_ref());
    match store {
        None => {
            let sentence = "a replicated broker needs a coordination store; name an etcd cluster or a \
                            DynamoDB table";
            Err(invalid(sentence, "coordination"))
        }
        Some(Store::File(file)) => {
            let path = Path::new(&file.path);
            if !path.is_absolute() {
                let sentence = format!(
                    "{:?} is no absolute path; name a directory that all agents of the group see",
                    file.path
                );
                return Err(invalid(sentence, "coordination.file.path"));
            }
            Ok(Coordination::File(path.to_owned()))
        }
        Some(Store::Dynamodb(asked)) => Ok(Coordination::DynamoDb(dynamodb(asked)?)),
        Some(Store::Etcd(asked)) => {
            let present = match present.map(|settings| &settings.coordination) {
                Some(Coordination::Etcd(etcd)) => Some(&**etcd),
                Some(Coordination::DynamoDb(_) | Coordination::File(_)) | None => None,
            };
            Ok(Coordination::Etcd(Box::new(etcd(asked, present)?)))
        }
    }
}

fn dynamodb(asked: &v1::DynamoDbStore) -> Result<DynamoDb, Failure> {
    let at = |name: &str| format!("coordination.dynamodb.{name}");
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if !(3..=255).contains(&asked.table.len()) || !asked.table.bytes().all(legal) {
        let sentence = format!(
            "{:?} is no name of a table; use 3 to 255 letters, digits, -, _ and .",
            asked.table.chars().take(64).collect::<String>()
        );
        return Err(invalid(sentence, &at("table")));
    }
    let in_region = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if asked.region.is_empty() || !asked.region.bytes().all(in_region) {
        let sentence = format!(
            "{:?} is no name of a region, such as eu-west-1",
            asked.region.chars().take(64).collect::<String>()
        );
        return Err(invalid(sentence, &at("region")));
    }
    let endpoint = Some(asked.endpoint.clone()).filter(|url| !url.is_empty());
    let is_url = |url: &String| url.starts_with("https://") || url.starts_with("http://");
    if endpoint.as_ref().is_some_and(|url| !is_url(url)) {
        let sentence = "the endpoint is no URL; begin it with https://, or leave it out";
        return Err(invalid(sentence, &at("endpoint")));
    }
    Ok(DynamoDb {
        table: asked.table.clone(),
        region: asked.region.clone(),
        endpoint,
    })
}

fn etcd(asked: &v1::EtcdStore, present: Option<&Etcd>) -> Result<Etcd, Failure> {
    let known_key = present
        .and_then(|etcd| etcd.identity.as_ref())
        .map(|(_, key)| key);
    let known_password = present
        .and_then(|etcd| etcd.login.as_ref())
        .map(|(_, word)| word);
    let etcd = Etcd {
        endpoints: asked.endpoints.clone(),
        ca_certificate: Some(asked.ca_certificate.clone()).filter(|pem| !pem.is_empty()),
        identity: both(
            (&asked.certificate, "certificate"),
            (asked.key.as_ref(), known_key, "key"),
        )?,
        login: both(
            (&asked.username, "username"),
            (asked.password.as_ref(), known_password, "password"),
        )?,
    };
    if etcd.identity.is_some() && etcd.ca_certificate.is_none() {
        let sentence =
            "a certificate to show is given and no authority to check etcd's by; give both";
        return Err(invalid(sentence, "coordination.etcd.ca_certificate"));
    }
    super::store::check_options(&etcd)
        .map_err(|why| invalid(why, "coordination.etcd.endpoints"))?;
    Ok(etcd)
}

/// Two things that go together, one of them secret: an absent secret is the one there is.
fn both(
    (open, open_name): (&str, &str),
    (secret, known, secret_name): (Option<&String>, Option<&Secret>, &str),
) -> Result<Option<(String, Secret)>, Failure> {
    let secret = secret.cloned().filter(|text| !text.is_empty());
    if open.is_empty() && secret.is_none() {
        return Ok(None);
    }
    let secret = secret.map(Secret).or_else(|| known.cloned());
    match (open, secret) {
        ("", _) => {
            let sentence =
                format!("{secret_name} is given without {open_name}; give both or neither");
            Err(invalid(sentence, &format!("coordination.etcd.{open_name}")))
        }
        (_, None) => {
            let sentence =
                format!("{open_name} is given without {secret_name}; give both or neither");
            Err(invalid(
                sentence,
                &format!("coordination.etcd.{secret_name}"),
            ))
        }
        (open, Some(secret)) => Ok(Some((open.to_owned(), secret))),
    }
}

fn invalid(sentence: impl Into<String>, field: &str) -> Failure {
    Failure::new(Reason::Invalid, sentence).at(format!("replication.{field}"))
}

/// The settings as the contract shows them, without secrets.
pub(crate) fn shown(settings: &Settings) -> v1::Replication {
    let node = |node: &Node| v1::ReplicationNode {
        id: node.id.into(),
        name: node.name.clone(),
        agent: node.agent.clone(),
        replication: node.replication.clone(),
    };
    let durability = match settings.durability {
        Durability::Preferred => v1::ReplicationDurability::Preferred,
        Durability::Strict => v1::ReplicationDurability::Strict,
    };
    v1::Replication {
        group: settings.group.to_string(),
        nodes: settings.nodes.iter().map(node).collect(),
        node: settings.node.into(),
        founder: settings.founder.into(),
        coordination: Some(shown_store(&settings.coordination)),
        durability: durability.into(),
        preferred_active: settings.preferred_active.unwrap_or_default().into(),
    }
}

fn shown_store(coordination: &Coordination) -> v1::Coordination {
    use v1::coordination::Store;
    let store = match coordination {
        Coordination::File(path) => Store::File(v1::FileStore {
            path: path.to_string_lossy().into_owned(),
        }),
        Coordination::DynamoDb(store) => Store::Dynamodb(v1::DynamoDbStore {
            table: store.table.clone(),
            region: store.region.clone(),
            endpoint: store.endpoint.clone().unwrap_or_default(),
        }),
        Coordination::Etcd(etcd) => {
            let open = |pair: &Option<(String, Secret)>| {
                pair.as_ref()
                    .map_or_else(String::new, |(open, _)| open.clone())
            };
            Store::Etcd(v1::EtcdStore {
                endpoints: etcd.endpoints.clone(),
                ca_certificate: etcd.ca_certificate.clone().unwrap_or_default(),
                certificate: open(&etcd.identity),
                key: None,
                username: open(&etcd.login),
                password: None,
            })
        }
    };
    v1::Coordination { store: Some(store) }
}

#[cfg(test)]
#[path = "asked_tests.rs"]
mod tests;
