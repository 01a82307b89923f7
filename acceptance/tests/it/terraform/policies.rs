//! Policies and typed arguments, changed under a running client.

use acceptance::terraform::Diagnostic;
use anyhow::Result;

use super::fixture::Fixture;
use crate::amqp;

fn queues(more: &str, policy: &str) -> String {
    let queue = |name: &str, more: &str| {
        format!(
            "resource \"ferrymq_queue\" \"{name}\" {{\n  broker = ferrymq_broker.this.id\n  \
             name = \"{name}\"\n{more}}}\n"
        )
    };
    queue("mails", more) + &queue("dead", "") + policy
}

fn policy(kind: &str, definition: &str) -> String {
    format!(
        "resource \"ferrymq_{kind}\" \"short\" {{\n  broker = ferrymq_broker.this.id\n  \
         name = \"short\"\n  pattern = \"^mails$\"\n  apply_to = \"queues\"\n  \
         definition = {{ {definition} }}\n}}\n"
    )
}

/// A queue's messages overflow into another as the policies of the moment say.
#[test]
fn policies_hold_at_once_and_only_as_long_as_they_are_declared() -> Result<()> {
    let Some(fixture) = Fixture::with_broker()? else {
        return Ok(());
    };
    let dead = "max-length = 5, dead-letter-exchange = \"\", dead-letter-routing-key = \"dead\"";
    fixture.main(&queues("", &policy("policy", dead)))?;
    fixture.terraform.apply_settles()?;
    let uri = fixture.uri();
    amqp::publish(&uri, "", "mails", 8)?;
    assert_eq!(amqp::drain(&uri, "dead")?, 3);

    // A narrower limit holds for what is there, an operator's as well.
    let narrow = policy("operator_policy", "max-length = 2");
    fixture.main(&queues("", &(policy("policy", dead) + &narrow)))?;
    fixture.terraform.apply_settles()?;
    assert_eq!(amqp::drain(&uri, "dead")?, 3);
    assert_eq!(amqp::drain(&uri, "mails")?, 2);

    fixture.main(&queues("", ""))?;
    fixture.terraform.apply_settles()?;
    amqp::publish(&uri, "", "mails", 8)?;
    assert_eq!(amqp::drain(&uri, "mails")?, 8);
    Ok(())
}

#[test]
fn a_queue_changes_in_place_with_its_messages_and_says_so_in_the_plan() -> Result<()> {
    let Some(fixture) = Fixture::with_broker()? else {
        return Ok(());
    };
    fixture.main(&queues("", ""))?;
    fixture.terraform.apply_settles()?;
    let uri = fixture.uri();
    amqp::publish(&uri, "", "mails", 8)?;
    let limits = "  max_length = 6\n  message_ttl = 3600000\n  overflow = \"reject-publish\"\n";
    fixture.main(&queues(limits, ""))?;
    let plan = fixture.terraform.plan()?;
    assert_eq!(plan.summary(), ["update ferrymq_queue.mails"]);
    fixture.terraform.apply_settles()?;
    // Another type is another queue, and this one holds messages.
    fixture.main(&queues("  type = \"quorum\"\n", ""))?;
    Diagnostic::only(fixture.terraform.plan_errors()?)?.says(&["8 messages", "type"])?;
    assert_eq!(amqp::drain(&uri, "mails")?, 8);
    Ok(())
}

#[test]
fn a_queue_that_goes_hands_its_messages_on() -> Result<()> {
    let Some(fixture) = Fixture::with_broker()? else {
        return Ok(());
    };
    let drains = "  deletion_policy = \"drain_to\"\n  drain_to = ferrymq_queue.dead.name\n";
    fixture.main(&queues(drains, ""))?;
    fixture.terraform.apply_settles()?;
    let uri = fixture.uri();
    amqp::publish(&uri, "", "mails", 500)?;
    let dead = queues("", "")
        .split_once("resource \"ferrymq_queue\" \"dead\"")
        .map(|(_, rest)| format!("resource \"ferrymq_queue\" \"dead\"{rest}"));
    fixture.main(&dead.unwrap_or_default())?;
    fixture.terraform.apply_settles()?;
    assert_eq!(amqp::drain(&uri, "dead")?, 500);
    Ok(())
}
