//! Messages over sockets.

use broker_net::Options;
use tokio::net::TcpStream;
use wire::amqp091::*;

use crate::kit::{Client, address, server};

#[tokio::test]
async fn messages_of_all_sizes_go_round() {
    let server = server(Options::default()).await;
    let mut publisher = Client::connect(address(&server)).await;
    publisher.select_confirms().await;
    publisher.declare("q", true).await;
    let mut consumer = Client::connect(address(&server)).await;
    let consume = BasicConsume {
        queue: "q",
        consumer_tag: "t",
        ..Default::default()
    };
    consumer.call(1, consume, "basic.consume-ok").await;
    let sizes = [0, 1, 100, 16_384, 16_385, 131_064, 131_065, 3_000_000];
    for (index, size) in sizes.into_iter().enumerate() {
        let body: Vec<u8> = (0..size).map(|n| (n % 251) as u8).collect();
        publisher.publish("q", &body, index % 2 == 0);
        publisher.flush().await;
        publisher.confirmed(index as u64 + 1).await;
        let tag = consumer
            .method(|method| match method {
                Method::BasicDeliver(deliver) => deliver.delivery_tag,
                other => panic!("{other:?}"),
            })
            .await;
        assert_eq!(consumer.body().await, body);
        BasicAck {
            delivery_tag: tag,
            multiple: false,
        }
        .encode(1, &mut consumer.output);
        consumer.flush().await;
    }
    consumer.close().await;
    assert_eq!(publisher.ready("q").await, 0);
    publisher.close().await;
}

/// Whoever knows what will be asked may say it all in one go, work included.
#[tokio::test]
async fn a_client_need_not_wait_for_answers() {
    let server = server(Options::default()).await;
    let stream = TcpStream::connect(address(&server)).await.unwrap();
    let mut client = Client::new(stream);
    let out = &mut client.output;
    out.extend_from_slice(&PROTOCOL_HEADER);
    let start_ok = ConnectionStartOk {
        mechanism: "PLAIN",
        response: LongStr(b"\0guest\0guest"),
        ..Default::default()
    };
    start_ok.encode(0, out);
    let tune_ok = ConnectionTuneOk {
        channel_max: 1,
        frame_max: 131_072,
        heartbeat: 0,
    };
    tune_ok.encode(0, out);
    let open = ConnectionOpen {
        virtual_host: "/",
        ..Default::default()
    };
    open.encode(0, out);
    ChannelOpen::default().encode(1, out);
    QueueDeclare {
        queue: "q",
        ..Default::default()
    }
    .encode(1, out);
    client.publish("q", b"x", false);
    client.flush().await;
    for answer in [
        "connection.start",
        "connection.tune",
        "connection.open-ok",
        "channel.open-ok",
        "queue.declare-ok",
    ] {
        client.expect(answer).await;
    }
    assert_eq!(client.ready("q").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_of_messages_arrives_whole_and_in_order() {
    const COUNT: u64 = 20_000;
    let server = server(Options::default()).await;
    let at = address(&server);
    let mut publisher = Client::connect(at).await;
    publisher.select_confirms().await;
    publisher.declare("q", true).await;
    let consuming = tokio::spawn(async move {
        let mut consumer = Client::connect(at).await;
        consumer
            .call(
                1,
                BasicQos {
                    prefetch_count: 500,
                    ..Default::default()
                },
                "basic.qos-ok",
            )
            .await;
        let consume = BasicConsume {
            queue: "q",
            consumer_tag: "t",
            ..Default::default()
        };
        consumer.call(1, consume, "basic.consume-ok").await;
        for expected in 0..COUNT {
            consumer.expect("basic.deliver").await;
            assert_eq!(consumer.body().await, expected.to_be_bytes());
            if expected % 100 == 99 {
                let ack = BasicAck {
                    delivery_tag: expected + 1,
                    multiple: true,
                };
                ack.encode(1, &mut consumer.output);
                consumer.flush().await;
            }
        }
        consumer.close().await;
    });
    for batch in 0..COUNT / 500 {
        for n in 0..500 {
            let number = batch * 500 + n;
            publisher.publish("q", &number.to_be_bytes(), number % 3 == 0);
        }
        publisher.flush().await;
        publisher.confirmed((batch + 1) * 500).await;
    }
    consuming.await.unwrap();
    assert_eq!(publisher.ready("q").await, 0);
}

#[tokio::test]
async fn an_unsettled_message_goes_to_the_next_consumer_when_its_connection_breaks() {
    let server = server(Options::default()).await;
    let mut publisher = Client::connect(address(&server)).await;
    publisher.declare("q", false).await;
    publisher.publish("q", b"again", false);
    publisher.flush().await;
    let consume = BasicConsume {
        queue: "q",
        consumer_tag: "t",
        ..Default::default()
    };
    let mut first = Client::connect(address(&server)).await;
    first.call(1, consume, "basic.consume-ok").await;
    first.expect("basic.deliver").await;
    let mut second = Client::connect(address(&server)).await;
    second.call(1, consume, "basic.consume-ok").await;
    drop(first);
    let redelivered = second
        .method(|method| match method {
            Method::BasicDeliver(deliver) => deliver.redelivered,
            other => panic!("{other:?}"),
        })
        .await;
    assert!(redelivered);
    assert_eq!(second.body().await, b"again");
}
