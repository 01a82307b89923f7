//! aio-pika, Python's client for asyncio: each script of `clients/python/aio_pika` is one test.

use acceptance::dev::DevBroker;
use acceptance::python::{self, Python};
use anyhow::Result;

use crate::scripts::scripts;

scripts!(
    run,
    python::scripts().join("aio_pika"),
    ".py",
    [consuming, patterns, publishing, recovery, topology],
    ["ferry"]
);

fn run(script: &str) -> Result<()> {
    let Some(python) = Python::prepare()? else {
        return Ok(());
    };
    let broker = DevBroker::start()?;
    python
        .script(&format!("aio_pika/{script}.py"), &[&broker.uri()?])?
        .success()?;
    Ok(())
}
