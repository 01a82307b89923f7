//! What is kept about one broker.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::encryption::Encryption;
use crate::logs::Wanted;
use crate::name::BrokerName;
use crate::replication::settings::{GroupId, Settings};

/// Version of the record's form; raised when an older agent could not read it.
pub(super) const FORMAT: u32 = 1;

/// What is kept about one broker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Record {
    pub(super) format: u32,
    /// Its name.
    pub name: BrokerName,
    /// Name of its data directory: 32 hexadecimal digits, random.
    pub id: String,
    /// What tells it from every other broker where that is not `id`: the group it is or was a node
    /// of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<GroupId>,
    /// Number of its last change.
    pub generation: u64,
    /// The token its creator gave, empty for none.
    pub token: String,
    /// Key of its password digests: 64 hexadecimal digits.
    pub digest_key: Secret,
    /// Where its clients connect, by protocol.
    pub listeners: BTreeMap<String, Listener>,
    /// How it is replicated, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replication: Option<Settings>,
    /// Which log files are kept about it.
    #[serde(default, skip_serializing_if = "Wanted::is_all")]
    pub logs: Wanted,
    /// Where its master key comes from, if it is encrypted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption: Option<Encryption>,
}

impl Record {
    /// What tells it from every other broker, and is the same on all nodes of its group.
    pub(crate) fn uid(&self) -> &str {
        self.uid.as_ref().map_or(&self.id, |group| group.as_str())
    }
}

/// Where clients of one protocol connect, with defaults filled in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Listener {
    /// IP address; empty for all.
    pub address: String,
    /// TCP port; 0 for one the system chooses at each start.
    pub port: u16,
    /// Encrypted.
    pub tls: bool,
    /// Whom it asks for certificates, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_certificates: Option<ClientCertificates>,
}

/// Whose certificates clients may log in with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClientCertificates {
    /// PEM.
    pub ca_certificate: String,
    /// Clients without one are turned away.
    pub required: bool,
    /// What of it is the user's name.
    pub user_from: UserFrom,
}

/// See [`broker_net::UserFrom`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(
    clippy::enum_variant_names,
    reason = "the words of the configuration, which the file keeps"
)]
pub(crate) enum UserFrom {
    CommonName,
    DistinguishedName,
    SubjectAlternativeName,
}

/// A text that is not printed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Secret(pub String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}
