//! What starting and applying cost. Run alone: other tests on the same cores would be measured too.
//!
//! Times are reported against their bars and fail nothing: a busy machine is not a bug. What the
//! tests do assert is that the work gets done, and how much memory is left behind.

mod metrics;

use std::time::{Duration, Instant};

use acceptance::dev::DevBroker;
use acceptance::terraform::Workspace;
use anyhow::Result;

use crate::terraform::fixture::Fixture;
use crate::terraform::plugin::{Caller, Plugin};
use crate::terraform::scale::{QUEUE, thousand};

/// The best of this many tries counts: a busy machine makes things slower, never faster.
const TRIES: usize = 5;

#[test]
fn dev_is_ready_soon_and_idles_in_15_mib() -> Result<()> {
    let (mut took, mut resident) = (Duration::MAX, u64::MAX);
    for _ in 0..TRIES {
        let broker = DevBroker::start()?;
        took = took.min(broker.start_took()?);
        resident = resident.min(broker.server()?.resident_bytes()?);
    }
    report("dev: ready", took, Duration::from_millis(100));
    eprintln!("dev: {} KiB resident when idle", resident / 1024);
    assert!(resident <= 15 << 20, "{resident} bytes resident when idle");
    Ok(())
}

#[tokio::test]
async fn the_provider_answers_its_schema_at_once() -> Result<()> {
    let caller = Caller::new()?;
    let mut took = Duration::MAX;
    for _ in 0..2 * TRIES {
        let plugin = Plugin::start(&caller)?;
        plugin.schema(Some(&caller)).await?;
        took = took.min(plugin.started.elapsed());
    }
    report("provider: schema", took, Duration::from_millis(20));
    Ok(())
}

#[test]
fn a_broker_with_ten_objects_is_applied() -> Result<()> {
    let mut took = Duration::MAX;
    for _ in 0..2 {
        let Some(fixture) = Fixture::prepare()? else {
            return Ok(());
        };
        fixture.terraform.write("broker.tf", &fixture.broker())?;
        fixture.main(&thousand("ferrymq_queue", QUEUE).replace("1000", "8"))?;
        fixture.terraform.run(&["init"])?.success()?;
        let start = Instant::now();
        fixture.terraform.apply()?;
        took = took.min(start.elapsed());
    }
    report(
        "broker and ten objects: apply",
        took,
        Duration::from_secs(5),
    );
    Ok(())
}

/// What applying a thousand resources, and planning them again, takes in the best of two tries.
fn apply_and_plan(terraform: &Workspace, text: &str) -> Result<[Duration; 2]> {
    let mut best = [Duration::MAX; 2];
    for _ in 0..2 {
        terraform.write("main.tf", text)?;
        let start = Instant::now();
        terraform.apply()?;
        best[0] = best[0].min(start.elapsed());
        let start = Instant::now();
        terraform.run(&["plan", "-input=false"])?.success()?;
        best[1] = best[1].min(start.elapsed());
        terraform.write("main.tf", "")?;
        terraform.apply()?;
    }
    Ok(best)
}

#[test]
fn a_thousand_queues_cost_little_more_than_a_thousand_of_nothing() -> Result<()> {
    let Some(fixture) = Fixture::with_broker()? else {
        return Ok(());
    };
    let nothing = thousand("terraform_data", "  input = \"queue-${count.index}\"\n");
    let [apply_nothing, plan_nothing] = apply_and_plan(&fixture.terraform, &nothing)?;
    // A reference to another resource costs Terraform itself something, whoever provides it.
    let referring = thousand(
        "terraform_data",
        "  input = [ferrymq_broker.this.id, \"queue-${count.index}\"]\n",
    );
    let [apply_referring, plan_referring] = apply_and_plan(&fixture.terraform, &referring)?;
    let [apply, plan] = apply_and_plan(&fixture.terraform, &thousand("ferrymq_queue", QUEUE))?;
    let by_id = QUEUE.replace(
        "ferrymq_broker.this.id",
        &format!("{:?}", fixture.broker_id()),
    );
    let by_id = thousand("ferrymq_queue", &by_id);
    let [apply_by_id, plan_by_id] = apply_and_plan(&fixture.terraform, &by_id)?;
    eprintln!("1,000 terraform_data:          apply {apply_nothing:?}, plan {plan_nothing:?}");
    eprintln!("  naming the broker as well:   apply {apply_referring:?}, plan {plan_referring:?}");
    eprintln!("1,000 queues:                  apply {apply:?}, plan {plan:?}");
    eprintln!("  of a broker given by its id: apply {apply_by_id:?}, plan {plan_by_id:?}");
    let apply = apply.saturating_sub(apply_nothing);
    report(
        "1,000 queues: apply above nothing",
        apply,
        Duration::from_secs(2),
    );
    let plan = plan.saturating_sub(plan_nothing);
    report(
        "1,000 queues: plan above nothing",
        plan,
        Duration::from_secs(1),
    );
    // The same without a reference, as the thousand of nothing have none.
    report(
        "1,000 queues of a broker given by its id: apply above nothing",
        apply_by_id.saturating_sub(apply_nothing),
        Duration::from_secs(2),
    );
    Ok(())
}

fn report(what: &str, took: Duration, bar: Duration) {
    let verdict = if took <= bar { "within" } else { "OVER" };
    eprintln!("{what}: {took:?}, {verdict} the bar of {bar:?}");
}
