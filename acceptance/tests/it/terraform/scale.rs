//! A thousand queues in one apply.

use agent_api::v1::ListQueuesRequest;
use anyhow::Result;

use super::fixture::{BROKER, Fixture};

/// A resource, a thousand times.
pub(crate) fn thousand(kind: &str, body: &str) -> String {
    format!("resource \"{kind}\" \"many\" {{\n  count = 1000\n{body}}}\n")
}

/// Body of a queue of the fixture's broker.
pub(crate) const QUEUE: &str =
    "  broker = ferrymq_broker.this.id\n  name = \"queue-${count.index}\"\n";

#[test]
fn a_thousand_queues_come_in_one_apply_and_go_in_another() -> Result<()> {
    let Some(fixture) = Fixture::with_broker()? else {
        return Ok(());
    };
    fixture.main(&thousand("ferrymq_queue", QUEUE))?;
    fixture.terraform.apply_settles()?;
    let queues = fixture.behind_its_back(async |agent| {
        let request = ListQueuesRequest {
            broker: BROKER.to_owned(),
            ..Default::default()
        };
        Ok(agent
            .call(agent.queues().list_queues(request))
            .await?
            .queues
            .len())
    })?;
    assert_eq!(queues, 1000);
    fixture.main("")?;
    fixture.terraform.apply_settles()
}
