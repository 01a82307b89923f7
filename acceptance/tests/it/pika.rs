//! pika, the Python client: each script of `clients/python` is one test.

use acceptance::dev::DevBroker;
use acceptance::python::{self, Python};
use anyhow::Result;

use crate::clients::stage::Stage;
use crate::scripts::scripts;

scripts!(
    run,
    python::scripts(),
    ".py",
    [
        cancel_notify,
        consistent_hash,
        consumers,
        copies,
        dead_letters,
        errors,
        exchanges,
        expiry,
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
        reply_to,
        routing,
        settle,
        streams,
        transactions,
    ],
    [
        "drain_many",
        "external",
        "failover",
        "ferry",
        "levels_drain",
        "levels_publish",
        "login",
        "permissions",
        "policies",
        "publish",
        "publish_many",
        "tls",
    ]
);

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
fn policies_are_in_effect() -> Result<()> {
    let Some(python) = Python::prepare()? else {
        return Ok(());
    };
    let stage = Stage::set()?;
    python.script("policies.py", &[&stage.uri()])?.success()?;
    Ok(())
}
