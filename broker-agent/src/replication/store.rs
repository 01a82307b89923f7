//! The coordination store of a group, as the settings name it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use broker_core::replication::coordinator::{Coordinator, ReadError, Snapshot};
use broker_core::replication::ending;
use broker_core::replication::record::{Incarnation, Member};
use cloud_aws::Settings as AwsSettings;
use coordination::dynamodb::{DynamoDbCoordinator, DynamoDbOptions, NotBuilt};
use coordination::etcd::{EtcdCoordinator, EtcdOptions, Login, Tls};
use coordination::file::FileCoordinator;
use tokio::runtime::Handle;

use super::settings::{Coordination, DynamoDb, Etcd, GroupId};

/// How long one call may take: shorter than a follower's grace, longer than etcd needs to change its
/// own leader.
const CALL_TIMEOUT: Duration = Duration::from_secs(2);

/// How long a caller who makes a pair waits for a store that does not answer.
const PATIENCE: Duration = Duration::from_secs(8);

/// A store that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// Of a directory.
    #[error(
        "the coordination directory {path} cannot be written: {cause}; all agents of the group need to write there"
    )]
    Directory {
        /// As configured.
        path: String,
        /// The system's words.
        cause: std::io::Error,
    },
    /// AWS is not in this agent.
    #[error(transparent)]
    NotBuilt(#[from] NotBuilt),
    /// Settings that fit no etcd.
    #[error("{0}")]
    Options(String),
    /// It does not answer, or what it holds is no record.
    #[error("{error}; the store is {place}")]
    Read {
        /// Where it is.
        place: String,
        /// What came of it.
        error: ReadError,
    },
}

/// Opens the store; one behind a network is connected to when it is first asked.
pub(crate) fn open(
    coordination: &Coordination,
    group: &GroupId,
    runtime: &Handle,
) -> Result<Arc<dyn Coordinator>, StoreError> {
    match coordination {
        Coordination::File(path) => {
            let dir = path.join(group.as_str());
            let opened = FileCoordinator::open(&dir, CALL_TIMEOUT);
            let store = opened.map_err(|cause| StoreError::Directory {
                path: path.display().to_string(),
                cause,
            })?;
            Ok(Arc::new(store))
        }
        Coordination::DynamoDb(table) => {
            let options = dynamodb_options(table, group);
            Ok(Arc::new(DynamoDbCoordinator::new(
                options,
                runtime.clone(),
            )?))
        }
        Coordination::Etcd(etcd) => {
            let store = EtcdCoordinator::new(options(etcd, Some(group)), runtime.clone());
            let store = store.map_err(|error| StoreError::Options(error.to_string()))?;
            Ok(Arc::new(store))
        }
    }
}

/// The record as it is, asked for until there is an answer or patience is at its end. Blocks.
pub(crate) fn read(
    store: &dyn Coordinator,
    coordination: &Coordination,
) -> Result<Snapshot, StoreError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match store.read() {
            Ok(snapshot) => return Ok(snapshot),
            Err(ReadError::Unreachable(_)) if Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(200));
            }
            Err(error) => {
                let place = place(coordination);
                return Err(StoreError::Read { place, error });
            }
        }
    }
}

/// Writes down that the group has ended and that this member has its data. Blocks.
pub(crate) fn end(
    store: &dyn Coordinator,
    coordination: &Coordination,
    survivor: Member,
) -> Result<(), String> {
    let author = getrandom::u64().map_err(|error| error.to_string())?;
    let ended = ending::end(store, survivor, Incarnation(author));
    ended.map_err(|error| format!("{error}; the store is {}", place(coordination)))
}

/// Where the record is, for a person.
pub(crate) fn place(coordination: &Coordination) -> String {
    match coordination {
        Coordination::File(path) => path.display().to_string(),
        Coordination::DynamoDb(DynamoDb { table, region, .. }) => {
            format!("DynamoDB table {table} in {region}")
        }
        Coordination::Etcd(etcd) => format!("etcd at {}", etcd.endpoints.join(", ")),
    }
}

/// Whether addresses, certificates and login fit each other.
pub(super) fn check_options(etcd: &Etcd) -> Result<(), String> {
    options(etcd, None)
        .check()
        .map_err(|error| error.to_string())
}

fn dynamodb_options(store: &DynamoDb, group: &GroupId) -> DynamoDbOptions {
    let endpoint = store.endpoint.iter();
    DynamoDbOptions {
        table: store.table.clone(),
        region: store.region.clone(),
        settings: AwsSettings {
            endpoints: endpoint
                .map(|url| ("dynamodb".to_owned(), url.clone()))
                .collect(),
            ..AwsSettings::default()
        },
        key: group.as_str().to_owned(),
        timeout: CALL_TIMEOUT,
    }
}

fn options(etcd: &Etcd, group: Option<&GroupId>) -> EtcdOptions {
    let pem = |text: &String| text.clone().into_bytes();
    EtcdOptions {
        members: etcd.endpoints.clone(),
        key: format!("ferrymq/groups/{}", group.map_or("", GroupId::as_str)),
        timeout: CALL_TIMEOUT,
        tls: etcd.ca_certificate.as_ref().map(|authority| Tls {
            authority: pem(authority),
            identity: etcd
                .identity
                .as_ref()
                .map(|(certificate, key)| (pem(certificate), pem(&key.0))),
            server_name: None,
        }),
        login: etcd.login.as_ref().map(|(user, password)| Login {
            user: user.clone(),
            password: password.0.clone(),
        }),
    }
}
