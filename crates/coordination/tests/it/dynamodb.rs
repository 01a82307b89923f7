//! DynamoDB: the contract, and what happens when calls are throttled, get lost or are never answered.
//!
//! The table is one of moto's. Conditional writes are not atomic there: of two that come at once, each
//! may find its condition true. So the stand-in carries out one call at a time; that the real DynamoDB
//! makes condition and write one is AWS's word, and not shown here.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use acceptance::aws::StandIn;
use broker_core::replication::coordinator::{CasOutcome, Coordinator, ReadError, Version};
use cloud_aws::Settings;
use coordination::dynamodb::{DynamoDbCoordinator, DynamoDbOptions};
use serde_json::json;
use tokio::runtime::Runtime;

use crate::contract::{self, by, record};

/// One for each test: what a test does to one concerns no other.
const REGIONS: [&str; 5] = [
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
];

/// A table that a test has for itself, and clients of it.
struct Table {
    stand_in: &'static StandIn,
    region: String,
    runtime: Runtime,
}

impl Table {
    /// `None` if Python is left out by name.
    fn new() -> Option<Self> {
        static TAKEN: AtomicUsize = AtomicUsize::new(0);
        let stand_in = StandIn::shared().unwrap()?;
        let table = Self {
            stand_in,
            region: REGIONS[TAKEN.fetch_add(1, Ordering::Relaxed)].to_owned(),
            runtime: Runtime::new().unwrap(),
        };
        table.call(
            "CreateTable",
            json!({
                "TableName": "pairs",
                "AttributeDefinitions": [{ "AttributeName": "group", "AttributeType": "S" }],
                "KeySchema": [{ "AttributeName": "group", "KeyType": "HASH" }],
                "BillingMode": "PAY_PER_REQUEST",
            }),
        );
        Some(table)
    }

    fn call(&self, action: &str, request: serde_json::Value) -> serde_json::Value {
        let target = format!("DynamoDB_20120810.{action}");
        let called = self
            .stand_in
            .json(&self.region, "dynamodb", &target, &request);
        called.unwrap()
    }

    fn client(&self) -> DynamoDbCoordinator {
        self.client_of("pairs", Duration::from_secs(20))
    }

    fn client_of(&self, table: &str, timeout: Duration) -> DynamoDbCoordinator {
        let options = DynamoDbOptions {
            table: table.to_owned(),
            region: self.region.clone(),
            settings: reached_at(self.stand_in.url()),
            key: "5f0a".repeat(8),
            timeout,
        };
        DynamoDbCoordinator::new(options, self.runtime.handle().clone()).unwrap()
    }

    fn fail(&self, action: &str, code: &str, times: u32) {
        let fault = (code, "made by the test");
        self.stand_in.heal(&self.region).unwrap();
        let failing = self.stand_in.fail(&self.region, action, fault, Some(times));
        failing.unwrap();
    }

    /// The next write is carried out, and its author learns nothing.
    fn lose(&self) {
        self.stand_in.heal(&self.region).unwrap();
        let lost = self.stand_in.lose_answer(&self.region, "PutItem");
        lost.unwrap();
    }
}

fn reached_at(url: String) -> Settings {
    Settings {
        access_key: Some("test".to_owned()),
        secret_key: Some("test".to_owned()),
        endpoints: BTreeMap::from([("dynamodb".to_owned(), url)]),
        ..Settings::default()
    }
}

#[test]
fn dynamodb_keeps_the_contract() {
    let Some(table) = Table::new() else { return };
    contract::holds(&|| Box::new(table.client()));
}

#[test]
fn a_call_that_is_throttled_or_refused_is_not_repeated_and_its_outcome_is_not_claimed() {
    let Some(table) = Table::new() else { return };
    let store = table.client();
    let first = store.cas(&Version::ABSENT, &by(0, 1, &record()));
    assert!(matches!(first, CasOutcome::Applied(_)), "{first:?}");
    let before = store.read().unwrap();
    for code in [
        "ProvisionedThroughputExceededException",
        "ThrottlingException",
        "AccessDeniedException",
    ] {
        // Once: a second attempt would get through.
        table.fail("PutItem", code, 1);
        let written = store.cas(&before.version, &by(1, 1, &record()));
        assert_eq!(written, CasOutcome::Unknown, "{code}");
        assert_eq!(store.read().unwrap(), before, "{code}");
        table.fail("GetItem", code, 1);
        let Err(ReadError::Unreachable(text)) = store.read() else {
            panic!("{code} is not told");
        };
        assert!(text.contains(code), "{text}");
        assert_eq!(store.read().unwrap(), before);
    }
    table.fail("PutItem", "ThrottlingException", 3);
    contract::raise_epoch(&store, 1, 2);
    assert_eq!(store.read().unwrap().record.unwrap().epoch.0, 1);
}

/// It is carried out, and the answer is an error.
#[test]
fn a_write_whose_answer_is_lost_is_found_out_by_its_nonce() {
    let Some(table) = Table::new() else { return };
    let store = table.client();
    table.lose();
    let founding = by(1, 1, &record());
    assert_eq!(store.cas(&Version::ABSENT, &founding), CasOutcome::Unknown);
    assert_eq!(store.read().unwrap().record, Some(founding));
    for count in 2..5 {
        table.lose();
        contract::raise_epoch(&store, 1, count);
    }
    assert_eq!(store.read().unwrap().record.unwrap().epoch.0, 3);
}

#[test]
fn a_store_that_does_not_answer_is_waited_for_no_longer_than_agreed() {
    let Some(table) = Table::new() else { return };
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let options = DynamoDbOptions {
        table: "pairs".to_owned(),
        region: table.region.clone(),
        settings: reached_at(url),
        key: "k".to_owned(),
        timeout: Duration::from_millis(300),
    };
    let store = DynamoDbCoordinator::new(options, table.runtime.handle().clone()).unwrap();
    assert_eq!(store.cas(&Version::ABSENT, &record()), CasOutcome::Unknown);
    let Err(ReadError::Unreachable(text)) = store.read() else {
        panic!("an answer from nobody");
    };
    assert!(text.contains("no answer within 300ms"), "{text}");
}

/// Missing is not empty: nobody founds a group in a table that is not there.
#[test]
fn a_table_that_is_missing_holds_no_record_and_says_so() {
    let Some(table) = Table::new() else { return };
    let store = table.client_of("nowhere", Duration::from_secs(20));
    let Err(ReadError::Unreachable(text)) = store.read() else {
        panic!("read from a table that is not there");
    };
    assert!(text.contains("ResourceNotFoundException"), "{text}");
    assert_eq!(store.cas(&Version::ABSENT, &record()), CasOutcome::Unknown);
}
