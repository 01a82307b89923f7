//! Debian's amqp-tools: command line programs over the C client library.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use acceptance::debian;
use acceptance::dev::DevBroker;
use acceptance::poll;
use acceptance::process::Finished;
use anyhow::{Context, Result};
use lapin::options::BasicGetOptions;
use lapin::types::AMQPValue;

use crate::amqp;
use crate::clients::stage::Stage;

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

#[test]
fn properties_and_headers_arrive() -> Result<()> {
    if !debian::amqp_tools()? {
        return Ok(());
    }
    let broker = DevBroker::start()?;
    tool("declare-queue", &broker, &["--queue=q"])?.success()?;
    let publish = [
        "--routing-key=q",
        "--content-type=text/plain",
        "--content-encoding=identity",
        "--reply-to=answers",
        "--header=kind: größe",
        "--persistent",
        "--body=x",
    ];
    tool("publish", &broker, &publish)?.success()?;
    let got = amqp::on_channel(&broker.uri()?, async |channel| {
        let options = BasicGetOptions { no_ack: true };
        Ok(channel.basic_get("q".into(), options).await?)
    })?;
    let properties = got.context("nothing came")?.delivery.properties;
    let text = |field: &Option<lapin::types::ShortString>| field.clone().unwrap_or_default();
    assert_eq!(text(properties.content_type()).as_str(), "text/plain");
    assert_eq!(text(properties.content_encoding()).as_str(), "identity");
    assert_eq!(text(properties.reply_to()).as_str(), "answers");
    assert_eq!(*properties.delivery_mode(), Some(2));
    let headers = properties.headers().clone().unwrap_or_default();
    let kind = headers.inner().get("kind").cloned();
    assert_eq!(kind, Some(AMQPValue::LongString("größe".into())));
    Ok(())
}

#[test]
fn a_message_is_put_back_when_its_command_fails() -> Result<()> {
    if !debian::amqp_tools()? {
        return Ok(());
    }
    let broker = DevBroker::start()?;
    tool("declare-queue", &broker, &["--queue=q"])?.success()?;
    tool("publish", &broker, &["--routing-key=q", "--body=poison"])?.success()?;
    // `grep` reads it all and fails.
    let failing = ["--queue=q", "--count=1", "grep", "absent"];
    tool("consume", &broker, &failing)?.success()?;
    let again = tool("get", &broker, &["--queue=q"])?.success()?;
    assert_eq!(again.stdout, "poison");
    Ok(())
}

#[test]
fn a_file_of_many_frames_comes_back_whole() -> Result<()> {
    if !debian::amqp_tools()? {
        return Ok(());
    }
    let broker = DevBroker::start()?;
    tool("declare-queue", &broker, &["--queue=q"])?.success()?;
    let text: String = (0..100_000).map(|number| format!("{number}\n")).collect();
    let mut publisher = Command::new("amqp-publish")
        .arg(format!("--url={}", broker.uri()?))
        .arg("--routing-key=q")
        .stdin(Stdio::piped())
        .spawn()?;
    let mut input = publisher.stdin.take().context("no standard input")?;
    input.write_all(text.as_bytes())?;
    drop(input);
    assert!(publisher.wait()?.success());
    let got = tool("get", &broker, &["--queue=q"])?.success()?;
    assert!(got.stdout == text, "{} bytes came", got.stdout.len());
    Ok(())
}

#[test]
fn who_may_not_is_told_why() -> Result<()> {
    if !debian::amqp_tools()? {
        return Ok(());
    }
    let stage = Stage::set()?;
    let wrong = stage.uri().replace("app:app", "app:wrong");
    let limited = stage.uri().replace("app:app", "limited:limited");
    for (tool, url, arguments) in [
        ("publish", &wrong, ["--routing-key=q", "--body=x"]),
        ("declare-queue", &limited, ["--queue=theirs", "--durable"]),
    ] {
        let mut command = Command::new(format!("amqp-{tool}"));
        command.arg(format!("--url={url}")).args(arguments);
        let refused = Finished::run(&mut command)?.failure()?;
        assert!(
            refused.stderr.contains("403") && refused.stderr.contains("ACCESS_REFUSED"),
            "{refused}"
        );
    }
    Ok(())
}
