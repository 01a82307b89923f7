//! Every method there and back, and the bytes the specification gives.

use bytes::BytesMut;

use super::super::*;

/// One of each, with fields that would show a swap or a shifted bit.
#[rustfmt::skip] // A table is read by row.
pub(super) fn one_of_each<'a>(table: Table<'a>) -> Vec<Method<'a>> {
    let blob = LongStr(b"\0user\0pass");
    vec![
        ConnectionStart { version_major: 0, version_minor: 9, server_properties: table, mechanisms: LongStr(b"PLAIN AMQPLAIN"), locales: LongStr(b"en_US") }.into(),
        ConnectionStartOk { client_properties: table, mechanism: "PLAIN", response: blob, locale: "en_US" }.into(),
        ConnectionSecure { challenge: blob }.into(),
        ConnectionSecureOk { response: blob }.into(),
        ConnectionTune { channel_max: 2047, frame_max: 131_072, heartbeat: 60 }.into(),
        ConnectionTuneOk { channel_max: 1, frame_max: 8192, heartbeat: 0 }.into(),
        ConnectionOpen { virtual_host: "/", capabilities: "", insist: true }.into(),
        ConnectionOpenOk { known_hosts: "" }.into(),
        ConnectionClose { reply_code: 320, reply_text: "CONNECTION_FORCED - bye", class_id: 10, method_id: 40 }.into(),
        ConnectionCloseOk {}.into(),
        ConnectionBlocked { reason: "low on memory" }.into(),
        ConnectionUnblocked {}.into(),
        ConnectionUpdateSecret { new_secret: blob, reason: "token" }.into(),
        ConnectionUpdateSecretOk {}.into(),
        ChannelOpen { out_of_band: "" }.into(),
        ChannelOpenOk { channel_id: LongStr(b"") }.into(),
        ChannelFlow { active: false }.into(),
        ChannelFlowOk { active: true }.into(),
        ChannelClose { reply_code: 404, reply_text: "NOT_FOUND - ü", class_id: 60, method_id: 40 }.into(),
        ChannelCloseOk {}.into(),
        AccessRequest { realm: "/data", exclusive: false, passive: true, active: false, write: true, read: false }.into(),
        AccessRequestOk { ticket: 1 }.into(),
        ExchangeDeclare { ticket: 7, exchange: "e", kind: "topic", passive: false, durable: true, auto_delete: false, internal: true, no_wait: false, arguments: table }.into(),
        ExchangeDeclareOk {}.into(),
        ExchangeDelete { ticket: 0, exchange: "e", if_unused: true, no_wait: false }.into(),
        ExchangeDeleteOk {}.into(),
        ExchangeBind { ticket: 0, destination: "d", source: "s", routing_key: "a.#", no_wait: true, arguments: table }.into(),
        ExchangeBindOk {}.into(),
        ExchangeUnbind { ticket: 0, destination: "d", source: "s", routing_key: "a.*", no_wait: false, arguments: table }.into(),
        ExchangeUnbindOk {}.into(),
        QueueDeclare { ticket: 0, queue: "q", passive: true, durable: false, exclusive: true, auto_delete: false, no_wait: true, arguments: table }.into(),
        QueueDeclareOk { queue: "q", message_count: 1, consumer_count: 2 }.into(),
        QueueBind { ticket: 0, queue: "q", exchange: "e", routing_key: "k", no_wait: false, arguments: table }.into(),
        QueueBindOk {}.into(),
        QueuePurge { ticket: 0, queue: "q", no_wait: true }.into(),
        QueuePurgeOk { message_count: 9 }.into(),
        QueueDelete { ticket: 0, queue: "q", if_unused: false, if_empty: true, no_wait: false }.into(),
        QueueDeleteOk { message_count: u32::MAX }.into(),
        QueueUnbind { ticket: 0, queue: "q", exchange: "e", routing_key: "k", arguments: table }.into(),
        QueueUnbindOk {}.into(),
        BasicQos { prefetch_size: 0, prefetch_count: 500, global: true }.into(),
        BasicQosOk {}.into(),
        BasicConsume { ticket: 0, queue: "q", consumer_tag: "t", no_local: true, no_ack: false, exclusive: true, no_wait: false, arguments: table }.into(),
        BasicConsumeOk { consumer_tag: "t" }.into(),
        BasicCancel { consumer_tag: "t", no_wait: true }.into(),
        BasicCancelOk { consumer_tag: "t" }.into(),
        BasicPublish { ticket: 0, exchange: "", routing_key: "q", mandatory: true, immediate: false }.into(),
        BasicReturn { reply_code: 312, reply_text: "NO_ROUTE", exchange: "e", routing_key: "k" }.into(),
        BasicDeliver { consumer_tag: "t", delivery_tag: u64::MAX, redelivered: true, exchange: "e", routing_key: "k" }.into(),
        BasicGet { ticket: 0, queue: "q", no_ack: true }.into(),
        BasicGetOk { delivery_tag: 3, redelivered: false, exchange: "", routing_key: "q", message_count: 4 }.into(),
        BasicGetEmpty { cluster_id: "" }.into(),
        BasicAck { delivery_tag: 5, multiple: true }.into(),
        BasicReject { delivery_tag: 6, requeue: false }.into(),
        BasicRecoverAsync { requeue: true }.into(),
        BasicRecover { requeue: true }.into(),
        BasicRecoverOk {}.into(),
        BasicNack { delivery_tag: 7, multiple: false, requeue: true }.into(),
        ConfirmSelect { no_wait: false }.into(),
        ConfirmSelectOk {}.into(),
        TxSelect {}.into(),
        TxSelectOk {}.into(),
        TxCommit {}.into(),
        TxCommitOk {}.into(),
        TxRollback {}.into(),
        TxRollbackOk {}.into(),
    ]
}

#[test]
fn every_method_survives_the_round_trip() {
    let table = TableBuilder::new()
        .text("product", "FerryMQ")
        .entry("n", Value::I32(-1));
    let methods = one_of_each(table.as_table());
    let mut ids: Vec<_> = methods.iter().map(Method::ids).collect();
    for method in &methods {
        let mut out = BytesMut::new();
        method.encode(9, &mut out);
        let mut rest = &out[..];
        let frame = Decoder::default().decode(&mut rest).unwrap().unwrap();
        assert_eq!(
            (frame.kind, frame.channel, rest.len()),
            (FrameKind::Method, 9, 0)
        );
        assert_eq!(
            Method::decode(frame.payload),
            Ok(*method),
            "{}",
            method.name()
        );
    }
    let count = ids.len();
    ids.dedup();
    assert!(
        ids.is_sorted() && ids.len() == count,
        "the table rises and has no number twice"
    );
    // Every number that decodes is one of the samples: none was forgotten.
    for class in 0..=100 {
        for method in 0..=255 {
            let [c0, c1] = u16::to_be_bytes(class);
            let known = !matches!(
                Method::decode(&[c0, c1, 0, method]),
                Err(DecodeError::UnknownMethod { .. })
            );
            assert_eq!(
                known,
                ids.contains(&(class, u16::from(method))),
                "{class}.{method}"
            );
        }
    }
}

fn check(method: impl Into<Method<'static>>, channel: u16, expected: &[u8]) {
    let mut out = BytesMut::new();
    method.into().encode(channel, &mut out);
    assert_eq!(out, expected);
}

#[test]
fn methods_have_the_bytes_of_the_specification() {
    check(
        ChannelOpen::default(),
        1,
        b"\x01\0\x01\0\0\0\x05\0\x14\0\x0a\0\xce",
    );
    check(
        ConnectionTuneOk {
            channel_max: 2047,
            frame_max: 131_072,
            heartbeat: 60,
        },
        0,
        b"\x01\0\0\0\0\0\x0c\0\x0a\0\x1f\x07\xff\0\x02\0\0\0\x3c\xce",
    );
    check(
        QueueDeclare {
            queue: "q",
            durable: true,
            auto_delete: true,
            ..Default::default()
        },
        1,
        b"\x01\0\x01\0\0\0\x0d\0\x32\0\x0a\0\0\x01q\x0a\0\0\0\0\xce",
    );
    check(
        BasicPublish {
            exchange: "e",
            routing_key: "k",
            mandatory: true,
            ..Default::default()
        },
        2,
        b"\x01\0\x02\0\0\0\x0b\0\x3c\0\x28\0\0\x01e\x01k\x01\xce",
    );
    check(
        BasicNack {
            delivery_tag: 258,
            multiple: true,
            requeue: true,
        },
        1,
        b"\x01\0\x01\0\0\0\x0d\0\x3c\0\x78\0\0\0\0\0\0\x01\x02\x03\xce",
    );
    check(
        ExchangeUnbindOk {},
        1,
        b"\x01\0\x01\0\0\0\x04\0\x28\0\x33\xce",
    );
}

#[test]
fn methods_with_damage_are_refused_by_kind() {
    let cases: [(&[u8], DecodeError); 5] = [
        (b"\0", DecodeError::Truncated),
        (b"\0\x3c\0\x50\0\0", DecodeError::Truncated),
        (b"\0\x14\0\x29\0", DecodeError::Trailing { count: 1 }),
        (
            b"\0\x14\0\x63",
            DecodeError::UnknownMethod {
                class: 20,
                method: 99,
            },
        ),
        (b"\0\x3c\0\x1e\x02\xff\xfe\0", DecodeError::BadText),
    ];
    for (payload, expected) in cases {
        assert_eq!(Method::decode(payload), Err(expected));
    }
}

#[test]
fn texts_too_long_for_a_short_string_are_cut_between_characters() {
    let text = format!("{}ü", "x".repeat(254));
    let mut out = BytesMut::new();
    ConnectionBlocked { reason: &text }.encode(0, &mut out);
    let frame = Decoder::default().decode(&mut &out[..]).unwrap().unwrap();
    let Ok(Method::ConnectionBlocked(blocked)) = Method::decode(frame.payload) else {
        panic!("not what was written");
    };
    assert_eq!(blocked.reason, "x".repeat(254));
}

#[test]
fn reply_codes_know_their_scope() {
    for code in ReplyCode::ALL {
        let hard = !matches!(*code as u16, 311 | 312 | 313 | 403 | 404 | 405 | 406);
        assert_eq!(code.scope() == Scope::Connection, hard, "{}", code.name());
    }
}
