//! amqplib, the Node.js client: each script of `clients/node` is one test.

use acceptance::dev::DevBroker;
use acceptance::node::{self, Node};
use anyhow::Result;

use crate::clients::stage::Stage;
use crate::scripts::scripts;

scripts!(
    run,
    node::scripts(),
    ".mjs",
    [
        cancel_notify,
        confirms,
        consistent_hash,
        copies,
        errors,
        headers,
        reply_to,
        request_reply,
        topics
    ],
    ["ferry", "policies"]
);

fn run(script: &str) -> Result<()> {
    let Some(node) = Node::prepare()? else {
        return Ok(());
    };
    let broker = DevBroker::start()?;
    node.script(&format!("{script}.mjs"), &[&broker.uri()?])?
        .success()?;
    Ok(())
}

#[test]
fn policies_are_in_effect() -> Result<()> {
    let Some(node) = Node::prepare()? else {
        return Ok(());
    };
    let stage = Stage::set()?;
    node.script("policies.mjs", &[&stage.uri()])?.success()?;
    Ok(())
}
