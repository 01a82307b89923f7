//! Apply: what is stored, whatever happens.

use std::time::Duration;

use serde_json::json;
use tokio::time::timeout;

use super::{hung_up, yard};
use crate::prelude::*;

#[tokio::test]
async fn an_error_before_anything_is_made_stores_nothing() {
    let (_, terraform) = yard().await;
    let mut boat = terraform.resource("yard_boat");
    let error = boat.apply(json!({"name": "sinks"})).await.unwrap_err();
    assert_eq!(error.to_string(), "error: Sunk (at name): At once.");
    assert_eq!(boat.state(), json!(null));
}

#[tokio::test]
async fn what_was_saved_before_an_error_is_stored_with_unknowns_as_null() {
    let (_, terraform) = yard().await;
    let mut boat = terraform.resource("yard_boat");
    let error = boat
        .apply(json!({"name": "half", "key": "long enough"}))
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "error: Half done: No more wood.");
    assert_eq!(boat.state()["name"], "half");
    assert_eq!(boat.state()["berth"], json!(null));
    assert_eq!(boat.state()["key"], json!(null));
    // It exists, so it can be read and destroyed.
    assert!(!boat.refresh().await.unwrap());
    boat.destroy().await.unwrap();
}

#[tokio::test]
async fn a_panic_is_a_diagnostic_and_what_was_saved_is_stored() {
    let (_, terraform) = yard().await;
    let mut boat = terraform.resource("yard_boat");
    let error = boat.apply(json!({"name": "panics"})).await.unwrap_err();
    assert!(error.to_string().contains("all hands on deck"), "{error}");
    assert_eq!(boat.state()["berth"], 1);
    let mut other = terraform.resource("yard_boat");
    other.apply(json!({"name": "fine"})).await.unwrap();
}

#[tokio::test]
async fn a_failed_update_keeps_the_state_before_or_what_was_saved() {
    let (_, terraform) = yard().await;
    let mut boat = terraform.resource("yard_boat");
    boat.apply(json!({"name": "b", "colour": "red"}))
        .await
        .unwrap();
    let error = boat
        .apply(json!({"name": "b", "colour": "invisible"}))
        .await
        .unwrap_err();
    assert_eq!(
        error.iter().next().map(|d| d.path.to_string()).as_deref(),
        Some("colour")
    );
    assert_eq!(boat.state()["colour"], "red");
    boat.apply(json!({"name": "b", "colour": "plaid"}))
        .await
        .unwrap_err();
    assert_eq!(boat.state()["colour"], "half plaid");
}

#[tokio::test]
async fn a_failed_deletion_keeps_the_state() {
    let (_, terraform) = yard().await;
    let mut boat = terraform.resource("yard_boat");
    boat.apply(json!({"name": "unsinkable"})).await.unwrap();
    boat.destroy().await.unwrap_err();
    assert_eq!(boat.state()["name"], "unsinkable");
}

#[tokio::test]
async fn write_only_values_come_from_the_configuration() {
    let (yard, terraform) = yard().await;
    let mut boat = terraform.resource("yard_boat");
    boat.apply(json!({"name": "b", "key": "the first"}))
        .await
        .unwrap();
    assert_eq!(boat.state()["key_length"], 9);
    boat.apply(json!({"name": "b", "key": "the second", "colour": "red"}))
        .await
        .unwrap();
    assert_eq!(boat.state()["key_length"], 10);
    assert_eq!(boat.state()["key"], json!(null));
    let keys: Vec<_> = yard
        .seen()
        .into_iter()
        .filter(|line| line.starts_with("key"))
        .collect();
    assert_eq!(
        keys,
        ["key Some(\"the first\")", "key Some(\"the second\")"]
    );
}

#[tokio::test]
async fn private_state_travels_with_the_resource() {
    let (_, terraform) = yard().await;
    let mut boat = terraform.resource("yard_boat");
    for (colour, built) in [("red", 1), ("green", 2), ("blue", 3)] {
        boat.apply(json!({"name": "b", "colour": colour}))
            .await
            .unwrap();
        assert_eq!(boat.private().get::<u32>("built").unwrap(), Some(built));
    }
    boat.destroy().await.unwrap();
    assert_eq!(boat.private().get::<u32>("built").unwrap(), None);
}

#[tokio::test]
async fn calls_run_at_the_same_time() {
    let (_, terraform) = yard().await;
    let (mut a, mut b) = (
        terraform.resource("yard_boat"),
        terraform.resource("yard_boat"),
    );
    let both = async {
        tokio::join!(
            a.apply(json!({"name": "slow"})),
            b.apply(json!({"name": "slow"}))
        )
    };
    let (a, b) = timeout(Duration::from_secs(10), both).await.unwrap();
    a.unwrap();
    b.unwrap();
}

#[tokio::test]
async fn a_stop_reaches_what_is_running_and_its_answer_is_kept() {
    let (_, terraform) = yard().await;
    let mut boat = terraform.resource("yard_boat");
    let work = async {
        let applied = boat.apply(json!({"name": "patient"}));
        let (applied, ()) = tokio::join!(applied, async { terraform.interrupt().await.unwrap() });
        applied.unwrap();
    };
    timeout(Duration::from_secs(10), work).await.unwrap();
    assert_eq!(boat.state()["name"], "patient");
}

#[tokio::test]
async fn a_caller_that_hangs_up_stops_what_is_running_without_cutting_it_off() {
    let (yard, terraform) = yard().await;
    let mut boat = terraform.resource("yard_boat");
    let call = boat.apply(json!({"name": "abandoned", "key": "long enough"}));
    let started = || {
        let seen = yard.seen().into_iter();
        seen.filter(|seen| ["building", "tidied up"].contains(&&**seen))
            .collect()
    };
    assert_eq!(
        hung_up(call, started, "tidied up").await,
        ["building", "tidied up"]
    );
    // The others go on.
    assert!(
        terraform
            .resource("yard_boat")
            .apply(json!({"name": "fine"}))
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn deletions_and_replacements_are_planned_with_their_action() {
    let (yard, terraform) = yard().await;
    let mut boat = terraform.resource("yard_boat");
    boat.apply(json!({"name": "ark"})).await.unwrap();
    yard.seen();
    let error = boat.destroy().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "error: Still needed (at name): There are animals on board."
    );
    assert_eq!(yard.seen(), ["Delete"]);
    assert_eq!(
        boat.plan(json!({"name": "new"})).await.unwrap().action,
        ResourceAction::Replace
    );
    assert_eq!(yard.seen(), ["Replace", "Create"]);
    boat.plan(json!({"name": "ark", "crew": ["noah"]}))
        .await
        .unwrap();
    assert_eq!(yard.seen(), ["Update"]);
    boat.plan(json!({"name": "ark"})).await.unwrap();
    assert_eq!(yard.seen(), ["Keep"]);
}
