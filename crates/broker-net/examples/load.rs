//! Publishes persistent messages with confirms, so many of them unconfirmed at a time, and takes them
//! from their queue; tells how many a second, and how long a confirm took.
//!
//! ```text
//! cargo run --release -p broker-net --example load -- PORT WINDOW BODY_BYTES SECONDS
//! ```

use std::collections::VecDeque;
use std::error::Error;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use bytes::{Buf as _, BytesMut};
use wire::amqp091::*;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

const QUEUE: &str = "load";
const FRAME_MAX: u32 = 131_072;

#[expect(clippy::print_stdout, reason = "a program that tells what it measured")]
fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, port, window, body_bytes, seconds] = &arguments[..] else {
        return Err("usage: load PORT WINDOW BODY_BYTES SECONDS".into());
    };
    let (port, window) = (port.parse()?, window.parse()?);
    let body = vec![b'x'; body_bytes.parse()?];
    let duration = Duration::from_secs_f64(seconds.parse()?);
    let mut publisher = Client::open(port)?;
    let declare = QueueDeclare {
        queue: QUEUE,
        durable: true,
        ..Default::default()
    };
    publisher.call(declare)?;
    publisher.call(ConfirmSelect::default())?;
    thread::spawn(move || consume(port));
    let mut waits = publish(&mut publisher, &body, window, duration)?;
    waits.sort_unstable();
    let at = |part: f64| waits[((waits.len() - 1) as f64 * part) as usize].as_micros();
    println!(
        "{:.0} messages a second; confirm p50 {} us, p99 {} us, most {} us",
        waits.len() as f64 / duration.as_secs_f64(),
        at(0.5),
        at(0.99),
        at(1.0)
    );
    Ok(())
}

/// How long each confirm took, but for those of the first second.
fn publish(
    client: &mut Client,
    body: &[u8],
    window: usize,
    duration: Duration,
) -> Result<Vec<Duration>> {
    let (mut sent, mut waits) = (VecDeque::new(), Vec::new());
    let counts_from = Instant::now() + Duration::from_secs(1);
    let mut confirmed = 0;
    loop {
        let now = Instant::now();
        if now >= counts_from + duration {
            return Ok(waits);
        }
        while sent.len() < window {
            let publish = BasicPublish {
                routing_key: QUEUE,
                ..Default::default()
            };
            publish.encode(1, &mut client.output);
            encode_content(1, b"\x10\0\x02", body, FRAME_MAX, &mut client.output);
            sent.push_back(now);
        }
        client.flush()?;
        let tag = client.next(|method| match method {
            Method::BasicAck(ack) => Ok(ack.delivery_tag),
            other => Err(format!("{other:?}").into()),
        })?;
        let now = Instant::now();
        for sent in sent.drain(..(tag - confirmed) as usize) {
            if now >= counts_from {
                waits.push(now - sent);
            }
        }
        confirmed = tag;
    }
}

/// Takes all messages, acknowledged by their delivery.
fn consume(port: u16) -> Result<()> {
    let mut client = Client::open(port)?;
    let consume = BasicConsume {
        queue: QUEUE,
        consumer_tag: "c",
        no_ack: true,
        ..Default::default()
    };
    client.call(consume)?;
    let mut scratch = vec![0; 1 << 20];
    while client.stream.read(&mut scratch)? > 0 {}
    Ok(())
}

struct Client {
    stream: TcpStream,
    input: BytesMut,
    output: BytesMut,
}

impl Client {
    fn open(port: u16) -> Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        let mut client = Self {
            stream,
            input: BytesMut::new(),
            output: BytesMut::from(&PROTOCOL_HEADER[..]),
        };
        client.flush()?;
        client.next(|_| Ok(()))?;
        let start_ok = ConnectionStartOk {
            mechanism: "PLAIN",
            response: LongStr(b"\0guest\0guest"),
            ..Default::default()
        };
        start_ok.encode(0, &mut client.output);
        client.flush()?;
        client.next(|_| Ok(()))?;
        let tune_ok = ConnectionTuneOk {
            channel_max: 10,
            frame_max: FRAME_MAX,
            heartbeat: 0,
        };
        tune_ok.encode(0, &mut client.output);
        let open = ConnectionOpen {
            virtual_host: "/",
            ..Default::default()
        };
        open.encode(0, &mut client.output);
        client.flush()?;
        client.next(|_| Ok(()))?;
        client.call(ChannelOpen::default())?;
        Ok(client)
    }

    fn call<'m>(&mut self, method: impl Into<Method<'m>>) -> Result<()> {
        method.into().encode(1, &mut self.output);
        self.flush()?;
        self.next(|_| Ok(()))
    }

    fn flush(&mut self) -> Result<()> {
        self.stream.write_all(&self.output)?;
        self.output.clear();
        Ok(())
    }

    /// Takes the next method.
    fn next<T>(&mut self, take: impl FnOnce(Method<'_>) -> Result<T>) -> Result<T> {
        let decoder = &mut Decoder {
            frame_max: FRAME_MAX,
        };
        let mut scratch = [0; 65536];
        loop {
            let mut rest = &self.input[..];
            if let Some(frame) = decoder.decode(&mut rest).map_err(|it| format!("{it:?}"))? {
                let method = Method::decode(frame.payload).map_err(|it| format!("{it:?}"))?;
                let taken = take(method);
                let used = self.input.len() - rest.len();
                self.input.advance(used);
                return taken;
            }
            match self.stream.read(&mut scratch)? {
                0 => return Err("the broker has closed the connection".into()),
                count => self.input.extend_from_slice(&scratch[..count]),
            }
        }
    }
}
