//! The attribute `coordination`: the store in which the nodes of a pair agree who serves.

use agent_api::v1::{self, coordination::Store};
use tfplugin_rs::prelude::*;

/// Where the record is that says who serves: one of the three.
#[derive(Debug, Clone, PartialEq, Eq, Model)]
#[model(rule = rule::exactly_one_of(["dynamodb", "etcd", "file"]))]
pub(crate) struct Coordination {
    /// A DynamoDB table: the choice for a pair in AWS, which needs no other store then.
    pub(crate) dynamodb: Option<DynamoDb>,

    /// An etcd cluster: the choice for every pair that matters.
    pub(crate) etcd: Option<Etcd>,

    /// A directory, for trials with both agents on one machine: whoever loses that machine loses
    /// both nodes.
    pub(crate) file: Option<FileStore>,
}

/// A DynamoDB table.
#[derive(Debug, Clone, PartialEq, Eq, Model)]
pub(crate) struct DynamoDb {
    /// URL to call in place of the region's own, for an interface endpoint or a stand-in.
    #[attr(validate = validate::regex("^https?://[^/]+/?$", "must be a URL such as https://vpce-1.dynamodb.eu-west-1.vpce.amazonaws.com"))]
    pub(crate) endpoint: Option<String>,

    /// Region of the table.
    #[attr(validate = validate::regex("^[a-z0-9-]+$", "must be the name of a region such as eu-west-1"))]
    pub(crate) region: String,

    /// Name of the table, as of a `ferrymq_coordination_table`. Many pairs may share one. The agents call it with the
    /// credentials of their machine, which need `dynamodb:GetItem` and `dynamodb:PutItem`.
    #[attr(validate = validate::regex("^[A-Za-z0-9_.-]{3,255}$", "must be the name of a table"))]
    pub(crate) table: String,
}

/// An etcd cluster.
#[derive(Debug, Clone, PartialEq, Eq, Model)]
#[model(rule = rule::required_together(["client_certificate", "client_key_wo"]))]
#[model(rule = rule::required_together(["username", "password_wo"]))]
pub(crate) struct Etcd {
    /// Authority of the members' certificates, PEM. Goes with `https` endpoints; the agents keep it.
    pub(crate) ca_certificate: Option<String>,

    /// Certificate that the agents show the members, PEM.
    pub(crate) client_certificate: Option<String>,

    /// Private key of `client_certificate`, PEM. Written to the agents and never kept in plan or
    /// state.
    #[attr(write_only, sensitive)]
    pub(crate) client_key_wo: Option<String>,

    /// Raise it to have `client_key_wo` written again.
    pub(crate) client_key_wo_version: Option<u64>,

    /// The members, each `https://host:2379`.
    #[attr(validate = endpoints())]
    pub(crate) endpoints: Vec<String>,

    /// Password of `username`. Written to the agents and never kept in plan or state.
    #[attr(write_only, sensitive)]
    pub(crate) password_wo: Option<String>,

    /// Raise it to have `password_wo` written again.
    pub(crate) password_wo_version: Option<u64>,

    /// User of the cluster; without it the agents log in with their certificate alone, or not at
    /// all.
    pub(crate) username: Option<String>,
}

/// A directory.
#[derive(Debug, Clone, PartialEq, Eq, Model)]
pub(crate) struct FileStore {
    /// Absolute path of a directory on the machine of both agents; made if it is missing.
    #[attr(validate = validate::regex("^/", "must be an absolute path"))]
    pub(crate) path: String,
}

impl Coordination {
    /// As requests carry it, with its secrets if the plan has them.
    pub(crate) fn to_api(&self) -> v1::Coordination {
        let store = match (&self.dynamodb, &self.etcd, &self.file) {
            (Some(dynamodb), ..) => Some(Store::Dynamodb(v1::DynamoDbStore {
                table: dynamodb.table.clone(),
                region: dynamodb.region.clone(),
                endpoint: dynamodb.endpoint.clone().unwrap_or_default(),
            })),
            (None, Some(etcd), _) => Some(Store::Etcd(etcd.to_api())),
            (None, None, Some(file)) => Some(Store::File(v1::FileStore {
                path: file.path.clone(),
            })),
            (None, None, None) => None,
        };
        v1::Coordination { store }
    }

    /// As the agents have it; what they do not tell is taken from `state`.
    pub(crate) fn from_api(coordination: &v1::Coordination, state: Option<&Self>) -> Option<Self> {
        let mut seen = Self {
            dynamodb: None,
            etcd: None,
            file: None,
        };
        match coordination.store.as_ref()? {
            Store::Dynamodb(dynamodb) => {
                seen.dynamodb = Some(DynamoDb {
                    endpoint: text(&dynamodb.endpoint),
                    region: dynamodb.region.clone(),
                    table: dynamodb.table.clone(),
                });
            }
            Store::Etcd(etcd) => {
                let known = state.and_then(|it| it.etcd.as_ref());
                seen.etcd = Some(Etcd::from_api(etcd, known));
            }
            Store::File(file) => {
                let path = file.path.clone();
                seen.file = Some(FileStore { path });
            }
        }
        Some(seen)
    }

    /// Whether secrets are to be written again.
    pub(crate) fn rotates(&self, prior: Option<&Self>) -> bool {
        let versions = |it: &Self| {
            let etcd = it.etcd.as_ref();
            etcd.map(|etcd| (etcd.client_key_wo_version, etcd.password_wo_version))
        };
        prior.is_some_and(|prior| versions(prior) != versions(self))
    }

    /// Whether both are one store, whatever is needed to reach it.
    pub(crate) fn is_same_store(&self, other: &Self) -> bool {
        let table = |it: &Self| {
            let dynamodb = it.dynamodb.as_ref();
            dynamodb.map(|it| (it.region.clone(), it.table.clone()))
        };
        self.etcd.is_some() == other.etcd.is_some()
            && self.file == other.file
            && table(self) == table(other)
    }
}

impl Etcd {
    fn to_api(&self) -> v1::EtcdStore {
        v1::EtcdStore {
            endpoints: self.endpoints.clone(),
            ca_certificate: self.ca_certificate.clone().unwrap_or_default(),
            certificate: self.client_certificate.clone().unwrap_or_default(),
            key: self.client_key_wo.clone(),
            username: self.username.clone().unwrap_or_default(),
            password: self.password_wo.clone(),
        }
    }

    fn from_api(etcd: &v1::EtcdStore, state: Option<&Self>) -> Self {
        Self {
            ca_certificate: text(&etcd.ca_certificate),
            client_certificate: text(&etcd.certificate),
            client_key_wo: None,
            client_key_wo_version: state.and_then(|state| state.client_key_wo_version),
            endpoints: etcd.endpoints.clone(),
            password_wo: None,
            password_wo_version: state.and_then(|state| state.password_wo_version),
            username: text(&etcd.username),
        }
    }
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned()).filter(|text| !text.is_empty())
}

/// Without what is never in answers, to compare.
pub(crate) fn without_secrets(coordination: Option<&v1::Coordination>) -> Option<v1::Coordination> {
    let mut coordination = coordination.cloned()?;
    if let Some(Store::Etcd(etcd)) = &mut coordination.store {
        etcd.key = None;
        etcd.password = None;
    }
    Some(coordination)
}

fn endpoints() -> validate::Validator {
    validate::each([validate::regex(
        "^https?://[^/]+$",
        "must be a member's URL such as https://etcd-1.example.com:2379",
    )])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn etcd() -> Coordination {
        Coordination {
            dynamodb: None,
            etcd: Some(Etcd {
                ca_certificate: Some("CA".to_owned()),
                client_certificate: Some("CERTIFICATE".to_owned()),
                client_key_wo: Some("KEY".to_owned()),
                client_key_wo_version: Some(1),
                endpoints: vec!["https://etcd-1:2379".to_owned()],
                password_wo: None,
                password_wo_version: None,
                username: None,
            }),
            file: None,
        }
    }

    fn file(path: &str) -> Coordination {
        Coordination {
            dynamodb: None,
            etcd: None,
            file: Some(FileStore {
                path: path.to_owned(),
            }),
        }
    }

    fn dynamodb(table: &str, endpoint: Option<&str>) -> Coordination {
        Coordination {
            dynamodb: Some(DynamoDb {
                endpoint: endpoint.map(str::to_owned),
                region: "eu-west-1".to_owned(),
                table: table.to_owned(),
            }),
            etcd: None,
            file: None,
        }
    }

    #[test]
    fn it_survives_the_trip_but_for_its_secrets() {
        let sent = etcd().to_api();
        let mut expected = etcd();
        expected.etcd.as_mut().unwrap().client_key_wo = None;
        assert_eq!(Coordination::from_api(&sent, Some(&etcd())), Some(expected));
        let bare = without_secrets(Some(&sent)).unwrap();
        let Some(Store::Etcd(store)) = bare.store else {
            panic!("it was etcd");
        };
        assert_eq!((store.key, store.password), (None, None));
        let sent = file("/tmp/pair").to_api();
        assert_eq!(Coordination::from_api(&sent, None), Some(file("/tmp/pair")));
        for table in [
            dynamodb("pairs", None),
            dynamodb("pairs", Some("http://a:1")),
        ] {
            assert_eq!(Coordination::from_api(&table.to_api(), None), Some(table));
        }
    }

    #[test]
    fn the_way_to_a_store_may_change_and_the_store_may_not() {
        let mut moved = etcd();
        moved.etcd.as_mut().unwrap().endpoints = vec!["https://etcd-2:2379".to_owned()];
        assert!(etcd().is_same_store(&moved));
        assert!(!etcd().is_same_store(&file("/a")));
        assert!(!file("/a").is_same_store(&file("/b")));
        assert!(file("/a").is_same_store(&file("/a")));
        let table = dynamodb("pairs", None);
        assert!(table.is_same_store(&dynamodb("pairs", Some("http://a:1"))));
        assert!(!table.is_same_store(&dynamodb("others", None)));
        assert!(!table.is_same_store(&etcd()));
    }

    #[test]
    fn secrets_are_sent_again_with_a_higher_version() {
        let mut next = etcd();
        next.etcd.as_mut().unwrap().client_key_wo_version = Some(2);
        assert!(next.rotates(Some(&etcd())));
        assert!(!etcd().rotates(Some(&etcd())));
        assert!(!etcd().rotates(None));
    }
}
