//! pika, the Python client: each script of `clients/python` is one test.

use std::collections::BTreeSet;
use std::fs;

use acceptance::dev::DevBroker;
use acceptance::python::{self, Python};
use anyhow::Result;

/// Scripts that need no more than a fresh broker.
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
    consumers,
    dead_letters,
    errors,
    expiry,
    exchanges,
    get,
    heartbeat,
    large_body,
    lengths,
    lifetimes,
    mandatory,
    many_channels,
    names,
    priorities,
    properties,
    publish_confirm_consume,
    qos,
    routing,
    settle,
);

/// Scripts that other tests run, with arguments, and what the scripts share.
const ELSEWHERE: &[&str] = &[
    "drain_many",
    "ferry",
    "levels_drain",
    "levels_publish",
    "login",
    "permissions",
    "publish",
    "publish_many",
    "tls",
];

fn run(script: &str) -> Result<()> {
    let Some(python) = Python::prepare()? else {
        return Ok(());
    };
    let broker = DevBroker::start()?;
    python
        .script(&format!("{script}.py"), &[&broker.uri()?])?
        .success()?;
    Ok(())
}

#[test]
fn no_script_is_forgotten() -> Result<()> {
    let known: BTreeSet<_> = SCRIPTS
        .iter()
        .chain(ELSEWHERE)
        .map(ToString::to_string)
        .collect();
    let mut there = BTreeSet::new();
    for entry in fs::read_dir(python::scripts())? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        there.extend(name.strip_suffix(".py").map(str::to_owned));
    }
    assert_eq!(there, known);
    Ok(())
}
