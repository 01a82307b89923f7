//! From the first byte to an open connection, and what can go wrong on the way.

use std::time::Duration;

use wire::amqp091::*;

use super::kit::{Peer, World};
use crate::refusal::{Reason, Refusal};
use crate::session::Step;

#[test]
fn anything_but_the_protocol_header_is_answered_with_it() {
    let world = World::new();
    for noise in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        b"\x16\x03\x01\x02\0",
        b"SSH-2.0-x\r\n",
        b"AMQP\0\x01\0\0",
        b"\xff",
    ] {
        let mut peer = world.connect();
        peer.input.extend_from_slice(noise);
        peer.turn();
        assert_eq!(&peer.out[..], b"AMQP\0\0\x09\x01");
        assert!(peer.closed);
    }
}

#[test]
fn a_client_that_sends_byte_by_byte_gets_in() {
    let world = World::new();
    let mut script = world.connect();
    script.input.extend_from_slice(&PROTOCOL_HEADER);
    script.start_ok(
        "AMQPLAIN",
        TableBuilder::new()
            .text("LOGIN", "guest")
            .text("PASSWORD", "guest")
            .as_table()
            .as_bytes(),
    );
    script.send(
        0,
        ConnectionTuneOk {
            channel_max: 10,
            frame_max: 8192,
            heartbeat: 0,
        },
    );
    script.send(
        0,
        ConnectionOpen {
            virtual_host: "/",
            ..Default::default()
        },
    );
    script.send(1, ChannelOpen::default());
    let mut peer = world.connect();
    for byte in script.input {
        peer.input.extend_from_slice(&[byte]);
        peer.turn();
    }
    let mut names = Vec::new();
    while !peer.out.is_empty() {
        let channel = if names.len() == 3 { 1 } else { 0 };
        names.push(peer.take(channel, |method| method.name()));
    }
    let expected = [
        "connection.start",
        "connection.tune",
        "connection.open-ok",
        "channel.open-ok",
    ];
    assert_eq!(names, expected);
    assert!(peer.session.is_open());
}

#[test]
fn start_names_product_mechanisms_and_capabilities() {
    let world = World::new();
    let mut peer = world.connect();
    peer.input.extend_from_slice(&PROTOCOL_HEADER);
    peer.turn();
    peer.take(0, |method| {
        let Method::ConnectionStart(start) = method else {
            panic!("{method:?}")
        };
        assert_eq!((start.version_major, start.version_minor), (0, 9));
        assert_eq!(start.mechanisms, LongStr(b"PLAIN AMQPLAIN"));
        assert_eq!(
            start.server_properties.get("product"),
            Some(Value::Text(b"FerryMQ"))
        );
        let Some(Value::Table(capabilities)) = start.server_properties.get("capabilities") else {
            panic!("no capabilities");
        };
        assert_eq!(
            capabilities.get("publisher_confirms"),
            Some(Value::Bool(true))
        );
    });
}

#[test]
fn a_wrong_password_is_refused_with_the_known_sentence() {
    let world = World::new();
    for response in [&b"\0guest\0wrong"[..], b"\0nobody\0guest", b"\0guest\0"] {
        let mut peer = world.connect();
        peer.input.extend_from_slice(&PROTOCOL_HEADER);
        peer.turn();
        peer.out.clear();
        peer.start_ok("PLAIN", response);
        peer.turn();
        peer.expect_connection_close(
            "ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN. \
             For details see the broker logfile.",
        );
    }
    // A client that does not know about this close just sees the end.
    let mut peer = world.connect();
    peer.input.extend_from_slice(&PROTOCOL_HEADER);
    peer.turn();
    peer.out.clear();
    peer.send(
        0,
        ConnectionStartOk {
            mechanism: "PLAIN",
            response: LongStr(b"\0guest\0x"),
            ..Default::default()
        },
    );
    peer.turn();
    peer.expect_nothing();
    assert!(peer.closed);
}

#[test]
fn a_login_nobody_could_check_is_not_called_wrong() {
    let world = World::new();
    for announces in [true, false] {
        let mut peer = world.connect();
        peer.input.extend_from_slice(&PROTOCOL_HEADER);
        peer.turn();
        peer.out.clear();
        if announces {
            peer.start_ok("PLAIN", b"\0guest\0guest");
        } else {
            let start_ok = ConnectionStartOk {
                mechanism: "PLAIN",
                response: LongStr(b"\0guest\0guest"),
                ..Default::default()
            };
            peer.send(0, start_ok);
        }
        let step =
            peer.with_output(|peer, out| peer.session.on_bytes(peer.now, &mut peer.input, out));
        assert!(matches!(step, Step::Authenticate(_)));
        let busy = Refusal::new(Reason::Unavailable, "too many logins at once; try again");
        peer.authenticated(Err(busy));
        peer.expect_connection_close("CONNECTION_FORCED - too many logins at once; try again");
    }
}

/// Whoever knows what will be asked may say it all at once.
#[test]
fn a_client_need_not_wait_for_answers() {
    let world = World::new();
    let mut peer = world.connect();
    peer.input.extend_from_slice(&PROTOCOL_HEADER);
    peer.start_ok("PLAIN", b"\0guest\0guest");
    let tune_ok = ConnectionTuneOk {
        channel_max: 1,
        frame_max: 8192,
        heartbeat: 0,
    };
    peer.send(0, tune_ok);
    let open = ConnectionOpen {
        virtual_host: "/",
        ..Default::default()
    };
    peer.send(0, open);
    peer.send(1, ChannelOpen::default());
    peer.turn();
    // The check of the password comes between; what was said before it waits.
    peer.written();
    for name in ["connection.start", "connection.tune", "connection.open-ok"] {
        peer.take(0, |method| assert_eq!(method.name(), name));
    }
    peer.expect(1, ChannelOpenOk::default());
}

#[test]
fn unknown_mechanisms_and_methods_out_of_turn_are_refused() {
    let world = World::new();
    let mut peer = world.connect();
    peer.input.extend_from_slice(&PROTOCOL_HEADER);
    peer.turn();
    peer.out.clear();
    peer.start_ok("ANONYMOUS", b"");
    peer.turn();
    peer.expect_connection_close("COMMAND_INVALID - unknown authentication mechanism 'ANONYMOUS'");

    let mut peer = world.connect();
    peer.login(b"\0guest\0guest");
    peer.send(
        0,
        ConnectionOpen {
            virtual_host: "/",
            ..Default::default()
        },
    );
    peer.turn();
    peer.expect_connection_close("COMMAND_INVALID - unexpected method connection.open");

    let mut peer = world.connect();
    peer.login(b"\0guest\0guest");
    peer.send(1, ChannelOpen::default());
    peer.turn();
    peer.expect_connection_close(
        "UNEXPECTED_FRAME - only methods on channel 0 may come before connection.open",
    );
}

#[test]
fn tuning_stays_within_what_was_offered() {
    let world = World::new();
    let cases = [
        (
            0,
            8192,
            "channel_max = 0 (no limit) is higher than the maximum allowed value (2047)",
        ),
        (
            2048,
            8192,
            "channel_max = 2048 is higher than the maximum allowed value (2047)",
        ),
        (
            1,
            0,
            "frame_max = 0 (no limit) is higher than the maximum allowed value (131072)",
        ),
        (
            1,
            4096,
            "frame_max = 4096 is lower than the minimum allowed value (8192)",
        ),
        (
            1,
            u32::MAX,
            "frame_max = 4294967295 is higher than the maximum allowed value (131072)",
        ),
    ];
    for (channel_max, frame_max, text) in cases {
        let mut peer = world.connect();
        peer.login(b"\0guest\0guest");
        peer.send(
            0,
            ConnectionTuneOk {
                channel_max,
                frame_max,
                heartbeat: 60,
            },
        );
        peer.turn();
        peer.expect_connection_close(&format!("NOT_ALLOWED - negotiated {text}"));
    }
}

#[test]
fn a_virtual_host_must_exist_and_be_open_to_the_user() {
    let world = World::new();
    let cases = [
        ("missing", "NOT_ALLOWED - vhost missing not found"),
        (
            "closed",
            "NOT_ALLOWED - access to vhost 'closed' refused for user 'guest'",
        ),
    ];
    for (virtual_host, text) in cases {
        let mut peer = world.connect();
        peer.login(b"\0guest\0guest");
        peer.send(
            0,
            ConnectionTuneOk {
                channel_max: 1,
                frame_max: 8192,
                heartbeat: 60,
            },
        );
        peer.send(
            0,
            ConnectionOpen {
                virtual_host,
                ..Default::default()
            },
        );
        peer.turn();
        peer.expect_connection_close(text);
    }
}

#[test]
fn frames_before_tuning_are_small() {
    let world = World::new();
    let mut peer = world.connect();
    peer.input.extend_from_slice(&PROTOCOL_HEADER);
    peer.turn();
    peer.out.clear();
    peer.input.extend_from_slice(b"\x01\0\0\0\0\x20\0");
    peer.turn();
    peer.input.clear();
    peer.expect_connection_close(
        "FRAME_ERROR - frame of 8200 bytes is larger than the agreed maximum of 8192 bytes",
    );
}

#[test]
fn heartbeats_go_both_ways() {
    let world = World::new();
    let mut peer = world.open();
    assert_eq!(
        peer.session.next_tick(),
        Some(peer.now + Duration::from_secs(30))
    );
    peer.tick(Duration::from_secs(29), false);
    peer.expect_nothing();
    peer.tick(Duration::from_secs(1), false);
    assert_eq!(&peer.out[..], b"\x08\0\0\0\0\0\0\xce");
    peer.out.clear();
    // The client's heartbeat counts as a sign of life; so does time in which nobody listened.
    encode_heartbeat(&mut peer.input);
    peer.turn();
    peer.tick(Duration::from_secs(119), false);
    assert!(!peer.closed);
    peer.out.clear();
    peer.tick(Duration::from_secs(2), true);
    assert!(!peer.closed);
    peer.out.clear();
    peer.tick(Duration::from_secs(120), false);
    assert!(peer.closed);
}

#[test]
fn a_peer_that_takes_nothing_has_two_intervals() {
    let world = World::new();
    let seconds = Duration::from_secs;
    // The output is left waiting, so that even who is not listened to could show life.
    for deaf in [true, false] {
        let mut peer = world.open();
        peer.out.extend_from_slice(&[0; 100]);
        peer.tick(seconds(119), deaf);
        assert!(!peer.closed);
        peer.session.on_progress(peer.now);
        peer.tick(seconds(119), deaf);
        assert!(!peer.closed, "it took something");
        peer.tick(seconds(1), deaf);
        assert!(peer.closed);
    }
    // Nothing left waiting and nobody listening: no sign of life is possible.
    let mut peer = world.open();
    for _ in 0..5 {
        peer.tick(seconds(119), true);
        peer.out.clear();
        assert!(!peer.closed);
    }
}

#[test]
fn the_client_may_leave_at_any_time() {
    let world = World::new();
    let mut peer = world.open();
    peer.send(
        0,
        ConnectionClose {
            reply_code: 200,
            reply_text: "bye",
            ..Default::default()
        },
    );
    peer.turn();
    peer.expect(0, ConnectionCloseOk {});
    assert!(peer.closed);

    let mut peer = world.connect();
    peer.login(b"\0guest\0guest");
    peer.send(0, ConnectionClose::default());
    peer.turn();
    peer.expect(0, ConnectionCloseOk {});
    assert!(peer.closed);
}

#[test]
fn a_stopping_broker_says_so_and_does_not_wait_for_ever() {
    let world = World::new();
    let mut peer = world.open();
    let step = peer.with_output(|peer, out| peer.session.stop(peer.now, "shutdown", out));
    peer.follow(step);
    peer.send(
        1,
        QueueDeclare {
            queue: "ignored",
            ..Default::default()
        },
    );
    peer.turn();
    peer.take(0, |method| match method {
        Method::ConnectionClose(close) => assert_eq!(
            (close.reply_code, close.reply_text),
            (
                320,
                "CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'"
            )
        ),
        other => panic!("{other:?}"),
    });
    peer.expect_nothing();
    let left = peer.session.next_tick().unwrap() - peer.now;
    peer.tick(left, false);
    assert!(peer.closed);
}

/// Mechanisms that a peer is offered whose certificate names that user.
fn offered(peer: &mut Peer, certified: Option<&str>) -> String {
    if let Some(username) = certified {
        peer.session.certify(username.to_owned());
    }
    peer.input.extend_from_slice(&PROTOCOL_HEADER);
    peer.turn();
    peer.take(0, |method| match method {
        Method::ConnectionStart(start) => String::from_utf8(start.mechanisms.0.to_vec()).unwrap(),
        other => panic!("{other:?}"),
    })
}

#[test]
fn who_has_a_certificate_needs_no_password() {
    let world = World::new();
    // Whatever clients send along.
    for response in [&b""[..], b"\0*\0*", b"somebody"] {
        let mut peer = world.connect();
        let mechanisms = offered(&mut peer, Some("guest"));
        assert_eq!(mechanisms, "PLAIN AMQPLAIN EXTERNAL");
        peer.start_ok("EXTERNAL", response);
        peer.turn();
        peer.take(0, |method| assert_eq!(method.name(), "connection.tune"));
    }
    // A password will do as well.
    let mut peer = world.connect();
    offered(&mut peer, Some("nobody"));
    peer.start_ok("PLAIN", b"\0guest\0guest");
    peer.turn();
    peer.take(0, |method| assert_eq!(method.name(), "connection.tune"));
}

#[test]
fn a_certificate_that_names_no_user_and_none_at_all_are_refused() {
    let world = World::new();
    for (certified, mechanisms) in [
        (Some("nobody"), "PLAIN AMQPLAIN EXTERNAL"),
        (None, "PLAIN AMQPLAIN"),
    ] {
        let mut peer = world.connect();
        assert_eq!(offered(&mut peer, certified), mechanisms);
        peer.start_ok("EXTERNAL", b"");
        peer.turn();
        peer.expect_connection_close(
            "ACCESS_REFUSED - Login was refused using authentication mechanism EXTERNAL. For \
             details see the broker logfile.",
        );
    }
}
