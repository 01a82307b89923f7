//! Bytes that no honest client sends: the protocol's own error or a closed connection, and a broker
//! that serves everybody else as before.

use std::time::Duration;

use acceptance::dev::DevBroker;
use acceptance::raw::{self, FRAME_END, HEADER, Raw, frame, long, method, short};
use anyhow::{Context, Result, ensure};

const FRAME_ERROR: u16 = 501;
const SYNTAX_ERROR: u16 = 502;
const COMMAND_INVALID: u16 = 503;
const CHANNEL_ERROR: u16 = 504;
const UNEXPECTED_FRAME: u16 = 505;
const NOT_ALLOWED: u16 = 530;
const NOT_IMPLEMENTED: u16 = 540;

/// What a connection may allocate for bytes that were only announced, and then some.
const RESIDENT_LIMIT_BYTES: u64 = 64 << 20;

/// The broker still runs, is small, logged no panic, and serves a client that behaves.
fn unharmed(broker: &mut DevBroker, after: &str) -> Result<()> {
    let mut honest = Raw::open(broker.address()?, 2_047, 131_072, 0)
        .with_context(|| format!("log in after {after}"))?;
    honest.open_channel(1)?;
    let server = broker.server_mut()?;
    ensure!(server.is_running()?, "the broker ended after {after}");
    let resident = server.resident_bytes()?;
    ensure!(
        resident < RESIDENT_LIMIT_BYTES,
        "{resident} bytes resident after {after}"
    );
    ensure!(
        !server.log().contains("panicked"),
        "a panic after {after}:\n{}",
        server.log()
    );
    Ok(())
}

#[test]
fn other_protocols_get_our_header_and_a_closed_connection() -> Result<()> {
    let mut broker = DevBroker::start()?;
    let tls_hello = [&[22, 3, 1, 2, 0, 1, 0, 1, 0xFC, 3, 3][..], &[7; 506]].concat();
    let openings: &[(&str, &[u8])] = &[
        (
            "an HTTP request",
            b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        ),
        ("a TLS hello", &tls_hello),
        ("an SSH banner", b"SSH-2.0-OpenSSH_9.2\r\n"),
        (
            "an MQTT CONNECT",
            b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00",
        ),
        ("AMQP 1.0", b"AMQP\x00\x01\x00\x00"),
        ("zeros", &[0; 64]),
    ];
    for (name, opening) in openings {
        let mut raw = Raw::connect(broker.address()?)?;
        raw.send_anyway(opening);
        let answer = raw.read_to_end()?;
        // The bytes after the first eight may reach a closed socket, whose reset can overtake the
        // answer.
        let fits = answer == HEADER || (answer.is_empty() && opening.len() > HEADER.len());
        ensure!(fits, "{name}: answered {answer:?}");
        unharmed(&mut broker, name)?;
    }
    Ok(())
}

/// Sends bytes right after the protocol header; the broker must close, with one of these codes or
/// without a word.
fn before_login(broker: &mut DevBroker, name: &str, bytes: &[u8], codes: &[u16]) -> Result<()> {
    let mut raw = Raw::connect(broker.address()?)?;
    raw.send(HEADER)?;
    raw.expect(10, 10)?;
    raw.send_anyway(bytes);
    let code = raw.close_code().with_context(|| name.to_owned())?;
    ensure!(
        code.is_none_or(|code| codes.contains(&code)),
        "{name}: closed with {code:?}"
    );
    unharmed(broker, name)
}

#[test]
fn nonsense_before_login_closes_the_connection() -> Result<()> {
    let broker = &mut DevBroker::start()?;
    let framing = &[FRAME_ERROR, UNEXPECTED_FRAME];
    let syntax = &[FRAME_ERROR, SYNTAX_ERROR];

    let huge = [&[1, 0, 0][..], &u32::MAX.to_be_bytes()].concat();
    before_login(broker, "a frame of 4 GiB", &huge, framing)?;
    let large = frame(1, 0, &vec![0; 100_000]);
    before_login(broker, "a frame larger than any login", &large, framing)?;
    before_login(
        broker,
        "an unknown frame type",
        &frame(77, 0, b"x"),
        framing,
    )?;
    let mut wrong_end = raw::start_ok("PLAIN", b"\0guest\0guest");
    wrong_end.pop();
    wrong_end.push(0);
    before_login(broker, "a wrong frame end", &wrong_end, framing)?;
    before_login(
        broker,
        "a method frame without a method",
        &frame(1, 0, &[]),
        syntax,
    )?;
    before_login(broker, "half a method", &frame(1, 0, &[0, 10, 0]), syntax)?;

    Ok(())
}

#[test]
fn logins_that_make_no_sense_close_the_connection() -> Result<()> {
    let broker = &mut DevBroker::start()?;
    let syntax = &[FRAME_ERROR, SYNTAX_ERROR];
    let order = &[
        COMMAND_INVALID,
        CHANNEL_ERROR,
        UNEXPECTED_FRAME,
        NOT_ALLOWED,
    ];

    // The client's properties claim to be far longer than the frame.
    let table = [&u32::MAX.to_be_bytes()[..], &short("PLAIN")].concat();
    before_login(
        broker,
        "a table of 4 GiB",
        &method(0, 10, 11, &table),
        syntax,
    )?;
    let deep = nested_tables(3_000);
    let arguments = [long(&deep), short("PLAIN"), long(b"\0a\0b"), short("en_US")].concat();
    let refused = &[FRAME_ERROR, SYNTAX_ERROR, 403];
    before_login(
        broker,
        "deep tables",
        &method(0, 10, 11, &arguments),
        refused,
    )?;

    before_login(
        broker,
        "a channel before login",
        &method(1, 20, 10, &[0]),
        order,
    )?;
    let open = method(0, 10, 40, &[short("/"), vec![0, 0]].concat());
    before_login(broker, "an open before login", &open, order)?;
    before_login(broker, "a body before login", &frame(3, 1, b"body"), order)?;

    let denied = &[403];
    let wrong = raw::start_ok("PLAIN", b"\0guest\0wrong");
    before_login(broker, "a wrong password", &wrong, denied)?;
    before_login(
        broker,
        "a half response",
        &raw::start_ok("PLAIN", b"guest"),
        &[403, 501, 502],
    )?;
    let unknown = raw::start_ok("KERBEROS_V4", b"");
    before_login(
        broker,
        "an unknown mechanism",
        &unknown,
        &[403, 501, 503, 504, 530],
    )
}

/// A field table whose one entry is a table, and so on.
fn nested_tables(depth: usize) -> Vec<u8> {
    let mut table = Vec::new();
    for _ in 0..depth {
        table = [&[1, b'k', b'F'][..], &long(&table)].concat();
    }
    table
}

/// Sends bytes on a connection with channel 1 open; the connection must be closed with this code.
fn after_login(broker: &mut DevBroker, name: &str, bytes: &[u8], codes: &[u16]) -> Result<()> {
    let mut raw = Raw::open(broker.address()?, 10, 8_192, 0)?;
    raw.open_channel(1)?;
    raw.send_anyway(bytes);
    let code = raw.close_code().with_context(|| name.to_owned())?;
    ensure!(
        code.is_some_and(|code| codes.contains(&code)),
        "{name}: closed with {code:?}"
    );
    unharmed(broker, name)
}

/// `basic.publish` to the default exchange.
fn publish(channel: u16) -> Vec<u8> {
    method(
        channel,
        60,
        40,
        &[&[0, 0][..], &short(""), &short("nowhere"), &[0]].concat(),
    )
}

/// A content header without properties that announces this many bytes.
fn content_header(channel: u16, body_bytes: u64) -> Vec<u8> {
    frame(
        2,
        channel,
        &[&[0, 60, 0, 0][..], &body_bytes.to_be_bytes(), &[0, 0]].concat(),
    )
}

#[test]
fn broken_frames_close_the_connection_with_their_code() -> Result<()> {
    let broker = &mut DevBroker::start()?;
    let framing = &[FRAME_ERROR];
    let syntax = &[FRAME_ERROR, SYNTAX_ERROR];

    let above = frame(1, 1, &vec![0; 8_192]);
    after_login(broker, "a frame above the agreed size", &above, framing)?;
    let huge = [&[3, 0, 1][..], &u32::MAX.to_be_bytes()].concat();
    after_login(broker, "a frame of 4 GiB", &huge, framing)?;
    let mut wrong_end = method(1, 20, 40, &[&[0, 200][..], &short("bye"), &[0; 4]].concat());
    *wrong_end.last_mut().context("empty frame")? = FRAME_END - 1;
    after_login(broker, "a wrong frame end", &wrong_end, framing)?;
    after_login(
        broker,
        "an unknown frame type",
        &frame(5, 1, b""),
        &[501, 505],
    )?;
    after_login(
        broker,
        "a heartbeat on a channel",
        &frame(8, 1, b""),
        &[501, 503, 505],
    )?;
    after_login(
        broker,
        "a method frame without a method",
        &frame(1, 1, &[0, 60]),
        syntax,
    )?;

    let unknown = &[COMMAND_INVALID, NOT_IMPLEMENTED];
    after_login(
        broker,
        "an unknown class",
        &method(1, 999, 10, &[]),
        unknown,
    )?;
    after_login(
        broker,
        "an unknown method",
        &method(1, 50, 99, &[]),
        unknown,
    )?;

    Ok(())
}

#[test]
fn broken_arguments_close_the_connection_with_their_code() -> Result<()> {
    let broker = &mut DevBroker::start()?;
    let syntax = &[FRAME_ERROR, SYNTAX_ERROR];
    // queue.declare whose name claims more than the frame holds.
    let cut = method(1, 50, 10, &[0, 0, 200, b'q']);
    after_login(broker, "a name longer than its frame", &cut, syntax)?;
    let table = [&[0, 0][..], &short("q"), &[0], &u32::MAX.to_be_bytes()].concat();
    after_login(
        broker,
        "arguments longer than their frame",
        &method(1, 50, 10, &table),
        syntax,
    )?;
    let unknown_type = [1, b'k', b'?', 0, 0];
    let odd = [&[0, 0][..], &short("q"), &[0], &long(&unknown_type)].concat();
    after_login(
        broker,
        "an argument of unknown type",
        &method(1, 50, 10, &odd),
        syntax,
    )?;
    let deep = [&[0, 0][..], &short("q"), &[0], &long(&nested_tables(500))].concat();
    after_login(
        broker,
        "arguments 500 levels deep",
        &method(1, 50, 10, &deep),
        syntax,
    )
}

#[test]
fn frames_out_of_order_close_the_connection_with_their_code() -> Result<()> {
    let broker = &mut DevBroker::start()?;
    let order = &[UNEXPECTED_FRAME];
    after_login(
        broker,
        "a header without a publish",
        &content_header(1, 0),
        order,
    )?;
    after_login(broker, "a body without a header", &frame(3, 1, b"x"), order)?;
    let twice = [publish(1), publish(1)].concat();
    after_login(broker, "a method in place of content", &twice, order)?;
    let over = [publish(1), content_header(1, 3), frame(3, 1, b"four")].concat();
    after_login(broker, "a body longer than announced", &over, &[501, 505])?;
    let class = frame(2, 1, &[0, 50, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    after_login(
        broker,
        "a header of another class",
        &[publish(1), class].concat(),
        &[501, 505],
    )?;

    let channel = &[CHANNEL_ERROR, COMMAND_INVALID];
    let declare = method(7, 50, 10, &[&[0, 0][..], &short("q"), &[0; 5]].concat());
    after_login(
        broker,
        "a method on a channel never opened",
        &declare,
        channel,
    )?;
    let content = [publish(7), content_header(7, 1), frame(3, 7, b"x")].concat();
    after_login(
        broker,
        "content on a channel never opened",
        &content,
        channel,
    )?;
    after_login(
        broker,
        "a channel opened twice",
        &method(1, 20, 10, &[0]),
        channel,
    )?;
    let close = method(1, 20, 40, &[&[0, 200][..], &short("bye"), &[0; 4]].concat());
    let late = [close, content_header(1, 1), frame(3, 1, b"x")].concat();
    after_login(broker, "content on a closed channel", &late, &[504, 505])?;
    let above = method(11, 20, 10, &[0]);
    after_login(
        broker,
        "a channel above the agreed number",
        &above,
        &[501, 504, 530],
    )?;
    let on_zero = method(0, 50, 10, &[&[0, 0][..], &short("q"), &[0; 5]].concat());
    after_login(broker, "a queue on channel 0", &on_zero, &[501, 503, 504])?;
    let on_one = method(1, 10, 40, &[short("/"), vec![0, 0]].concat());
    after_login(
        broker,
        "a connection method on a channel",
        &on_one,
        &[501, 503, 504, 530],
    )
}

#[test]
fn a_body_of_16_exbibytes_is_refused_before_it_comes() -> Result<()> {
    let mut broker = DevBroker::start()?;
    let mut raw = Raw::open(broker.address()?, 2_047, 131_072, 0)?;
    raw.open_channel(1)?;
    raw.send(&[publish(1), content_header(1, u64::MAX)].concat())?;
    let refused = raw
        .receive()?
        .context("the broker closed the connection without a word")?;
    // Either the channel or the whole connection goes.
    assert!(
        matches!(refused.close_code(), Some(311 | 406 | 501 | 502)),
        "{refused:?}"
    );
    unharmed(&mut broker, "an impossible body")
}

#[test]
fn odd_answers_to_tune_are_refused_or_kept_to() -> Result<()> {
    let mut broker = DevBroker::start()?;
    // No limit of the client's own: refused, or the broker's stay in force.
    if let Ok(mut raw) = Raw::open(broker.address()?, 0, 0, 0) {
        raw.open_channel(1)?;
        raw.send_anyway(&[&[1, 0, 1][..], &u32::MAX.to_be_bytes()].concat());
        assert_eq!(raw.close_code()?, Some(FRAME_ERROR));
    }
    for frame_max in [1, 4_095, u32::MAX] {
        let opened = Raw::open(broker.address()?, 2_047, frame_max, 0);
        assert!(
            opened.is_err(),
            "a frame size of {frame_max} bytes was agreed to"
        );
    }
    unharmed(&mut broker, "odd tuning")
}

#[test]
fn a_client_that_falls_silent_is_closed() -> Result<()> {
    let mut broker = DevBroker::start()?;
    let mut raw = Raw::open(broker.address()?, 2_047, 131_072, 1)?;
    let took = raw.closed_after()?;
    assert!(
        took < Duration::from_secs(6),
        "closed only after {took:?} without a heartbeat"
    );
    unharmed(&mut broker, "silence")
}

#[test]
fn a_connection_that_never_logs_in_is_closed() -> Result<()> {
    let mut broker = DevBroker::start()?;
    let mut silent = Raw::connect(broker.address()?)?;
    let mut half = Raw::connect(broker.address()?)?;
    half.send(&HEADER[..5])?;
    let mut started = Raw::connect(broker.address()?)?;
    started.send(HEADER)?;
    for (name, raw) in [
        ("silent", &mut silent),
        ("half", &mut half),
        ("started", &mut started),
    ] {
        let took = raw.closed_after().with_context(|| name.to_owned())?;
        assert!(
            took < Duration::from_secs(15),
            "{name}: closed only after {took:?}"
        );
    }
    unharmed(&mut broker, "connections that never log in")
}

#[test]
fn many_half_open_connections_keep_nobody_out() -> Result<()> {
    let mut broker = DevBroker::start()?;
    let mut waiting = Vec::new();
    for _ in 0..300 {
        let mut raw = Raw::connect(broker.address()?)?;
        raw.send(HEADER)?;
        waiting.push(raw);
    }
    unharmed(&mut broker, "300 connections waiting to log in")
}

#[test]
fn a_connection_cut_in_the_middle_of_a_message_publishes_nothing() -> Result<()> {
    let mut broker = DevBroker::start()?;
    let mut raw = Raw::open(broker.address()?, 2_047, 131_072, 0)?;
    raw.open_channel(1)?;
    raw.send(&method(
        1,
        50,
        10,
        &[&[0, 0][..], &short("nowhere"), &[0; 5]].concat(),
    ))?;
    raw.expect(50, 11)?;
    raw.send(&[publish(1), content_header(1, 10), frame(3, 1, b"half.")].concat())?;
    drop(raw);

    let mut honest = Raw::open(broker.address()?, 2_047, 131_072, 0)?;
    honest.open_channel(1)?;
    honest.send(&method(
        1,
        60,
        70,
        &[&[0, 0][..], &short("nowhere"), &[1]].concat(),
    ))?;
    honest.expect(60, 72)?;
    unharmed(&mut broker, "a cut message")
}
