//! What strangers and broken clients send. Each gets the protocol's own answer and the end of its
//! connection; the server goes on serving others. `BAD_INPUT.md` lists all of it, with the tests of
//! other crates.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use broker_net::{Deadlines, Options, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use wire::amqp091::*;

use crate::kit::{Client, address, in_time, server};

/// Everything a server says to these bytes until it hangs up.
async fn answer(at: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(at).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    in_time(stream.read_to_end(&mut answer)).await.unwrap();
    answer
}

async fn still_serves(server: &Server) {
    let mut client = Client::connect(address(server)).await;
    client.declare("alive", false).await;
    client.close().await;
}

#[tokio::test]
async fn other_protocols_are_answered_with_ours() {
    let server = server(Options::default()).await;
    let mut long_http = b"GET / HTTP/1.1\r\nHost: x\r\n".to_vec();
    long_http.extend(std::iter::repeat_n(b'a', 100_000));
    let cases: &[&[u8]] = &[
        b"GET / HTTP/1.1\r\nHost: broker\r\n\r\n",
        &long_http,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x10\x1a\0\x04MQTT\x04\x02",
        b"CONNECT\naccept-version:1.2\n\n\0",
        b"AMQP\0\x01\0\0",
        b"AMQP\x03\x01\0\0",
        b"AMQP\0\0\x09\0",
        b"\0\0\0\0\0\0\0\0",
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff",
    ];
    for case in cases {
        assert_eq!(
            answer(address(&server), case).await,
            PROTOCOL_HEADER,
            "{case:?}"
        );
    }
    still_serves(&server).await;
}

#[tokio::test]
async fn damage_after_the_header_is_answered_with_a_close() {
    let server = server(Options::default()).await;
    let deep: Vec<u8> = (0..580u32).fold(Vec::new(), |inner, _| {
        [&b"\x01aF"[..], &(inner.len() as u32).to_be_bytes(), &inner].concat()
    });
    let mut nested = bytes::BytesMut::new();
    nested.extend_from_slice(b"\x01\0\0");
    let fields = [
        &b"\0\x0a\0\x0b"[..],
        &(deep.len() as u32).to_be_bytes(),
        &deep,
    ]
    .concat();
    nested.extend_from_slice(&(fields.len() as u32).to_be_bytes());
    nested.extend_from_slice(&fields);
    nested.extend_from_slice(b"\xce");
    let cases: &[(&[u8], u16)] = &[
        (b"\x01\0\0\xff\xff\xff\xff", 501),
        (b"\x01\0\0\0\0\x20\0", 501),
        (b"\x08\0\0\0\0\0\0\0", 501),
        (b"\x07\0\0\0\0\0\0\xce", 501),
        (b"\x01\0\0\0\0\0\x04\0\x0a\0\x0b\xce", 502),
        (&nested, 502),
        (b"\x01\0\0\0\0\0\x04\0\xff\0\xff\xce", 503),
        (b"\x03\0\0\0\0\0\x01x\xce", 505),
        (b"\x01\0\x01\0\0\0\x05\0\x14\0\x0a\0\xce", 505),
    ];
    for (bytes, code) in cases {
        let sent = [&PROTOCOL_HEADER[..], bytes].concat();
        let mut stream = TcpStream::connect(address(&server)).await.unwrap();
        stream.write_all(&sent).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        in_time(stream.read_to_end(&mut answer)).await.unwrap();
        let mut rest = &answer[..];
        let decoder = Decoder {
            frame_max: u32::MAX,
        };
        let start = decoder.decode(&mut rest).unwrap().unwrap();
        assert_eq!(
            Method::decode(start.payload).unwrap().name(),
            "connection.start"
        );
        let close = decoder.decode(&mut rest).unwrap().expect("a close");
        match Method::decode(close.payload).unwrap() {
            Method::ConnectionClose(close) => assert_eq!(close.reply_code, *code, "{bytes:?}"),
            other => panic!("{other:?}"),
        }
    }
    still_serves(&server).await;
}

#[tokio::test]
async fn damage_on_an_open_connection_is_answered_with_a_close() {
    let server = server(Options::default()).await;
    let cases: &[(&[u8], u16)] = &[
        (b"\x03\0\x01\xff\xff\xff\xff", 501),
        (b"\x01\0\x01\0\0\0\x05\0\x14\0\x0a\0\xcf", 501),
        (b"GET / HTTP/1.1\r\n\r\n", 501),
        (b"\x01\0\x09\0\0\0\x05\0\x14\0\x14\x01\xce", 504),
        (b"\x03\0\x09\0\0\0\x01x\xce", 504),
    ];
    for (bytes, code) in cases {
        let mut client = Client::connect(address(&server)).await;
        client.output.extend_from_slice(bytes);
        client.flush().await;
        let found = client
            .method(|method| match method {
                Method::ConnectionClose(close) => close.reply_code,
                other => panic!("{other:?}"),
            })
            .await;
        assert_eq!(found, *code, "{bytes:?}");
    }
    still_serves(&server).await;
}

#[tokio::test]
async fn a_claimed_length_costs_no_memory() {
    let server = server(Options::default()).await;
    let mut clients = Vec::new();
    for _ in 0..50 {
        let mut client = Client::connect(address(&server)).await;
        BasicPublish {
            routing_key: "q",
            ..Default::default()
        }
        .encode(1, &mut client.output);
        ContentHeader {
            class: 60,
            body_size: 16 << 20,
            properties: b"\0\0",
        }
        .encode(1, &mut client.output);
        // The channel's first heartbeat-like sign that the header was handled.
        ChannelOpen::default().encode(2, &mut client.output);
        client.flush().await;
        client.expect("channel.open-ok").await;
        clients.push(client);
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let resident = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    let kib: usize = resident.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(kib < 400 * 1024, "{kib} KiB resident for 800 MiB of claims");
    still_serves(&server).await;
}

#[tokio::test]
async fn a_client_that_dribbles_gets_in_if_it_is_fast_enough() {
    let server = server(Options::default()).await;
    let mut script = bytes::BytesMut::from(&PROTOCOL_HEADER[..]);
    let response = LongStr(b"\0guest\0guest");
    ConnectionStartOk {
        mechanism: "PLAIN",
        response,
        ..Default::default()
    }
    .encode(0, &mut script);
    ConnectionTuneOk {
        channel_max: 1,
        frame_max: 8192,
        heartbeat: 0,
    }
    .encode(0, &mut script);
    ConnectionOpen {
        virtual_host: "/",
        ..Default::default()
    }
    .encode(0, &mut script);
    ConnectionClose::default().encode(0, &mut script);
    let mut stream = TcpStream::connect(address(&server)).await.unwrap();
    stream.set_nodelay(true).unwrap();
    for byte in script {
        stream.write_all(&[byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    let mut answer = Vec::new();
    in_time(stream.read_to_end(&mut answer)).await.unwrap();
    let mut close_ok = bytes::BytesMut::new();
    ConnectionCloseOk {}.encode(0, &mut close_ok);
    assert!(answer.ends_with(&close_ok));
}

#[tokio::test]
async fn a_login_that_takes_too_long_is_cut_off() {
    let login = Duration::from_millis(200);
    let deadlines = Deadlines {
        login,
        ..Deadlines::default()
    };
    let server = server(Options {
        deadlines,
        ..Options::default()
    })
    .await;
    for beginning in [
        &b""[..],
        b"AMQP",
        b"AMQP\0\0\x09\x01",
        b"AMQP\0\0\x09\x01\x01\0\0\0\0\0",
    ] {
        let begin = tokio::time::Instant::now();
        let answer = answer(address(&server), beginning).await;
        assert!(begin.elapsed() >= login);
        assert_eq!(answer.is_empty(), beginning.len() < 8);
    }
    still_serves(&server).await;
}

/// The bytes of a whole login, agreeing to frames of 8,192 bytes.
fn login() -> bytes::BytesMut {
    let mut script = bytes::BytesMut::from(&PROTOCOL_HEADER[..]);
    let start_ok = ConnectionStartOk {
        mechanism: "PLAIN",
        response: LongStr(b"\0guest\0guest"),
        ..Default::default()
    };
    start_ok.encode(0, &mut script);
    let tune_ok = ConnectionTuneOk {
        channel_max: 1,
        frame_max: 8192,
        heartbeat: 0,
    };
    tune_ok.encode(0, &mut script);
    script
}

/// The reply code in the last frame of what a server said.
fn last_close(answer: &[u8]) -> Option<u16> {
    let mut rest = answer;
    let decoder = Decoder {
        frame_max: u32::MAX,
    };
    let mut code = None;
    while let Some(frame) = decoder.decode(&mut rest).unwrap() {
        code = match Method::decode(frame.payload).unwrap() {
            Method::ConnectionClose(close) => Some(close.reply_code),
            _ => None,
        };
    }
    code
}

#[tokio::test]
async fn bytes_that_dribble_in_do_not_put_off_the_deadline_of_the_login() {
    let login_deadline = Duration::from_millis(400);
    let deadlines = Deadlines {
        login: login_deadline,
        ..Deadlines::default()
    };
    let options = Options {
        deadlines,
        ..Options::default()
    };
    let server = server(options).await;
    let (mut reading, mut writing) = TcpStream::connect(address(&server))
        .await
        .unwrap()
        .into_split();
    let dribble = tokio::spawn(async move {
        // Twenty bytes until the deadline, of a login that would take all of them.
        let mut pace = tokio::time::interval(login_deadline / 20);
        for byte in login() {
            pace.tick().await;
            if writing.write_all(&[byte]).await.is_err() {
                return;
            }
        }
        panic!("the whole login was taken");
    });
    let mut answer = Vec::new();
    // A reset is as good as an end.
    let _ = in_time(reading.read_to_end(&mut answer)).await;
    assert_eq!(last_close(&answer), None);
    in_time(dribble).await.unwrap();
    still_serves(&server).await;
}

#[tokio::test]
async fn frames_stay_as_small_as_agreed_after_the_login() {
    let server = server(Options::default()).await;
    let mut open = login();
    let to_host = ConnectionOpen {
        virtual_host: "/",
        ..Default::default()
    };
    to_host.encode(0, &mut open);
    ChannelOpen::default().encode(1, &mut open);
    let largest = 8192 - 8_u32;
    for logged_in in [login(), open] {
        let heading = [&b"\x03\0\x01"[..], &(largest + 1).to_be_bytes()].concat();
        let sent = [&logged_in[..], &heading].concat();
        let mut stream = TcpStream::connect(address(&server)).await.unwrap();
        stream.write_all(&sent).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        in_time(stream.read_to_end(&mut answer)).await.unwrap();
        assert_eq!(last_close(&answer), Some(501));
    }
    still_serves(&server).await;
}

/// Panics where a refused login is logged: in the middle of its connection.
#[derive(Clone, Default)]
struct PanicsAtWarnings(Arc<AtomicBool>);

impl<S: tracing::Subscriber> Layer<S> for PanicsAtWarnings {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        if *metadata.level() == tracing::Level::WARN && metadata.target() == broker_core::log::AUDIT
        {
            self.0.store(true, Ordering::Relaxed);
            panic!("as this test wants it");
        }
    }
}

// On one thread, which alone has the subscriber.
#[tokio::test(flavor = "current_thread")]
async fn a_panic_ends_its_own_connection_alone() {
    let panics = PanicsAtWarnings::default();
    let subscriber = tracing_subscriber::registry().with(panics.clone());
    let _guard = tracing::subscriber::set_default(subscriber);
    let server = server(Options::default()).await;
    let mut bystander = Client::connect(address(&server)).await;
    bystander.declare("q", false).await;

    let mut wrong = bytes::BytesMut::from(&PROTOCOL_HEADER[..]);
    let start_ok = ConnectionStartOk {
        mechanism: "PLAIN",
        response: LongStr(b"\0guest\0wrong"),
        ..Default::default()
    };
    start_ok.encode(0, &mut wrong);
    let answer = answer(address(&server), &wrong).await;
    assert_eq!(last_close(&answer), None, "it ends without a word");
    assert!(panics.0.load(Ordering::Relaxed));

    bystander.publish("q", b"x", false);
    assert_eq!(bystander.ready("q").await, 1);
    still_serves(&server).await;
}
