//! A DynamoDB table as coordination store: one item per record, read consistently, written on the
//! condition that its version is still the same.
//!
//! ```text
//! attribute  what it is
//! group      the key
//! record     the record as text
//! version    number of the write, and who wrote it: `17-00000000000000a1.4`
//! ```
//!
//! The writer's nonce is in the version so that no version ever comes again, not even if a person
//! removes the item: a write that is late finds another one.
//!
//! A call that is throttled or refused was not carried out, but what a caller does about that is what
//! it does about an unknown outcome: it reads. So the two are not told apart.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use broker_core::replication::coordinator::{
    CasOutcome, Coordinator, ReadError, Snapshot, Version,
};
use broker_core::replication::record::{Nonce, Record};
use cloud_aws::items::{Attributes, Condition};
use cloud_aws::{Aws, Items, Settings};
use tokio::runtime::Handle;
use tokio::sync::OnceCell;
use tokio::time::timeout;

use crate::text::{from_text, to_text};

const RECORD: &str = "record";
const VERSION: &str = "version";

/// Where the record is.
#[derive(Debug, Clone)]
pub struct DynamoDbOptions {
    /// Name of the table. Its partition key is the text [`cloud_aws::items::KEY`], and it has no other.
    pub table: String,
    /// Region of the table.
    pub region: String,
    /// How AWS is reached and who calls; what it leaves out is found as the AWS command line finds it:
    /// environment, shared files, container, instance.
    pub settings: Settings,
    /// Key of the item.
    pub key: String,
    /// How long one call may take, that for credentials included.
    pub timeout: Duration,
}

/// A record in one item of a table.
pub struct DynamoDbCoordinator {
    options: DynamoDbOptions,
    aws: Aws,
    items: OnceCell<Arc<dyn Items>>,
    runtime: Handle,
}

/// This build cannot call AWS.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this build has no AWS in it; take the release package, or build with `--features aws`")]
pub struct NotBuilt;

impl DynamoDbCoordinator {
    /// Calls nothing before it is asked. Calls are made on this runtime and must come from threads
    /// that are none of its own.
    ///
    /// # Errors
    /// [`NotBuilt`].
    pub fn new(options: DynamoDbOptions, runtime: Handle) -> Result<Self, NotBuilt> {
        if cloud_aws::not_built_for_agents().is_some() {
            return Err(NotBuilt);
        }
        Ok(Self {
            aws: Aws::new(options.settings.clone()),
            options,
            items: OnceCell::new(),
            runtime,
        })
    }

    async fn items(&self) -> Result<&dyn Items, String> {
        let (region, table) = (&self.options.region, &self.options.table);
        let connect = || self.aws.items(region, table);
        let items = self.items.get_or_try_init(connect).await;
        items.map(AsRef::as_ref).map_err(|error| said(&error))
    }

    /// Waits for a call no longer than agreed, and says what went wrong.
    fn call<T>(&self, call: impl Future<Output = Result<T, String>>) -> Result<T, String> {
        let limit = self.options.timeout;
        // Made within, where there is a clock.
        let bounded = async { timeout(limit, call).await };
        let answer = self.runtime.block_on(bounded);
        answer.unwrap_or_else(|_| Err(format!("DynamoDB gave no answer within {limit:?}")))
    }

    async fn get(&self) -> Result<Option<Attributes>, String> {
        let item = self.items().await?.get(&self.options.key).await;
        item.map_err(|error| said(&error))
    }

    async fn put(&self, item: &Attributes, condition: Condition<'_>) -> Result<bool, String> {
        let items = self.items().await?;
        let written = items.put(&self.options.key, item, condition).await;
        written.map_err(|error| said(&error))
    }
}

fn said(error: &cloud_aws::Error) -> String {
    format!("{error}. {}", error.advice()).trim_end().to_owned()
}

fn snapshot(item: Option<Attributes>) -> Result<Snapshot, ReadError> {
    let Some(mut item) = item else {
        return Ok(Snapshot {
            record: None,
            version: Version::ABSENT,
        });
    };
    let (Some(text), Some(version)) = (item.remove(RECORD), item.remove(VERSION)) else {
        let sentence = format!("its item lacks the attribute {RECORD} or {VERSION}");
        return Err(ReadError::Unreadable(sentence));
    };
    let record = from_text(text.as_bytes()).map_err(|e| ReadError::Unreadable(e.to_string()))?;
    Ok(Snapshot {
        record: Some(record),
        version: Version::new(version),
    })
}

/// The version that a write makes; `None` if no store of this kind ever gave out what it expects.
fn next(expected: &Version, nonce: Nonce) -> Option<String> {
    let number = match expected.text() {
        None => 0,
        Some(text) => text.split('-').next()?.parse::<u64>().ok()?,
    };
    let Nonce { incarnation, count } = nonce;
    let number = number.checked_add(1)?;
    Some(format!("{number}-{:016x}.{count}", incarnation.0))
}

impl Coordinator for DynamoDbCoordinator {
    fn read(&self) -> Result<Snapshot, ReadError> {
        let item = self.call(self.get()).map_err(ReadError::Unreachable)?;
        snapshot(item)
    }

    fn cas(&self, expected: &Version, record: &Record) -> CasOutcome {
        let text = match to_text(record) {
            Ok(text) => text,
            Err(error) => {
                tracing::error!(%error, "write the coordination record");
                return CasOutcome::Unknown;
            }
        };
        let Some(version) = next(expected, record.writer_nonce) else {
            return CasOutcome::Conflict;
        };
        let condition = match expected.text() {
            None => Condition::Absent,
            Some(text) => Condition::Equals {
                attribute: VERSION,
                text,
            },
        };
        let item = Attributes::from([
            (RECORD.to_owned(), text),
            (VERSION.to_owned(), version.clone()),
        ]);
        match self.call(self.put(&item, condition)) {
            Ok(true) => CasOutcome::Applied(Version::new(version)),
            Ok(false) => CasOutcome::Conflict,
            Err(trouble) => {
                tracing::warn!(%trouble, "write the coordination record");
                CasOutcome::Unknown
            }
        }
    }
}

impl fmt::Debug for DynamoDbCoordinator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DynamoDbCoordinator")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use broker_core::replication::record::Incarnation;

    use super::*;

    const NONCE: Nonce = Nonce {
        incarnation: Incarnation(0xa1),
        count: 4,
    };

    #[test]
    fn versions_count_and_name_their_writer() {
        let first = next(&Version::ABSENT, NONCE).unwrap();
        assert_eq!(first, "1-00000000000000a1.4");
        let second = next(&Version::new(first), NONCE);
        assert_eq!(second.as_deref(), Some("2-00000000000000a1.4"));
        assert_eq!(next(&Version::new("elsewhere"), NONCE), None);
    }

    #[test]
    fn an_item_that_is_no_record_is_not_taken_for_none() {
        let item = |text: &str| Attributes::from([(RECORD.to_owned(), text.to_owned())]);
        let mut garbled = item("{}");
        garbled.insert(VERSION.to_owned(), "1-0.1".to_owned());
        for item in [Attributes::new(), item("{}"), garbled] {
            let read = snapshot(Some(item.clone()));
            assert!(matches!(read, Err(ReadError::Unreadable(_))), "{item:?}");
        }
        assert_eq!(snapshot(None).unwrap().version, Version::ABSENT);
    }
}
