//! How a broker is replicated, as it is registered: the contract's words as checked values.

use std::fmt;

use agent_api::Address;
use broker_core::replication::record::NodeId;
use serde::{Deserialize, Serialize};

use crate::registry::Secret;

/// Port of the replication listener unless told otherwise.
pub(crate) const DEFAULT_PORT: u16 = 7444;

/// A broker's part in a group of nodes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// Names the group.
    pub group: GroupId,
    /// All nodes, this one among them; two or three.
    pub nodes: Vec<Node>,
    /// Which of them this agent is.
    pub node: u16,
    /// Which of them writes the first record.
    pub founder: u16,
    /// Where the record is.
    pub coordination: Coordination,
    /// When a message counts as safe.
    pub durability: Durability,
    /// Which of them should be active, if it matters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preferred_active: Option<u16>,
}

/// 32 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct GroupId(String);

/// A node of the group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Node {
    /// Its number, from 1.
    pub id: u16,
    /// Its name, for people.
    pub name: String,
    /// Its agent's management interface, `host:port`.
    pub agent: String,
    /// Its replication listener, `host:port`.
    pub replication: String,
}

/// Where the group's record is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Coordination {
    /// In an item of a DynamoDB table.
    #[serde(rename = "dynamodb")]
    DynamoDb(DynamoDb),
    /// Under a key of an etcd cluster.
    Etcd(Box<Etcd>),
    /// In a directory that all nodes see, below this one.
    File(std::path::PathBuf),
}

/// A DynamoDB table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DynamoDb {
    /// Its name.
    pub table: String,
    /// Its region.
    pub region: String,
    /// URL to call in place of the region's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
}

/// An etcd cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Etcd {
    /// URLs of its members.
    pub endpoints: Vec<String>,
    /// Authority of the members' certificates, PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_certificate: Option<String>,
    /// Certificate and key to show, PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<(String, Secret)>,
    /// User and password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<(String, Secret)>,
}

/// See the contract's `ReplicationDurability`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Durability {
    /// One node in sync is enough.
    Preferred,
    /// Two have to be.
    Strict,
}

/// A text that names no group.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no group; write 32 hexadecimal digits, lower case")]
pub(crate) struct BadGroup(String);

impl Settings {
    /// This node.
    pub(crate) fn own(&self) -> &Node {
        self.find(self.node)
            .expect("settings are registered only with their own node in them")
    }

    /// A node by its number.
    pub(crate) fn find(&self, id: u16) -> Option<&Node> {
        self.nodes.iter().find(|node| node.id == id)
    }

    /// A node by its name, or by its number.
    pub(crate) fn named(&self, name: &str) -> Option<&Node> {
        let by_name = self.nodes.iter().find(|node| node.name == name);
        by_name.or_else(|| self.find(name.parse().ok()?))
    }

    /// The other nodes.
    pub(crate) fn others(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().filter(|node| node.id != self.node)
    }

    /// Whether this node writes the first record.
    pub(crate) fn founds(&self) -> bool {
        self.founder == self.node
    }

    /// What a person calls a node.
    pub(crate) fn name_of(&self, id: NodeId) -> String {
        self.find(id.0)
            .map_or_else(|| id.to_string(), |node| node.name.clone())
    }
}

impl Node {
    /// Host of its agent, without brackets.
    pub(crate) fn host(&self) -> String {
        host(&self.agent)
    }

    /// Host of its replication listener, without brackets: what its certificate is valid for.
    pub(crate) fn replication_host(&self) -> String {
        host(&self.replication)
    }
}

fn host(address: &str) -> String {
    address
        .parse::<Address>()
        .map_or_else(|_| address.to_owned(), |address| address.host)
}

impl Durability {
    /// With fewer nodes in sync nothing is acknowledged.
    pub(crate) const fn min_isr(self) -> u8 {
        match self {
            Self::Preferred => 1,
            Self::Strict => 2,
        }
    }
}

impl GroupId {
    /// As text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for GroupId {
    type Error = BadGroup;

    fn try_from(text: String) -> Result<Self, BadGroup> {
        let digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if text.len() == 32 && text.bytes().all(digit) {
            Ok(Self(text))
        } else {
            Err(BadGroup(text.chars().take(64).collect()))
        }
    }
}

impl From<GroupId> for String {
    fn from(group: GroupId) -> Self {
        group.0
    }
}
