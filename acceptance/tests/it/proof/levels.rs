//! What a stock client finds of each level of durability after kill -9.

use acceptance::dev::DevBroker;
use acceptance::python::Python;
use anyhow::Result;

#[test]
fn a_crash_of_the_broker_costs_only_what_was_kept_in_memory() -> Result<()> {
    let Some(python) = Python::prepare()? else {
        return Ok(());
    };
    let mut broker = DevBroker::start()?;
    python
        .script("levels_publish.py", &[&broker.uri()?, "500"])?
        .success()?;
    broker.crash()?;
    python
        .script("levels_drain.py", &[&broker.uri()?, "500"])?
        .success()?;
    Ok(())
}
