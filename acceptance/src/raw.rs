//! A bare AMQP 0-9-1 connection: bytes as a test wants them, right or wrong.
//!
//! It encodes by hand, apart from the product's codec, so that a mistake there cannot hide itself.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

/// What opens an AMQP 0-9-1 connection.
pub const HEADER: &[u8] = b"AMQP\x00\x00\x09\x01";

/// The last octet of every frame.
pub const FRAME_END: u8 = 0xCE;

/// The longest silence of the broker before a test fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// A frame as it came: its type, channel and payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// 1 method, 2 header, 3 body, 8 heartbeat.
    pub kind: u8,
    /// 0 is the connection itself.
    pub channel: u16,
    /// All between the frame's header and its end octet.
    pub payload: Vec<u8>,
}

impl Frame {
    /// Class and method, for a method frame.
    pub fn method(&self) -> Option<(u16, u16)> {
        let [c0, c1, m0, m1] = *self.payload.first_chunk::<4>()?;
        (self.kind == 1).then(|| (u16::from_be_bytes([c0, c1]), u16::from_be_bytes([m0, m1])))
    }

    /// Reply code of `connection.close` or `channel.close`.
    pub fn close_code(&self) -> Option<u16> {
        let closes = matches!(self.method(), Some((10, 50) | (20, 40)));
        let code = self.payload.get(4..6).filter(|_| closes)?;
        Some(u16::from_be_bytes([code[0], code[1]]))
    }
}

/// A frame's bytes.
pub fn frame(kind: u8, channel: u16, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("tests send frames far below 4 GiB");
    let mut bytes = vec![kind];
    bytes.extend(channel.to_be_bytes());
    bytes.extend(length.to_be_bytes());
    bytes.extend(payload);
    bytes.push(FRAME_END);
    bytes
}

/// A method frame's bytes.
pub fn method(channel: u16, class: u16, method: u16, arguments: &[u8]) -> Vec<u8> {
    let mut payload = class.to_be_bytes().to_vec();
    payload.extend(method.to_be_bytes());
    payload.extend(arguments);
    frame(1, channel, &payload)
}

/// A short string.
pub fn short(text: &str) -> Vec<u8> {
    let mut bytes = vec![u8::try_from(text.len()).expect("short strings end at 255 bytes")];
    bytes.extend(text.as_bytes());
    bytes
}

/// A long string, also the frame of a table.
pub fn long(content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).expect("tests send strings far below 4 GiB");
    [&length.to_be_bytes(), content].concat()
}

/// A socket to the broker.
pub struct Raw {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Raw {
    /// Connects and says nothing yet.
    pub fn connect(address: &str) -> Result<Self> {
        let stream = TcpStream::connect(address).with_context(|| format!("connect {address}"))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            received: Vec::new(),
        })
    }

    /// Connects, logs in as guest with these answers to `connection.tune`, and opens `/`.
    pub fn open(address: &str, channel_max: u16, frame_max: u32, heartbeat_s: u16) -> Result<Self> {
        let mut raw = Self::connect(address)?;
        raw.send(HEADER)?;
        raw.expect(10, 10)?;
        raw.send(&start_ok("PLAIN", b"\0guest\0guest"))?;
        raw.expect(10, 30)?;
        let mut tune = channel_max.to_be_bytes().to_vec();
        tune.extend(frame_max.to_be_bytes());
        tune.extend(heartbeat_s.to_be_bytes());
        raw.send(&method(0, 10, 31, &tune))?;
        raw.send(&method(0, 10, 40, &[short("/"), vec![0, 0]].concat()))?;
        raw.expect(10, 41)?;
        Ok(raw)
    }

    /// Opens a channel.
    pub fn open_channel(&mut self, channel: u16) -> Result<()> {
        self.send(&method(channel, 20, 10, &[0]))?;
        self.expect(20, 11)?;
        Ok(())
    }

    /// Writes bytes.
    pub fn send(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream.write_all(bytes).context("write to the broker")
    }

    /// Writes bytes that the broker may be refusing already: a broken pipe is fine.
    pub fn send_anyway(&mut self, bytes: &[u8]) {
        // What the broker thinks of it is in what it sends; the tests look there.
        let _ = self.stream.write_all(bytes);
    }

    /// The next frame but heartbeats, or `None` at the end of the stream.
    pub fn receive(&mut self) -> Result<Option<Frame>> {
        loop {
            match self.cut()? {
                Some(frame) if frame.kind == 8 => {}
                Some(frame) => return Ok(Some(frame)),
                None if self.fill()? == 0 => return Ok(None),
                None => {}
            }
        }
    }

    /// The next frame, which must be this method.
    pub fn expect(&mut self, class: u16, method: u16) -> Result<Frame> {
        let frame = self
            .receive()?
            .context("the broker closed the connection")?;
        ensure!(
            frame.method() == Some((class, method)),
            "expected {class}.{method}, got {frame:?}"
        );
        Ok(frame)
    }

    /// The reply code with which the broker closes the connection, or `None` if it just closes it.
    /// Frames before that are passed over.
    pub fn close_code(&mut self) -> Result<Option<u16>> {
        let mut code = None;
        while let Some(frame) = self.receive()? {
            if frame.method() == Some((10, 50)) {
                code = frame.close_code();
                self.send_anyway(&method(0, 10, 51, &[]));
            }
        }
        Ok(code)
    }

    /// Every byte until the broker closes the connection.
    pub fn read_to_end(&mut self) -> Result<Vec<u8>> {
        while self.fill()? > 0 {}
        Ok(std::mem::take(&mut self.received))
    }

    /// How long the broker takes to close the connection from now on; heartbeats are passed over.
    pub fn closed_after(&mut self) -> Result<Duration> {
        let start = Instant::now();
        while self.receive()?.is_some() {}
        Ok(start.elapsed())
    }

    fn cut(&mut self) -> Result<Option<Frame>> {
        let Some(&[kind, c0, c1, s0, s1, s2, s3]) = self.received.first_chunk::<7>() else {
            return Ok(None);
        };
        let end = 7 + u32::from_be_bytes([s0, s1, s2, s3]) as usize;
        if self.received.len() <= end {
            return Ok(None);
        }
        ensure!(
            self.received[end] == FRAME_END,
            "the broker's frame does not end in 0xCE"
        );
        let payload = self.received[7..end].to_vec();
        self.received.drain(..=end);
        Ok(Some(Frame {
            kind,
            channel: u16::from_be_bytes([c0, c1]),
            payload,
        }))
    }

    /// Reads once; 0 at the end. A reset counts as an end: the broker may close while our bytes
    /// are still on their way.
    fn fill(&mut self) -> Result<usize> {
        let mut buffer = [0; 16 * 1024];
        match self.stream.read(&mut buffer) {
            Ok(count) => {
                self.received.extend(&buffer[..count]);
                Ok(count)
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => Ok(0),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                bail!("the broker neither answered nor closed within {PATIENCE:?}")
            }
            Err(error) => Err(error).context("read from the broker"),
        }
    }
}

/// `connection.start-ok` with this mechanism and response.
pub fn start_ok(mechanism: &str, response: &[u8]) -> Vec<u8> {
    let arguments = [long(b""), short(mechanism), long(response), short("en_US")].concat();
    method(0, 10, 11, &arguments)
}
