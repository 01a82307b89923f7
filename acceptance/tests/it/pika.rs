//! pika, the Python client: each script of `clients/python` is one test.

use acceptance::dev::DevBroker;
use acceptance::python::{self, Python};
use anyhow::Result;

use crate::scripts::scripts;

scripts!(
    run,
    python::scripts(),
    ".py",
    [
        cancel_notify,
        consumers,
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
        routing,
        settle,
    ],
    [
        "drain_many",
        "ferry",
        "levels_drain",
        "levels_publish",
        "login",
        "permissions",
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
