//! etcd as coordination store: one key, read linearizably, written in a transaction that compares its
//! revision.
//!
//! No leases and no locks: an etcd lease starts anew when etcd's own leader changes, and a lock
//! excludes nobody who does not know that he has lost it. What counts is the revision.

// Generated from `proto/etcd.proto`.
#[allow(missing_docs, unreachable_pub, unused_qualifications, clippy::all, clippy::pedantic)]
#[rustfmt::skip]
mod api;
mod options;

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use api::auth_client::AuthClient;
use api::kv_client::KvClient;
use api::{compare, request_op};
use broker_core::replication::coordinator::{
    CasOutcome, Coordinator, ReadError, Snapshot, Version,
};
use broker_core::replication::record::Record;
use tokio::runtime::Handle;
use tokio::time::timeout;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

use crate::text::{from_text, to_text};

pub use options::{EtcdOptions, Login, OptionsError, Tls};

/// A record under one key of an etcd cluster.
pub struct EtcdCoordinator {
    key: Vec<u8>,
    members: Vec<Channel>,
    /// The member that answered last, asked first.
    preferred: AtomicUsize,
    login: Option<Login>,
    /// What the last login brought. Held for a copy only.
    token: Mutex<Option<MetadataValue<Ascii>>>,
    timeout: Duration,
    runtime: Handle,
}

impl EtcdCoordinator {
    /// Connects when first asked. Calls are made on this runtime and must come from threads that
    /// are none of its own.
    ///
    /// # Errors
    /// [`OptionsError`] if an address or a certificate is none.
    pub fn new(options: EtcdOptions, runtime: Handle) -> Result<Self, OptionsError> {
        let members = {
            let _entered = runtime.enter();
            options.channels()?
        };
        Ok(Self {
            key: options.key.into_bytes(),
            members,
            preferred: AtomicUsize::new(0),
            login: options.login,
            token: Mutex::new(None),
            timeout: options.timeout,
            runtime,
        })
    }

    /// Asks one member after the other until one answers, within the time for one call.
    async fn range(&self) -> Result<Snapshot, ReadError> {
        let share = self.timeout / u32::try_from(self.members.len()).unwrap_or(u32::MAX);
        let first = self.preferred.load(Ordering::Relaxed);
        let mut trouble = "no member of the cluster is known".to_owned();
        for index in (first..first + self.members.len()).map(|i| i % self.members.len()) {
            match timeout(share, self.range_at(index)).await {
                Ok(Ok(response)) => {
                    self.preferred.store(index, Ordering::Relaxed);
                    return snapshot(response);
                }
                Ok(Err(status)) => trouble = self.note(&status),
                Err(_) => trouble = format!("no answer within {share:?}"),
            }
        }
        Err(ReadError::Unreachable(trouble))
    }

    async fn range_at(&self, index: usize) -> Result<api::RangeResponse, Status> {
        let request = api::RangeRequest {
            key: self.key.clone(),
        };
        let request = self.request(index, request).await?;
        Ok(KvClient::new(self.members[index].clone())
            .range(request)
            .await?
            .into_inner())
    }

    /// Sends the write once, to one member: a second attempt is its author's to decide.
    async fn txn(&self, expected: i64, text: String) -> Result<api::TxnResponse, Status> {
        let condition = api::Compare {
            result: compare::CompareResult::Equal.into(),
            target: compare::CompareTarget::Mod.into(),
            key: self.key.clone(),
            target_union: Some(compare::TargetUnion::ModRevision(expected)),
        };
        let put = api::PutRequest {
            key: self.key.clone(),
            value: text.into_bytes(),
        };
        let put = api::RequestOp {
            request: Some(request_op::Request::RequestPut(put)),
        };
        let txn = api::TxnRequest {
            compare: vec![condition],
            success: vec![put],
        };
        let index = self.preferred.load(Ordering::Relaxed) % self.members.len();
        let call = async {
            let request = self.request(index, txn).await?;
            Ok(KvClient::new(self.members[index].clone())
                .txn(request)
                .await?
                .into_inner())
        };
        let answer = timeout(self.timeout, call).await;
        let answer = answer.unwrap_or_else(|_| Err(Status::deadline_exceeded("no answer in time")));
        if answer.is_err() {
            // The read that follows begins with another member.
            self.preferred
                .store((index + 1) % self.members.len(), Ordering::Relaxed);
        }
        answer
    }

    /// A request, with the token of a login if one is needed.
    async fn request<T>(&self, index: usize, message: T) -> Result<Request<T>, Status> {
        let mut request = Request::new(message);
        if let Some(login) = &self.login {
            let known = self
                .token
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone();
            let token = match known {
                Some(token) => token,
                None => self.log_in(index, login).await?,
            };
            request.metadata_mut().insert("token", token);
        }
        Ok(request)
    }

    async fn log_in(&self, index: usize, login: &Login) -> Result<MetadataValue<Ascii>, Status> {
        let request = api::AuthenticateRequest {
            name: login.user.clone(),
            password: login.password.clone(),
        };
        let mut client = AuthClient::new(self.members[index].clone());
        let token = client.authenticate(request).await?.into_inner().token;
        let token: MetadataValue<Ascii> = token
            .parse()
            .map_err(|_| Status::internal("the token is no metadata value"))?;
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = Some(token.clone());
        Ok(token)
    }

    /// Forgets a token that is not accepted any more; says what went wrong.
    fn note(&self, status: &Status) -> String {
        let message = status.message();
        let stale = message.contains("invalid auth token")
            || message.contains("revision of auth store is old");
        if stale || status.code() == Code::Unauthenticated {
            *self.token.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
        format!("{:?}: {message}", status.code())
    }
}

fn snapshot(response: api::RangeResponse) -> Result<Snapshot, ReadError> {
    let Some(found) = response.kvs.first() else {
        return Ok(Snapshot {
            record: None,
            version: Version::ABSENT,
        });
    };
    let record = from_text(&found.value).map_err(|e| ReadError::Unreadable(e.to_string()))?;
    Ok(Snapshot {
        record: Some(record),
        version: Version::new(found.mod_revision.to_string()),
    })
}

/// The revision that a version stands for; 0 for a key that does not exist.
fn revision(version: &Version) -> Option<i64> {
    version.text().map_or(Some(0), |text| text.parse().ok())
}

impl Coordinator for EtcdCoordinator {
    fn read(&self) -> Result<Snapshot, ReadError> {
        self.runtime.block_on(self.range())
    }

    fn cas(&self, expected: &Version, record: &Record) -> CasOutcome {
        let text = match to_text(record) {
            Ok(text) => text,
            Err(error) => {
                tracing::error!(%error, "write the coordination record");
                return CasOutcome::Unknown;
            }
        };
        let Some(expected) = revision(expected) else {
            return CasOutcome::Conflict;
        };
        match self.runtime.block_on(self.txn(expected, text)) {
            Ok(answer) if answer.succeeded => {
                let revision = answer.header.map_or(0, |header| header.revision);
                CasOutcome::Applied(Version::new(revision.to_string()))
            }
            Ok(_) => CasOutcome::Conflict,
            Err(status) => {
                let trouble = self.note(&status);
                tracing::warn!(%trouble, "write the coordination record");
                CasOutcome::Unknown
            }
        }
    }
}

impl fmt::Debug for EtcdCoordinator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = String::from_utf8_lossy(&self.key);
        f.debug_struct("EtcdCoordinator")
            .field("key", &key)
            .finish_non_exhaustive()
    }
}
