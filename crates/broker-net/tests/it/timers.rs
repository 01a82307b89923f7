//! What time brings about without any client's doing.

use broker_net::Options;
use wire::amqp091::{BasicConsume, QueueDeclare, TableBuilder, Value};

use crate::kit::{Client, address, server};

#[tokio::test]
async fn an_expired_message_goes_on_to_a_consumer_that_waits() {
    let server = server(Options::default()).await;
    let mut client = Client::connect(address(&server)).await;
    client.declare("dead", false).await;
    let arguments = TableBuilder::new()
        .entry("x-message-ttl", Value::I32(50))
        .text("x-dead-letter-exchange", "")
        .text("x-dead-letter-routing-key", "dead");
    let source = QueueDeclare {
        queue: "src",
        arguments: arguments.as_table(),
        ..Default::default()
    };
    client.call(1, source, "queue.declare-ok").await;
    let consume = BasicConsume {
        queue: "dead",
        no_ack: true,
        ..Default::default()
    };
    client.call(1, consume, "basic.consume-ok").await;
    for body in [b"one", b"two"] {
        client.publish("src", body, false);
    }
    client.flush().await;
    for body in [b"one", b"two"] {
        client.expect("basic.deliver").await;
        assert_eq!(client.body().await, body);
    }
    client.close().await;
    server.shutdown(std::time::Duration::from_secs(5)).await;
}
