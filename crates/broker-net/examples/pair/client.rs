//! A client of AMQP 0-9-1 that can wait.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use wire::amqp091::*;

use crate::Result;

pub(crate) const FRAME_MAX: u32 = 131_072;

/// A connection with one channel.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    input: BytesMut,
    output: BytesMut,
}

impl Client {
    pub(crate) fn open(port: u16) -> Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
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

    /// Sends a method and takes the answer.
    pub(crate) fn call<'m>(&mut self, method: impl Into<Method<'m>>) -> Result<()> {
        method.into().encode(1, &mut self.output);
        self.flush()?;
        self.next(|_| Ok(()))
    }

    /// A queue that outlives the broker.
    pub(crate) fn declare(&mut self, queue: &str) -> Result<()> {
        self.call(QueueDeclare {
            queue,
            durable: true,
            ..Default::default()
        })
    }

    /// Adds a persistent message to what is to be sent.
    pub(crate) fn publish(&mut self, queue: &str, body: &[u8]) {
        let publish = BasicPublish {
            routing_key: queue,
            ..Default::default()
        };
        publish.encode(1, &mut self.output);
        encode_content(1, b"\x10\0\x02", body, FRAME_MAX, &mut self.output);
    }

    /// Up to which of the messages is confirmed now.
    pub(crate) fn confirmed(&mut self) -> Result<u64> {
        self.next(|method| match method {
            Method::BasicAck(ack) => Ok(ack.delivery_tag),
            other => Err(format!("{other:?}").into()),
        })
    }

    pub(crate) fn flush(&mut self) -> Result<()> {
        self.stream.write_all(&self.output)?;
        self.output.clear();
        Ok(())
    }

    /// Takes the next method.
    pub(crate) fn next<T>(&mut self, take: impl FnOnce(Method<'_>) -> Result<T>) -> Result<T> {
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
