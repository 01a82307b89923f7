//! Queues of each durability, declared by Terraform, over a crash of their agent.

use std::time::Duration;

use acceptance::poll;
use acceptance::terraform::Diagnostic;
use anyhow::Result;

use super::fixture::Fixture;
use crate::amqp;

const LEVELS: [&str; 3] = ["fsync", "os", "memory"];

fn queues(durability_of_os: &str) -> String {
    let queue = |name: &str, durability: &str| {
        format!(
            "resource \"ferrymq_queue\" \"{name}\" {{\n  broker = ferrymq_broker.this.id\n  \
             name = \"{name}\"\n  durability = \"{durability}\"\n}}\n"
        )
    };
    queue("fsync", "fsync") + &queue("os", durability_of_os) + &queue("memory", "memory")
}

#[test]
fn durability_decides_what_a_crash_leaves() -> Result<()> {
    let Some(mut fixture) = Fixture::with_broker()? else {
        return Ok(());
    };
    fixture.main(&queues("os"))?;
    fixture.terraform.apply_settles()?;
    for level in LEVELS {
        amqp::publish(&fixture.uri(), "", level, 5)?;
    }
    // Another level is another queue, and this one holds messages.
    fixture.main(&queues("memory"))?;
    Diagnostic::only(fixture.terraform.plan_errors()?)?.says(&["5 messages", "durability"])?;
    fixture.main(&queues("os"))?;

    fixture.agent.kill()?;
    fixture.agent.restart()?;
    poll::until("the broker to serve again", Duration::from_secs(20), || {
        Ok(amqp::can_connect(&fixture.uri()).then_some(()))
    })?;
    for (level, left) in LEVELS.into_iter().zip([5, 5, 0]) {
        assert_eq!(amqp::drain(&fixture.uri(), level)?, left, "{level}");
    }
    // They are empty now.
    fixture.main(&queues("memory"))?;
    let plan = fixture.terraform.plan()?;
    assert_eq!(plan.summary(), ["replace ferrymq_queue.os"]);
    assert_eq!(plan.change("ferrymq_queue.os")?.changed(), ["durability"]);
    fixture.terraform.apply_settles()
}
