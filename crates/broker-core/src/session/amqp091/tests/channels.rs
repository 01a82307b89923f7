//! Channels, exchanges, queues and bindings; replies that wait for the journal.

use wire::amqp091::*;

use super::kit::World;

#[test]
fn channels_open_close_and_open_again() {
    let world = World::new();
    let mut peer = world.open();
    peer.open_channel(7);
    peer.call(7, ChannelClose::default(), ChannelCloseOk {});
    peer.open_channel(7);
    peer.call(
        7,
        ChannelFlow { active: true },
        ChannelFlowOk { active: true },
    );
    peer.call(7, AccessRequest::default(), AccessRequestOk { ticket: 1 });
}

#[test]
fn a_reply_about_a_durable_object_waits_for_the_journal() {
    let mut world = World::new();
    let mut peer = world.open();
    peer.open_channel(2);
    peer.send(
        1,
        QueueDeclare {
            queue: "d",
            durable: true,
            ..Default::default()
        },
    );
    // What is behind it on the channel waits too, another channel does not.
    peer.send(
        1,
        BasicQos {
            prefetch_count: 1,
            ..Default::default()
        },
    );
    peer.send(
        2,
        BasicQos {
            prefetch_count: 1,
            ..Default::default()
        },
    );
    peer.turn();
    peer.expect(2, BasicQosOk {});
    peer.expect_nothing();
    world.commit();
    peer.wake();
    peer.expect(
        1,
        QueueDeclareOk {
            queue: "d",
            message_count: 0,
            consumer_count: 0,
        },
    );
    peer.expect(1, BasicQosOk {});
    peer.expect_nothing();
}

#[test]
fn a_channel_with_held_replies_can_be_closed() {
    let mut world = World::new();
    let mut peer = world.open();
    peer.send(
        1,
        QueueDeclare {
            queue: "d",
            durable: true,
            ..Default::default()
        },
    );
    peer.send(1, ChannelClose::default());
    peer.turn();
    peer.expect_nothing();
    world.commit();
    peer.wake();
    peer.expect(
        1,
        QueueDeclareOk {
            queue: "d",
            message_count: 0,
            consumer_count: 0,
        },
    );
    peer.expect(1, ChannelCloseOk {});
    peer.open_channel(1);
}

#[test]
fn exchanges_and_bindings_route() {
    let mut world = World::new();
    let mut peer = world.open();
    peer.queue("q");
    peer.call(
        1,
        ExchangeDeclare {
            exchange: "t",
            kind: "topic",
            ..Default::default()
        },
        ExchangeDeclareOk {},
    );
    peer.call(
        1,
        ExchangeDeclare {
            exchange: "f",
            kind: "fanout",
            ..Default::default()
        },
        ExchangeDeclareOk {},
    );
    peer.call(
        1,
        ExchangeBind {
            destination: "f",
            source: "t",
            routing_key: "a.*",
            ..Default::default()
        },
        ExchangeBindOk {},
    );
    peer.call(
        1,
        QueueBind {
            queue: "q",
            exchange: "f",
            ..Default::default()
        },
        QueueBindOk {},
    );
    let publish = BasicPublish {
        exchange: "t",
        routing_key: "a.b",
        ..Default::default()
    };
    peer.publish_to(publish, b"\0\0", b"x");
    assert_eq!(peer.ready("q"), 1);
    peer.call(
        1,
        ExchangeUnbind {
            destination: "f",
            source: "t",
            routing_key: "a.*",
            ..Default::default()
        },
        ExchangeUnbindOk {},
    );
    peer.publish_to(publish, b"\0\0", b"x");
    assert_eq!(peer.ready("q"), 1);
    peer.call(
        1,
        QueueUnbind {
            queue: "q",
            exchange: "f",
            ..Default::default()
        },
        QueueUnbindOk {},
    );
    peer.call(
        1,
        ExchangeDelete {
            exchange: "t",
            ..Default::default()
        },
        ExchangeDeleteOk {},
    );
    peer.call(
        1,
        QueuePurge {
            queue: "q",
            ..Default::default()
        },
        QueuePurgeOk { message_count: 1 },
    );
    peer.call(
        1,
        QueueDelete {
            queue: "q",
            ..Default::default()
        },
        QueueDeleteOk { message_count: 0 },
    );
    peer.call(
        1,
        QueueDelete {
            queue: "q",
            ..Default::default()
        },
        QueueDeleteOk { message_count: 0 },
    );
    world.commit();
    peer.wake();
    peer.expect_nothing();
}

#[test]
fn an_empty_name_means_the_queue_declared_last() {
    let world = World::new();
    let mut peer = world.open();
    peer.send(
        1,
        QueueDeclare {
            exclusive: true,
            ..Default::default()
        },
    );
    peer.turn();
    let name = peer.take(1, |method| match method {
        Method::QueueDeclareOk(ok) => ok.queue.to_owned(),
        other => panic!("{other:?}"),
    });
    assert!(name.starts_with("amq.gen-"));
    peer.call(
        1,
        QueueBind {
            exchange: "amq.direct",
            ..Default::default()
        },
        QueueBindOk {},
    );
    // With neither queue nor key given, the key is the queue's name.
    let publish = BasicPublish {
        exchange: "amq.direct",
        routing_key: &name,
        ..Default::default()
    };
    peer.publish_to(publish, b"\0\0", b"x");
    assert_eq!(peer.ready(""), 1);
    peer.call(1, QueuePurge::default(), QueuePurgeOk { message_count: 1 });
    peer.call(
        1,
        QueueDelete::default(),
        QueueDeleteOk { message_count: 0 },
    );
}

#[test]
fn no_wait_calls_get_no_answer() {
    let world = World::new();
    let mut peer = world.open();
    let no_wait = true;
    peer.send(
        1,
        QueueDeclare {
            queue: "q",
            no_wait,
            ..Default::default()
        },
    );
    peer.send(
        1,
        ExchangeDeclare {
            exchange: "e",
            kind: "direct",
            no_wait,
            ..Default::default()
        },
    );
    peer.send(
        1,
        ExchangeBind {
            destination: "e",
            source: "amq.fanout",
            no_wait,
            ..Default::default()
        },
    );
    peer.send(
        1,
        ExchangeUnbind {
            destination: "e",
            source: "amq.fanout",
            no_wait,
            ..Default::default()
        },
    );
    peer.send(
        1,
        QueueBind {
            queue: "q",
            exchange: "e",
            no_wait,
            ..Default::default()
        },
    );
    peer.send(
        1,
        QueuePurge {
            queue: "q",
            no_wait,
            ..Default::default()
        },
    );
    peer.send(
        1,
        BasicConsume {
            queue: "q",
            consumer_tag: "t",
            no_wait,
            ..Default::default()
        },
    );
    peer.send(
        1,
        BasicCancel {
            consumer_tag: "t",
            no_wait,
        },
    );
    peer.send(1, ConfirmSelect { no_wait });
    peer.send(
        1,
        QueueDelete {
            queue: "q",
            no_wait,
            ..Default::default()
        },
    );
    peer.send(
        1,
        ExchangeDelete {
            exchange: "e",
            no_wait,
            ..Default::default()
        },
    );
    peer.turn();
    peer.expect_nothing();
}

#[test]
fn a_full_output_holds_frames_back_until_it_is_written() {
    let world = World::new();
    let mut peer = world.open();
    peer.queue("q");
    let body = vec![7; 90_000];
    for _ in 0..20 {
        peer.publish("q", &body, false);
    }
    peer.turn();
    for _ in 0..20 {
        peer.send(
            1,
            BasicGet {
                queue: "q",
                no_ack: true,
                ..Default::default()
            },
        );
    }
    peer.turn();
    assert!(!peer.session.wants_input());
    assert!(peer.out.len() < 700_000, "{}", peer.out.len());
    let mut got = 0;
    while !peer.out.is_empty() {
        peer.take(1, |method| assert_eq!(method.name(), "basic.get-ok"));
        peer.expect_content(b"\0\0", &body);
        got += 1;
        if peer.out.is_empty() {
            peer.look();
        }
    }
    assert_eq!(got, 20);
    assert!(peer.session.wants_input());
}

#[test]
fn a_new_secret_is_taken_though_none_expires() {
    let world = World::new();
    let mut peer = world.open();
    let renewed = ConnectionUpdateSecret {
        new_secret: LongStr(b"other"),
        reason: "renewal",
    };
    peer.call(0, renewed, ConnectionUpdateSecretOk {});
    peer.queue("still-open");
}
