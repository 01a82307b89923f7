//! The blocking half of an AMQP 0-9-1 client: log in, declare, consume, and hand the socket over.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use bytes::{Buf as _, BytesMut};
use wire::amqp091::{
    BasicConsume, BasicQos, ChannelOpen, ConnectionOpen, ConnectionStartOk, ConnectionTuneOk,
    Decoder, ExchangeDeclare, FrameKind, LongStr, Method, PROTOCOL_HEADER, QueueBind, QueueDeclare,
    QueueDelete,
};

use crate::batch::numbered;

/// The one channel that is used.
pub const CHANNEL: u16 = 1;

/// What every broker here agrees to.
pub const FRAME_MAX_BYTES: u32 = 131_072;

/// Longest wait for an answer; a broker may have a queue of a million messages to delete.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection with one open channel.
#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
    input: BytesMut,
}

/// Waits for the broker's first word on a new connection.
pub fn greeted(address: SocketAddr) -> Result<()> {
    Client::greet(address).map(drop)
}

/// How a queue is declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifetime {
    /// Survives a restart of the broker.
    Durable,
    /// Gone with its connection.
    Exclusive,
}

impl Client {
    /// Logs in as guest and opens the channel.
    pub fn connect(address: SocketAddr) -> Result<Self> {
        let mut client = Self::greet(address)?;
        let login = ConnectionStartOk {
            mechanism: "PLAIN",
            response: LongStr(b"\0guest\0guest"),
            locale: "en_US",
            ..Default::default()
        };
        client.send_on(0, &login.into())?;
        client.expect((10, 30))?;
        let tuned = ConnectionTuneOk {
            channel_max: 16,
            frame_max: FRAME_MAX_BYTES,
            heartbeat: 0,
        };
        client.send_on(0, &tuned.into())?;
        let open = ConnectionOpen {
            virtual_host: "/",
            ..Default::default()
        };
        client.send_on(0, &open.into())?;
        client.expect((10, 41))?;
        client.call(&ChannelOpen::default().into())?;
        Ok(client)
    }

    /// Connects and takes the broker's greeting.
    fn greet(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).with_context(|| format!("connect {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut client = Self {
            stream,
            input: BytesMut::new(),
        };
        client.stream.write_all(&PROTOCOL_HEADER)?;
        client.expect((10, 10))?;
        Ok(client)
    }

    /// Sends a method on the channel and waits for its `…-ok`.
    pub fn call(&mut self, method: &Method<'_>) -> Result<Vec<u8>> {
        let (class, number) = method.ids();
        self.send_on(CHANNEL, method)?;
        self.expect((class, number + 1))
            .with_context(|| method.name())
    }

    /// Declares a queue; the answer is how many messages are in it.
    pub fn declare_queue(&mut self, name: &str, lifetime: Lifetime) -> Result<u32> {
        let declare = QueueDeclare {
            queue: name,
            durable: lifetime == Lifetime::Durable,
            exclusive: lifetime == Lifetime::Exclusive,
            ..Default::default()
        };
        match Method::decode(&self.call(&declare.into())?)? {
            Method::QueueDeclareOk(ok) => Ok(ok.message_count),
            other => bail!("{} instead of queue.declare-ok", other.name()),
        }
    }

    /// Binds a queue to an exchange, without a key.
    pub fn bind_queue(&mut self, queue: &str, exchange: &str) -> Result<()> {
        let bind = QueueBind {
            queue,
            exchange,
            ..Default::default()
        };
        self.call(&bind.into()).map(drop)
    }

    /// Has a queue fed by a new topic exchange of the same name, by so many bindings: each matches
    /// another of the numbered keys. The exchange goes with the queue.
    pub fn bind_by_topics(&mut self, queue: &str, bindings: usize) -> Result<()> {
        let declare = ExchangeDeclare {
            exchange: queue,
            kind: "topic",
            auto_delete: true,
            ..Default::default()
        };
        self.call(&declare.into())?;
        for number in 0..bindings {
            let bind = QueueBind {
                queue,
                exchange: queue,
                routing_key: &format!("{}.*", numbered(queue, number)),
                ..Default::default()
            };
            self.call(&bind.into())?;
        }
        Ok(())
    }

    /// Deletes a queue with all that is in it.
    pub fn delete_queue(&mut self, queue: &str) -> Result<()> {
        let delete = QueueDelete {
            queue,
            ..Default::default()
        };
        self.call(&delete.into()).map(drop)
    }

    /// Starts a consumer: with automatic acknowledgement, or with this many deliveries unsettled.
    pub fn consume(&mut self, queue: &str, prefetch: Option<u16>) -> Result<()> {
        if let Some(prefetch_count) = prefetch {
            let qos = BasicQos {
                prefetch_count,
                ..Default::default()
            };
            self.call(&qos.into())?;
        }
        let consume = BasicConsume {
            queue,
            consumer_tag: "c",
            no_ack: prefetch.is_none(),
            ..Default::default()
        };
        self.call(&consume.into()).map(drop)
    }

    /// Sends bytes that are frames already.
    pub fn send(&mut self, frames: &[u8]) -> Result<()> {
        Ok(self.stream.write_all(frames)?)
    }

    /// Waits for a method with these numbers; answers with its payload.
    pub fn expect(&mut self, ids: (u16, u16)) -> Result<Vec<u8>> {
        let payload = self.next_method()?;
        let method = Method::decode(&payload)?;
        if let Method::ChannelClose(close) = method {
            bail!(
                "the broker closed the channel: {} {}",
                close.reply_code,
                close.reply_text
            );
        }
        if let Method::ConnectionClose(close) = method {
            bail!(
                "the broker closed the connection: {} {}",
                close.reply_code,
                close.reply_text
            );
        }
        ensure!(
            method.ids() == ids,
            "unexpected answer: {} {:?}",
            method.name(),
            method.ids()
        );
        Ok(payload)
    }

    /// A second hand on the socket, to send while this one waits for answers.
    pub fn sender(&self) -> Result<TcpStream> {
        Ok(self.stream.try_clone()?)
    }

    /// Gives up the socket, and what was read of it beyond the last answer.
    pub fn into_parts(self) -> (TcpStream, BytesMut) {
        (self.stream, self.input)
    }

    fn send_on(&mut self, channel: u16, method: &Method<'_>) -> Result<()> {
        let mut frame = BytesMut::new();
        method.encode(channel, &mut frame);
        self.send(&frame)
    }

    fn next_method(&mut self) -> Result<Vec<u8>> {
        let decoder = Decoder {
            frame_max: FRAME_MAX_BYTES,
        };
        loop {
            let mut rest = &self.input[..];
            if let Some(frame) = decoder.decode(&mut rest)? {
                let method = (frame.kind == FrameKind::Method).then(|| frame.payload.to_vec());
                let used = self.input.len() - rest.len();
                self.input.advance(used);
                if let Some(method) = method {
                    return Ok(method);
                }
                continue;
            }
            let mut scratch = [0; 16 * 1024];
            let count = self
                .stream
                .read(&mut scratch)
                .context("wait for an answer")?;
            ensure!(count > 0, "the broker closed the connection");
            self.input.extend_from_slice(&scratch[..count]);
        }
    }
}
