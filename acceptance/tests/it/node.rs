//! amqplib, the Node.js client: each script of `clients/node` is one test.

use std::collections::BTreeSet;
use std::fs;

use acceptance::dev::DevBroker;
use acceptance::node::{self, Node};
use anyhow::Result;

macro_rules! scripts {
    ($($name:ident),* $(,)?) => {
        const SCRIPTS: &[&str] = &[$(stringify!($name)),*];

        $(#[test]
        fn $name() -> Result<()> {
            run(stringify!($name))
        })*
    };
}

scripts!(
    cancel_notify,
    confirms,
    errors,
    headers,
    request_reply,
    topics
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
fn no_script_is_forgotten() -> Result<()> {
    let known: BTreeSet<_> = SCRIPTS
        .iter()
        .chain(&["ferry"])
        .map(ToString::to_string)
        .collect();
    let mut there = BTreeSet::new();
    for entry in fs::read_dir(node::scripts())? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        there.extend(name.strip_suffix(".mjs").map(str::to_owned));
    }
    assert_eq!(there, known);
    Ok(())
}
