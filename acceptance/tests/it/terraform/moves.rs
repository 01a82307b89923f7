//! A broker whose host is made anew in the same apply: where it goes is not known at plan.

use acceptance::agent::Agent;
use acceptance::terraform::Diagnostic;
use agent_api::v1::DeleteQueueRequest;
use anyhow::Result;

use super::fixture::{BROKER, Fixture};
use crate::amqp;

const QUEUE: &str = r#"
resource "ferrymq_queue" "q" {
  broker = ferrymq_broker.this.id
  name   = "q"
}
"#;

/// Stands for a host: its address is known when it is made.
fn host(endpoint: &str) -> String {
    format!("resource \"terraform_data\" \"host\" {{\n  input = \"{endpoint}\"\n}}\n{QUEUE}")
}

/// The fixture's broker on that host, a queue in it, and another agent that the host may become.
fn applied() -> Result<Option<(Fixture, Agent)>> {
    let Some(fixture) = Fixture::prepare()? else {
        return Ok(None);
    };
    let literal = format!("[\"{}\"]", fixture.agent.endpoint());
    let broker = fixture
        .broker()
        .replace(&literal, "[terraform_data.host.output]");
    fixture.terraform.write("broker.tf", &broker)?;
    fixture.main(&host(&fixture.agent.endpoint()))?;
    fixture.terraform.apply_settles()?;
    let other = Agent::start_beside(&fixture.agent)?;
    Ok(Some((fixture, other)))
}

#[test]
fn a_broker_goes_to_a_new_host_with_all_that_is_in_it() -> Result<()> {
    let Some((fixture, other)) = applied()? else {
        return Ok(());
    };
    amqp::publish(&fixture.uri(), "", "q", 1)?;
    fixture.main(&host(&other.endpoint()))?;
    let refused = Diagnostic::only(fixture.terraform.plan_errors()?)?;
    refused.says(&["1 message", "`nodes`", "force"])?;
    assert_eq!(amqp::drain(&fixture.uri(), "q")?, 1);

    let plan = fixture.terraform.plan()?;
    let moved = [
        "replace ferrymq_broker.this",
        "replace ferrymq_permission.app",
        "replace ferrymq_queue.q",
        "replace ferrymq_user.app",
        "update terraform_data.host",
    ];
    assert_eq!(plan.summary(), moved);
    let broker = plan.change("ferrymq_broker.this")?;
    assert_eq!(broker.replace_because, ["nodes"]);
    fixture.terraform.apply_settles()?;
    let state = fixture.terraform.attributes("ferrymq_broker.this")?;
    assert_eq!(state["nodes"][0], other.endpoint());
    assert!(amqp::can_connect(&fixture.uri()));
    fixture.terraform.destroy()
}

#[test]
fn a_message_that_arrives_after_the_plan_keeps_the_broker() -> Result<()> {
    let Some((fixture, other)) = applied()? else {
        return Ok(());
    };
    fixture.main(&host(&other.endpoint()))?;
    fixture.terraform.plan()?;
    amqp::publish(&fixture.uri(), "", "q", 1)?;
    let refused = fixture
        .terraform
        .run(&["apply", "-no-color", "plan.bin"])?
        .failure()?;
    assert!(refused.stderr.contains("1 message"), "{refused}");
    let kept = fixture.terraform.addresses()?;
    assert!(kept.contains(&"ferrymq_broker.this".to_owned()), "{kept:?}");
    assert!(kept.contains(&"ferrymq_queue.q".to_owned()), "{kept:?}");

    fixture.behind_its_back(async |agent| {
        let request = DeleteQueueRequest {
            broker: BROKER.to_owned(),
            vhost: "/".to_owned(),
            name: "q".to_owned(),
            force: true,
            ..Default::default()
        };
        agent.call(agent.queues().delete_queue(request)).await?;
        Ok(())
    })?;
    fixture.terraform.apply_settles()
}
