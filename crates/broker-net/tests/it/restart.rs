//! Kill and restart: what was confirmed is there again, in order.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use wire::amqp091::*;

use crate::kit::{Client, address, server_on_disk};

/// Set for the process that serves until it is killed.
const DIRECTORY: &str = "FERRYMQ_TEST_SERVE";

/// What the serving process writes before its address.
const MARK: &str = "serving on ";

/// Not a test by itself: the body of the process that [`serve`] starts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn serve_until_killed() {
    let Ok(directory) = std::env::var(DIRECTORY) else {
        return;
    };
    let server = server_on_disk(Path::new(&directory)).await;
    let mut out = std::io::stdout();
    writeln!(out, "\n{MARK}{}", address(&server)).unwrap();
    out.flush().unwrap();
    std::future::pending::<()>().await;
}

/// Starts a process that serves the directory.
fn serve(directory: &Path) -> (Child, SocketAddr) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "restart::serve_until_killed", "--nocapture"])
        .env(DIRECTORY, directory)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let address = lines
        .map_while(Result::ok)
        .find_map(|line| line.strip_prefix(MARK)?.parse().ok())
        .expect("the address it serves on");
    (child, address)
}

fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

#[tokio::test]
async fn confirmed_messages_survive_a_kill() {
    const COUNT: u32 = 2_000;
    let directory = tempfile::tempdir().unwrap();
    let (child, at) = serve(directory.path());
    let mut client = Client::connect(at).await;
    client.select_confirms().await;
    client.declare("kept", true).await;
    client.declare("lost", false).await;
    let exchange = ExchangeDeclare {
        exchange: "e",
        kind: "topic",
        durable: true,
        ..Default::default()
    };
    client.call(1, exchange, "exchange.declare-ok").await;
    let bind = QueueBind {
        queue: "kept",
        exchange: "e",
        routing_key: "#",
        ..Default::default()
    };
    client.call(1, bind, "queue.bind-ok").await;
    for number in 0..COUNT {
        BasicPublish {
            exchange: "e",
            routing_key: "k",
            ..Default::default()
        }
        .encode(1, &mut client.output);
        let body = number.to_be_bytes().repeat(64);
        encode_content(1, b"\x10\0\x02", &body, 131_072, &mut client.output);
    }
    client.flush().await;
    client.confirmed(COUNT.into()).await;
    kill(child);

    let (child, at) = serve(directory.path());
    let mut client = Client::connect(at).await;
    assert_eq!(client.ready("kept").await, COUNT);
    let consume = BasicConsume {
        queue: "kept",
        consumer_tag: "t",
        no_ack: true,
        ..Default::default()
    };
    client.call(1, consume, "basic.consume-ok").await;
    for number in 0..COUNT {
        client.expect("basic.deliver").await;
        assert_eq!(client.body().await, number.to_be_bytes().repeat(64));
    }
    let lost = QueueDeclare {
        queue: "lost",
        passive: true,
        ..Default::default()
    };
    client.call(1, lost, "channel.close").await;
    kill(child);
}

#[tokio::test]
async fn an_orderly_end_loses_no_settlement() {
    let directory = tempfile::tempdir().unwrap();
    let server = server_on_disk(directory.path()).await;
    let mut client = Client::connect(address(&server)).await;
    client.select_confirms().await;
    client.declare("q", true).await;
    for body in [b"a", b"b"] {
        client.publish("q", body, true);
    }
    client.flush().await;
    client.confirmed(2).await;
    client
        .call(
            1,
            BasicGet {
                queue: "q",
                ..Default::default()
            },
            "basic.get-ok",
        )
        .await;
    assert_eq!(client.body().await, b"a");
    BasicAck {
        delivery_tag: 1,
        multiple: false,
    }
    .encode(1, &mut client.output);
    client.flush().await;
    client.close().await;
    server.shutdown(Duration::from_secs(5)).await;

    let server = server_on_disk(directory.path()).await;
    let mut client = Client::connect(address(&server)).await;
    client
        .call(
            1,
            BasicGet {
                queue: "q",
                no_ack: true,
                ..Default::default()
            },
            "basic.get-ok",
        )
        .await;
    assert_eq!(client.body().await, b"b");
    assert_eq!(client.ready("q").await, 0);
}
