//! py-amqp, kombu upon it, and Celery upon both with a worker of its own.

use acceptance::dev::DevBroker;
use acceptance::python::Python;
use anyhow::Result;

fn run(script: &str, arguments: &[&str]) -> Result<()> {
    let Some(python) = Python::prepare()? else {
        return Ok(());
    };
    let broker = DevBroker::start()?;
    let uri = broker.uri()?;
    let arguments = [&[uri.as_str()], arguments].concat();
    python.script(script, &arguments)?.success()?;
    Ok(())
}

#[test]
fn py_amqp_alone() -> Result<()> {
    run("kombu/bare.py", &[])
}

#[test]
fn kombu_declares_sends_and_receives() -> Result<()> {
    run("kombu/messaging.py", &[])
}

#[test]
fn a_worker_serves_tasks_from_a_classic_queue() -> Result<()> {
    run("celery/worker.py", &["classic"])
}
