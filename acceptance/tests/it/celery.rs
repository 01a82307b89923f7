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

/// Delayed tasks wait in queues that let them expire from one to the next, for up to eight years, and
/// keep them until they have arrived.
#[test]
fn a_worker_serves_tasks_from_a_quorum_queue_and_the_broker_delays_them() -> Result<()> {
    run("celery/worker.py", &["quorum"])
}
