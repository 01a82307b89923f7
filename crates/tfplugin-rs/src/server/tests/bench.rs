//! What the framework itself costs, so that growth faster than the work shows.

use std::time::{Duration, Instant};

use serde_json::json;

use super::yard;

/// A thousand resources must cost the framework far less than a second even unoptimised: each is
/// validated, upgraded, read, planned three times and applied.
#[tokio::test]
async fn a_thousand_resources_cost_little() {
    let (_, terraform) = yard().await;
    let start = Instant::now();
    for number in 0..1000 {
        let mut boat = terraform.resource("yard_boat");
        let config = json!({
            "name": format!("boat-{number}"), "crew": ["a", "b"], "sail": [{"area": number}],
        });
        boat.apply(config).await.unwrap();
    }
    let spent = start.elapsed();
    assert!(
        spent < Duration::from_secs(10),
        "{spent:?} for 1,000 resources"
    );
}
