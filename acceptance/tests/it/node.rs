//! amqplib, the Node.js client: each script of `clients/node` is one test.

use acceptance::dev::DevBroker;
use acceptance::node::{self, Node};
use anyhow::Result;

use crate::scripts::scripts;

scripts!(
    run,
    node::scripts(),
    ".mjs",
    [
        cancel_notify,
        confirms,
        errors,
        headers,
        request_reply,
        topics
    ],
    ["ferry"]
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
