//! What metrics of many queues cost.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use acceptance::dev::DevBroker;
use acceptance::poll;
use anyhow::{Context as _, Result, ensure};
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions};
use lapin::{BasicProperties, Channel};

use super::{TRIES, report};
use crate::amqp::on_channel;
use crate::terraform::fixture::Fixture;

/// An export comes at the end of each minute.
const A_MINUTE: Duration = Duration::from_secs(120);

/// Declares so many queues and sends a message to each.
async fn fill(channel: &Channel, queues: usize) -> Result<()> {
    let confirms = ConfirmSelectOptions::default();
    channel.confirm_select(confirms).await?;
    for number in 0..queues {
        let name = format!("queue-{number:05}");
        let durable = QueueDeclareOptions {
            durable: true,
            ..Default::default()
        };
        let declared = channel.queue_declare(name.as_str().into(), durable, Default::default());
        declared.await?;
        let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
        let sent = channel.basic_publish("".into(), name.into(), options, b"1", properties);
        ensure!(sent.await?.await?.is_ack(), "not confirmed");
    }
    Ok(())
}

#[test]
fn a_scrape_of_ten_thousand_queues() -> Result<()> {
    let broker = DevBroker::start_with(&["--http", "127.0.0.1:0"])?;
    on_channel(&broker.uri()?, async |channel| fill(channel, 10_000).await)?;
    let address = broker.ready()?["endpoints"]["http"].as_str();
    let address = address.context("no endpoint `http`")?;
    let (mut took, mut answer) = (Duration::MAX, String::new());
    for _ in 0..TRIES {
        let start = Instant::now();
        let mut stream = TcpStream::connect(address)?;
        let host = "Host: localhost\r\nConnection: close";
        write!(stream, "GET /metrics HTTP/1.1\r\n{host}\r\n\r\n")?;
        answer.clear();
        stream.read_to_string(&mut answer)?;
        took = took.min(start.elapsed());
    }
    let queues = answer.matches("\nferrymq_queue_messages_ready{").count();
    ensure!(queues == 10_000, "{queues} queues are in the answer");
    eprintln!("scrape of 10,000 queues: {} KiB", answer.len() / 1024);
    report("scrape of 10,000 queues", took, Duration::from_millis(200));
    Ok(())
}

#[test]
fn a_thousand_queues_are_exported_each_minute() -> Result<()> {
    let Some(mut fixture) = Fixture::with_broker()? else {
        return Ok(());
    };
    let file = fixture.agent.path("emf.log");
    fixture.agent.configure(
        "# [metrics.emf]\n# file = \"metrics.emf\"",
        &format!("[metrics.emf]\nfile = {file:?}"),
    )?;
    fixture.agent.kill()?;
    fixture.agent.restart()?;
    let queues = async |channel: &Channel| fill(channel, 1000).await;
    on_channel(&fixture.uri(), queues)?;
    let before = fixture.agent.server_mut()?.resident_bytes()?;
    // Lines of the queue that is exported last, one for each minute and vocabulary.
    let exported = |minutes: usize| {
        poll::until("the end of a minute", A_MINUTE, || {
            let text = fs::read_to_string(&file).unwrap_or_default();
            let lines = text.matches("\"Queue\":\"queue-00999\"").count();
            Ok((lines >= minutes * 2).then_some(()))
        })
    };
    exported(1)?;
    let start = fixture.agent.server_mut()?.cpu_time()?;
    exported(2)?;
    let took = fixture
        .agent
        .server_mut()?
        .cpu_time()?
        .saturating_sub(start);
    let after = fixture.agent.server_mut()?.resident_bytes()?;
    report(
        "1,000 queues exported: processor time a minute",
        took,
        Duration::from_millis(600),
    );
    let more = after.saturating_sub(before);
    eprintln!("1,000 queues exported: {} KiB more resident", more / 1024);
    ensure!(more <= 10 << 20, "{more} bytes more resident");
    Ok(())
}
