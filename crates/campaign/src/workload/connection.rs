//! The client end of one AMQP 0-9-1 connection with one channel. It knows exactly what a broker
//! said and when it fell silent, which stock clients keep to themselves.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use wire::amqp091::{
    BasicPublish, ChannelCloseOk, ChannelOpen, ConnectionCloseOk, ConnectionOpen,
    ConnectionStartOk, ConnectionTuneOk, ContentHeader, Decoder, FrameKind, LongStr, Method,
    PROTOCOL_HEADER, Properties, TableBuilder, Value, encode_content, encode_heartbeat,
};

/// The one channel.
pub(super) const CHANNEL: u16 = 1;

const FRAME_MAX_BYTES: u32 = 131_072;

/// Seconds between signs of life that both sides agree on; the least there is.
const HEARTBEAT_S: u16 = 1;

/// A broker that says nothing for so long, not even that it lives, is given up.
const SILENCE: Duration = Duration::from_millis(2500);

/// Longest wait for a connection, for its opening, and for an answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Longest wait for the socket to take bytes.
const WRITE_PATIENCE: Duration = Duration::from_secs(5);

/// Of a log-in.
pub(crate) const USER: &str = "campaign";
/// Of a log-in; the brokers live for one campaign, in networks of its own.
pub(crate) const PASSWORD: &str = "campaign-in-its-own-network";

/// What a broker sends by itself.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Incoming {
    /// Publishers have to wait, or may go on.
    Blocked(bool),
    /// A publish, or all up to it, is safe, or is refused.
    Confirm {
        /// Number of the publish on its channel, from 1 on.
        tag: u64,
        /// All up to it.
        multiple: bool,
        /// Safe.
        positive: bool,
    },
    /// A message.
    Delivery {
        /// For its acknowledgement.
        tag: u64,
        /// Marked as delivered before.
        redelivered: bool,
        /// As it came.
        body: Vec<u8>,
    },
    /// The answer to a call.
    Answer(Vec<u8>),
}

/// An open connection with an open channel.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    input: BytesMut,
    output: BytesMut,
    /// A delivery whose body is not whole yet, and how many bytes it lacks.
    arriving: Option<(Incoming, u64)>,
    last_input: Instant,
    last_output: Instant,
}

impl Connection {
    /// Connects, logs in and opens the channel.
    pub(crate) async fn open(address: SocketAddr) -> Result<Self> {
        let opening = Self::open_at_leisure(address);
        timeout(PATIENCE, opening)
            .await
            .context("open a connection")?
    }

    async fn open_at_leisure(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let now = Instant::now();
        let mut connection = Self {
            stream,
            input: BytesMut::with_capacity(64 * 1024),
            output: BytesMut::new(),
            arriving: None,
            last_input: now,
            last_output: now,
        };
        connection.output.extend_from_slice(&PROTOCOL_HEADER);
        connection.expect((10, 10)).await?;
        let response = format!("\0{USER}\0{PASSWORD}");
        // Without this nobody is told that it has to wait.
        let abilities = TableBuilder::new().entry("connection.blocked", Value::Bool(true));
        let about = Value::Table(abilities.as_table());
        let properties = TableBuilder::new().entry("capabilities", about);
        let login = ConnectionStartOk {
            client_properties: properties.as_table(),
            mechanism: "PLAIN",
            response: LongStr(response.as_bytes()),
            locale: "en_US",
        };
        login.encode(0, &mut connection.output);
        connection.expect((10, 30)).await?;
        let tuned = ConnectionTuneOk {
            channel_max: 1,
            frame_max: FRAME_MAX_BYTES,
            heartbeat: HEARTBEAT_S,
        };
        tuned.encode(0, &mut connection.output);
        let open = ConnectionOpen {
            virtual_host: "/",
            ..Default::default()
        };
        open.encode(0, &mut connection.output);
        connection.expect((10, 41)).await?;
        connection.call(&ChannelOpen::default().into()).await?;
        Ok(connection)
    }

    /// Sends a method and waits for its `…-ok`. Not for a channel with deliveries under way.
    pub(crate) async fn call(&mut self, method: &Method<'_>) -> Result<Vec<u8>> {
        let (class, number) = method.ids();
        self.put(method);
        let answer = timeout(PATIENCE, self.expect((class, number + 1)));
        answer
            .await
            .context("no answer")
            .flatten()
            .context(method.name())
    }

    /// Appends a method to what is to be written.
    pub(super) fn put(&mut self, method: &Method<'_>) {
        method.encode(CHANNEL, &mut self.output);
    }

    /// Appends a publish.
    pub(super) fn put_message(&mut self, publish: &BasicPublish<'_>, mode: u8, body: &[u8]) {
        publish.encode(CHANNEL, &mut self.output);
        let mut properties = BytesMut::new();
        let with = Properties {
            delivery_mode: Some(mode),
            ..Default::default()
        };
        with.encode(&mut properties);
        encode_content(
            CHANNEL,
            &properties,
            body,
            FRAME_MAX_BYTES,
            &mut self.output,
        );
    }

    /// Bytes that wait to be written.
    pub(super) fn unwritten(&self) -> usize {
        self.output.len()
    }

    /// Writes what is to be written.
    pub(super) async fn flush(&mut self) -> Result<()> {
        if self.output.is_empty() {
            return Ok(());
        }
        let written = timeout(WRITE_PATIENCE, self.stream.write_all(&self.output));
        written.await.context("the broker takes nothing")??;
        self.output.clear();
        self.last_output = Instant::now();
        Ok(())
    }

    /// Writes what is to be written, and waits for the next thing that the broker sends, up to
    /// `deadline`. Keeps up the signs of life.
    pub(super) async fn next(&mut self, deadline: Instant) -> Result<Option<Incoming>> {
        let beat = Duration::from_secs(HEARTBEAT_S.into()) / 2;
        loop {
            self.flush().await?;
            if let Some(incoming) = self.ready()? {
                return Ok(Some(incoming));
            }
            let until = deadline.min(self.last_output + beat);
            match timeout_at(until, self.stream.read_buf(&mut self.input)).await {
                Ok(Ok(0)) => bail!("the broker closed the connection"),
                Ok(Ok(_)) => self.last_input = Instant::now(),
                Ok(Err(error)) => return Err(error.into()),
                Err(_) => {
                    let silent = self.last_input.elapsed();
                    ensure!(silent < SILENCE, "the broker is silent for {silent:?}");
                    if self.last_output.elapsed() >= beat {
                        encode_heartbeat(&mut self.output);
                    } else {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// The next thing that has come already.
    pub(super) fn ready(&mut self) -> Result<Option<Incoming>> {
        let decoder = Decoder {
            frame_max: FRAME_MAX_BYTES,
        };
        loop {
            let mut rest = &self.input[..];
            let Some(frame) = decoder.decode(&mut rest)? else {
                return Ok(None);
            };
            let incoming = match frame.kind {
                FrameKind::Heartbeat => None,
                FrameKind::Method => method(frame.payload, &mut self.arriving, &mut self.output)?,
                FrameKind::Header | FrameKind::Body => {
                    content(frame.kind, frame.payload, &mut self.arriving)?
                }
            };
            let used = self.input.len() - rest.len();
            self.input.advance(used);
            if incoming.is_some() {
                return Ok(incoming);
            }
        }
    }

    async fn expect(&mut self, ids: (u16, u16)) -> Result<Vec<u8>> {
        loop {
            let deadline = Instant::now() + PATIENCE;
            match self.next(deadline).await?.context("no answer")? {
                Incoming::Answer(payload) => {
                    let method = Method::decode(&payload)?;
                    ensure!(method.ids() == ids, "unexpected answer: {}", method.name());
                    return Ok(payload);
                }
                Incoming::Blocked(_) => {}
                other => bail!("unexpected: {other:?}"),
            }
        }
    }
}

/// Reads a method: a thing of its own, or the beginning of a delivery.
fn method(
    payload: &[u8],
    arriving: &mut Option<(Incoming, u64)>,
    output: &mut BytesMut,
) -> Result<Option<Incoming>> {
    let confirm = |tag, multiple, positive| {
        Ok(Some(Incoming::Confirm {
            tag,
            multiple,
            positive,
        }))
    };
    match Method::decode(payload)? {
        Method::BasicAck(ack) => confirm(ack.delivery_tag, ack.multiple, true),
        Method::BasicNack(nack) => confirm(nack.delivery_tag, nack.multiple, false),
        Method::BasicDeliver(deliver) => {
            let delivery = Incoming::Delivery {
                tag: deliver.delivery_tag,
                redelivered: deliver.redelivered,
                body: Vec::new(),
            };
            *arriving = Some((delivery, 0));
            Ok(None)
        }
        Method::ConnectionBlocked(_) => Ok(Some(Incoming::Blocked(true))),
        Method::ConnectionUnblocked(_) => Ok(Some(Incoming::Blocked(false))),
        Method::BasicCancel(_) => bail!("the broker ended the consumer"),
        Method::ChannelClose(close) => {
            ChannelCloseOk {}.encode(CHANNEL, output);
            bail!(Closed {
                code: close.reply_code,
                text: close.reply_text.to_owned(),
            })
        }
        Method::ConnectionClose(close) => {
            ConnectionCloseOk {}.encode(0, output);
            bail!(Closed {
                code: close.reply_code,
                text: close.reply_text.to_owned(),
            })
        }
        _ => Ok(Some(Incoming::Answer(payload.to_vec()))),
    }
}

/// Adds to the delivery under way; answers with it when it is whole.
fn content(
    kind: FrameKind,
    payload: &[u8],
    arriving: &mut Option<(Incoming, u64)>,
) -> Result<Option<Incoming>> {
    let (delivery, left) = arriving.as_mut().context("content without a delivery")?;
    if kind == FrameKind::Header {
        *left = ContentHeader::decode(payload)?.body_size;
    } else if let Incoming::Delivery { body, .. } = delivery {
        body.extend_from_slice(payload);
        let rest = left.checked_sub(payload.len() as u64);
        *left = rest.context("more body than was announced")?;
    }
    if *left > 0 {
        return Ok(None);
    }
    Ok(arriving.take().map(|(delivery, _)| delivery))
}

/// The broker closed channel or connection, and said why.
#[derive(Debug)]
pub(super) struct Closed {
    /// A reply code of AMQP 0-9-1.
    pub(super) code: u16,
    text: String,
}

impl std::fmt::Display for Closed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the broker closed: {} {}", self.code, self.text)
    }
}

impl std::error::Error for Closed {}
