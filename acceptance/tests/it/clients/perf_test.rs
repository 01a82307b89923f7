//! RabbitMQ's load tool PerfTest, as it is: every run ends by itself, and what it says it sent and
//! received is what the broker's queues say as well.

use acceptance::java::Java;
use acceptance::process::Finished;
use agent_api::v1::{ListQueuesRequest, Queue};
use anyhow::{Context, Result, ensure};

use super::stage::{self, Stage};

const MAIN: &str = "com.rabbitmq.perf.PerfTest";

/// Runs it to its end; it fails unless the tool does well.
fn run(java: &Java, stage: &Stage, arguments: &str) -> Result<Finished> {
    let uri = stage.uri();
    let mut all = vec!["--uri", uri.as_str(), "--id", "run"];
    all.extend(arguments.split_whitespace());
    let ran = java.run(MAIN, &all)?.success()?;
    let nacked = ran.stdout.split("nacked: ").skip(1);
    ensure!(
        nacked.into_iter().all(|rest| rest.starts_with("0 ")),
        "{ran}"
    );
    Ok(ran)
}

/// The average of a rate, from the summary at the end.
fn average(ran: &Finished, what: &str) -> Result<u64> {
    let prefix = format!("id: run, {what} rate avg: ");
    let line = ran
        .stdout
        .lines()
        .find_map(|line| line.strip_prefix(prefix.as_str()));
    let rate = line.and_then(|rest| rest.strip_suffix(" msg/s"));
    Ok(rate
        .with_context(|| format!("no `{prefix}` in {ran}"))?
        .parse()?)
}

/// The broker's queues, by name.
fn queues(stage: &Stage) -> Result<Vec<Queue>> {
    stage.ask(async |agent| {
        let request = ListQueuesRequest {
            broker: stage::BROKER.to_owned(),
            ..Default::default()
        };
        Ok(agent
            .call(agent.queues().list_queues(request))
            .await?
            .queues)
    })
}

/// Messages in queues with this beginning, those that are held included.
fn messages(stage: &Stage, prefix: &str) -> Result<u64> {
    let queues = queues(stage)?;
    let depths = queues.iter().filter(|queue| queue.name.starts_with(prefix));
    Ok(depths
        .filter_map(|queue| queue.depth)
        .map(|depth| depth.ready + depth.unsettled)
        .sum())
}

/// The run must have ended because everybody had sent and received what they were to.
fn complete(ran: &Finished) -> Result<()> {
    let sentence = ran
        .stdout
        .lines()
        .find(|line| line.starts_with("test stopped"));
    let sentence = sentence.with_context(|| format!("no word of the end: {ran}"))?;
    let reached = sentence.contains("Producer reached message limit")
        && sentence.contains("Consumer reached message limit");
    ensure!(reached, "{sentence}");
    ensure!(
        average(ran, "sending")? > 0 && average(ran, "receiving")? > 0,
        "{ran}"
    );
    Ok(())
}

#[test]
fn one_to_one_confirmed_and_persistent() -> Result<()> {
    let Some(java) = Java::perf_test()? else {
        return Ok(());
    };
    let stage = Stage::set()?;
    let limits = "--pmessages 20000 --cmessages 20000 --auto-delete false";
    let durable =
        format!("{limits} --flag persistent --confirm 200 --qos 500 --multi-ack-every 50");
    for (queue, more) in [("classic", ""), ("quorum", "--quorum-queue")] {
        let ran = run(&java, &stage, &format!("--queue {queue} {durable} {more}"))?;
        complete(&ran)?;
        assert!(ran.stdout.contains("confirm latency"), "{ran}");
        assert_eq!(messages(&stage, queue)?, 0, "{ran}");
    }
    // Transactions of both sides, and messages of many frames.
    let large = "--pmessages 200 --cmessages 200 --auto-delete false --size 300000";
    let both = "--ptxsize 10 --ctxsize 10 --queue large";
    complete(&run(&java, &stage, &format!("{large} {both}"))?)?;
    assert_eq!(messages(&stage, "large")?, 0);
    Ok(())
}

#[test]
fn many_to_many_over_several_queues() -> Result<()> {
    let Some(java) = Java::perf_test()? else {
        return Ok(());
    };
    let stage = Stage::set()?;
    let pattern = "--queue-pattern many-%d --queue-pattern-from 1 --queue-pattern-to 5";
    // A consumer at its limit keeps what it holds, so none may share its queue with another.
    let limits = "--pmessages 4000 --cmessages 4000 --auto-delete false";
    let sides = "--producers 5 --consumers 5 --qos 100";
    complete(&run(&java, &stage, &format!("{pattern} {limits} {sides}"))?)?;
    let names: Vec<_> = queues(&stage)?
        .into_iter()
        .map(|queue| queue.name)
        .collect();
    assert_eq!(names, ["many-1", "many-2", "many-3", "many-4", "many-5"]);
    assert_eq!(messages(&stage, "many-")?, 0);

    // A fanout exchange gives each of its queues everything.
    let fanout = "--exchange news --type fanout --producers 2 --consumers 3 --pmessages 3000";
    complete(&run(&java, &stage, &format!("{fanout} --cmessages 6000"))?)
}

#[test]
fn what_one_run_leaves_another_finds_after_a_crash() -> Result<()> {
    let Some(java) = Java::perf_test()? else {
        return Ok(());
    };
    let stage = Stage::set()?;
    let durable = "--queue left --auto-delete false --flag persistent --confirm 100";
    let sent = "--producers 1 --consumers 0 --pmessages 5000";
    run(&java, &stage, &format!("{durable} {sent}"))?;
    assert_eq!(messages(&stage, "left")?, 5000);
    stage.restart()?;
    let found = "--predeclared --queue left --producers 0 --consumers 1 --cmessages 5000";
    let ran = run(&java, &stage, found)?;
    assert!(average(&ran, "receiving")? > 0, "{ran}");
    assert_eq!(messages(&stage, "left")?, 0);

    // At a given rate until its time is over, as the documentation's first example.
    let timed = run(&java, &stage, "--rate 500 --time 2 --queue timed")?;
    assert!(timed.stdout.contains("Reached time limit"), "{timed}");
    assert!(average(&timed, "receiving")? > 0, "{timed}");
    Ok(())
}
