//! Ephemeral resources: open, renew, close.

use std::time::{Duration, SystemTime};

use serde_json::json;

use super::hung_up;
use super::port::port;
use crate::logging;
use crate::testing::UNKNOWN;

#[tokio::test]
async fn open_renew_and_close_hand_on_their_private_state() {
    let (seen, terraform) = port().await;
    let before = SystemTime::now();
    let mut pilot = terraform
        .open("port_pilot", json!({"ship": "anna"}))
        .await
        .unwrap();
    let result = json!({
        "ship": "anna", "hours": 8, "code": "pilot-code-1", "ebb": null, "flood": null,
        "timeouts": null,
    });
    assert_eq!(pilot.result(), result);
    let hour = Duration::from_secs(3600);
    let due = pilot.renew_at().unwrap();
    assert!(due >= before + hour && due <= SystemTime::now() + hour);
    pilot.renew().await.unwrap();
    assert_eq!(
        pilot.renew_at(),
        None,
        "the provider asked for no further one"
    );
    assert_eq!(pilot.private().get("renewed").unwrap(), Some(true));
    assert_eq!(
        pilot.private().get("ship").unwrap(),
        Some("anna".to_owned())
    );
    assert!(pilot.close().await.unwrap().is_empty());
    let events = [
        "open anna 8",
        r#"renew Some("anna")"#,
        r#"close Some("anna")"#,
    ];
    assert_eq!(seen.seen(), events);
    // A sensitive result never reaches the log.
    assert_eq!(logging::masked("it is pilot-code-1"), "it is ***");
}

#[tokio::test]
async fn configurations_are_validated() {
    let (seen, terraform) = port().await;
    for (config, complaint) in [
        (json!({"ship": "a", "hours": 13}), "(at hours)"),
        (
            json!({"ship": "a", "code": "x"}),
            "Value for unconfigurable attribute (at code)",
        ),
        (json!({}), "Missing required argument (at ship)"),
    ] {
        let error = terraform.open("port_pilot", config).await.unwrap_err();
        assert!(error.to_string().contains(complaint), "{error}");
    }
    assert!(seen.seen().is_empty());
    let old = terraform
        .open("port_pilot", json!({"ship": "old"}))
        .await
        .unwrap();
    assert_eq!(
        old.warnings().to_string(),
        "warning: Rust (at ship): Look twice."
    );
}

#[tokio::test]
async fn rules_hold_for_ephemeral_resources() {
    let (seen, terraform) = port().await;
    let open = async |ebb: serde_json::Value, flood: serde_json::Value| {
        let config = json!({"ship": "anna", "ebb": ebb, "flood": flood});
        let opened = terraform.open("port_pilot", config).await;
        opened.err().map(|found| found.to_string())
    };
    let conflict = "error: Invalid combination of attributes (at ebb): Only one of `ebb`, \
                    `flood` can be set.";
    assert_eq!(
        open(json!(true), json!(true)).await.as_deref(),
        Some(conflict)
    );
    assert!(seen.seen().is_empty(), "nothing was opened");
    assert_eq!(open(json!(true), json!(null)).await, None);
    assert_eq!(open(json!(null), json!(false)).await, None);
}

#[tokio::test]
async fn what_goes_wrong_when_opening_is_told() {
    let (_, terraform) = port().await;
    for (ship, complaint) in [
        ("sunk", "error: Sunk (at ship)"),
        ("grumbler", "error: No rum (at ship)"),
        ("panics", "man overboard"),
        ("foggy", "left a value unknown (at code)"),
        ("liar", "changed what is configured (at hours)"),
        ("later", "would have to be deferred"),
        (UNKNOWN, "not known yet"),
    ] {
        let opened = terraform.open("port_pilot", json!({"ship": ship})).await;
        let error = opened.unwrap_err().to_string();
        assert!(error.contains(complaint), "{ship}: {error}");
    }
    let error = terraform.open("port_tug", json!({})).await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("Unknown ephemeral resource type"),
        "{error}"
    );
}

/// Terraform never closes what was not answered, so nobody else would.
#[tokio::test]
async fn what_was_opened_in_vain_is_closed_at_once() {
    let (seen, terraform) = port().await;
    for (ship, is_closed) in [
        ("foggy", true),
        ("liar", true),
        ("grumbler", true),
        // These have failed to open.
        ("sunk", false),
        ("panics", false),
    ] {
        let opened = terraform.open("port_pilot", json!({"ship": ship})).await;
        opened.unwrap_err();
        let mut expected = vec![format!("open {ship} 8")];
        expected.extend(is_closed.then(|| format!("close Some({ship:?})")));
        assert_eq!(seen.seen(), expected);
    }
}

#[tokio::test]
async fn a_renewal_beyond_all_time_is_set_to_its_end() {
    let (_, terraform) = port().await;
    let ghost = terraform
        .open("port_pilot", json!({"ship": "ghost"}))
        .await
        .unwrap();
    let end = SystemTime::UNIX_EPOCH + Duration::from_secs(253_402_300_799);
    assert_eq!(ghost.renew_at(), Some(end));
}

#[tokio::test]
async fn a_failed_renewal_can_still_be_closed() {
    let (seen, terraform) = port().await;
    for (ship, complaint) in [("tired", "Asleep"), ("drunk", "rum")] {
        let config = json!({"ship": ship});
        let mut pilot = terraform.open("port_pilot", config).await.unwrap();
        let error = pilot.renew().await.unwrap_err();
        assert!(error.to_string().contains(complaint), "{error}");
        seen.seen();
        pilot.close().await.unwrap();
        assert_eq!(seen.seen(), [format!("close Some({ship:?})")]);
    }
    let stuck = terraform
        .open("port_pilot", json!({"ship": "stuck"}))
        .await
        .unwrap();
    let error = stuck.close().await.unwrap_err();
    assert!(error.to_string().contains("aground"), "{error}");
}

#[tokio::test]
async fn a_caller_that_hangs_up_stops_an_opening_without_cutting_it_off() {
    let (seen, terraform) = port().await;
    let call = terraform.open("port_pilot", json!({"ship": "becalmed"}));
    let told = hung_up(call, || seen.seen(), "rowed home").await;
    assert_eq!(told, ["open becalmed 8", "rowed home"]);
}
