//! Debian's amqp-tools: command line programs over the C client library.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use acceptance::debian;
use acceptance::dev::DevBroker;
use acceptance::poll;
use acceptance::process::Finished;
use anyhow::{Context, Result};

fn tool(name: &str, broker: &DevBroker, arguments: &[&str]) -> Result<Finished> {
    let url = format!("--url={}", broker.uri()?);
    Finished::run(
        Command::new(format!("amqp-{name}"))
            .arg(url)
            .args(arguments),
    )
}

#[test]
fn a_message_goes_through_a_declared_queue() -> Result<()> {
    if !debian::amqp_tools()? {
        return Ok(());
    }
    let broker = DevBroker::start()?;
    let declared = tool("declare-queue", &broker, &["--queue=work", "--durable"])?.success()?;
    assert_eq!(declared.stdout.trim(), "work");

    let publish = ["--routing-key=work", "--persistent", "--body=hello, ferry"];
    tool("publish", &broker, &publish)?.success()?;
    let got = tool("get", &broker, &["--queue=work"])?.success()?;
    assert_eq!(got.stdout, "hello, ferry");
    let nothing = tool("get", &broker, &["--queue=work"])?;
    assert_eq!(
        nothing.status.code(),
        Some(2),
        "an empty queue is status 2: {nothing}"
    );
    Ok(())
}

#[test]
fn lines_of_a_file_are_consumed_in_order_by_a_command() -> Result<()> {
    if !debian::amqp_tools()? {
        return Ok(());
    }
    let broker = DevBroker::start()?;
    tool("declare-queue", &broker, &["--queue=lines"])?.success()?;
    let mut publisher = Command::new("amqp-publish")
        .arg(format!("--url={}", broker.uri()?))
        .args(["--routing-key=lines", "--line-buffered"])
        .stdin(Stdio::piped())
        .spawn()?;
    publisher
        .stdin
        .take()
        .context("no standard input")?
        .write_all(b"one\ntwo\nthree\n")?;
    assert!(publisher.wait()?.success());

    let consume = ["--queue=lines", "--count=3", "cat"];
    let consumed = tool("consume", &broker, &consume)?.success()?;
    assert_eq!(consumed.stdout, "one\ntwo\nthree\n");
    Ok(())
}

#[test]
fn a_queue_is_bound_and_deleted() -> Result<()> {
    if !debian::amqp_tools()? {
        return Ok(());
    }
    let broker = DevBroker::start()?;
    let url = format!("--url={}", broker.uri()?);
    // Without `--queue` it declares a queue of its own and binds it. It does not say when, so we
    // publish until it has its one message and ends.
    let mut consumer = Command::new("amqp-consume")
        .args([
            &url,
            "--exchange=amq.topic",
            "--routing-key=a.*",
            "--count=1",
            "cat",
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    poll::until("the consumer's message", Duration::from_secs(20), || {
        let publish = ["--exchange=amq.topic", "--routing-key=a.b", "--body=bound"];
        tool("publish", &broker, &publish)?.success()?;
        Ok(consumer.try_wait()?)
    })?;
    let output = consumer.wait_with_output()?;
    assert_eq!(String::from_utf8_lossy(&output.stdout), "bound");

    tool("declare-queue", &broker, &["--queue=gone"])?.success()?;
    let deleted = tool("delete-queue", &broker, &["--queue=gone"])?.success()?;
    assert_eq!(deleted.stdout.trim(), "0");
    Ok(())
}

#[test]
fn a_mistake_is_told_to_the_person() -> Result<()> {
    if !debian::amqp_tools()? {
        return Ok(());
    }
    let broker = DevBroker::start()?;
    let refused = tool("get", &broker, &["--queue=missing"])?.failure()?;
    assert!(
        refused.stderr.contains("404") && refused.stderr.contains("missing"),
        "{refused}"
    );
    Ok(())
}
