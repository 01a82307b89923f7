//! A server to test against, and a client for it.

use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use broker_core::access::PasswordHash;
use broker_core::broker::{Broker, BrokerConfig};
use broker_core::definitions::{Expect, PasswordChange, PermissionSpec, UserUpdate};
use broker_core::journal::{Disk, FileDisk, Options as JournalOptions, SimDisk, Writer};
use broker_net::{ListenerConfig, Options, Protocol, Server};
use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use wire::amqp091::*;

/// No step of a test takes as long on any machine, unless something hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Of the password `guest`, at the least cost there is: the tests log in a few thousand times.
const GUEST: &str = "$argon2id$v=19$m=8,t=1,p=1$vyPpraUDm/IJ71U0ra3BJg$\
                     7XGj/QjFn9nW59YdFUoV0mfifg8zcDl42LYm/C/4r4Y";

/// Where a test server shall listen.
pub(crate) const LOOPBACK: ListenerConfig = ListenerConfig {
    protocol: Protocol::Amqp,
    address: SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0),
    tls: None,
};

/// Runs a test that must not hang.
pub(crate) async fn in_time<T>(what: impl Future<Output = T>) -> T {
    timeout(PATIENCE, what)
        .await
        .expect("the test should not hang")
}

/// A server that keeps its journal in memory.
pub(crate) async fn server(options: Options) -> Server {
    server_over(Arc::new(SimDisk::new(7)), options).await
}

/// A server over a disk of its test's own.
pub(crate) async fn server_over(disk: Arc<dyn Disk>, options: Options) -> Server {
    let journal = JournalOptions {
        segment_bytes: 4 << 20,
        batch_bytes: 1 << 20,
        ..Default::default()
    };
    let config = BrokerConfig {
        journal,
        ..Default::default()
    };
    let (broker, writer) = Broker::open(&config, disk).unwrap();
    add_guest(&broker);
    Server::start_with(broker, writer, vec![LOOPBACK], options)
        .await
        .unwrap()
}

/// A server that keeps its journal in a directory.
pub(crate) async fn server_on_disk(directory: &Path) -> Server {
    let (broker, writer) = broker_on_disk(directory);
    add_guest(&broker);
    Server::start(broker, writer, vec![LOOPBACK]).await.unwrap()
}

/// A broker that keeps its journal in a directory, on a disk that may be nearly full.
pub(crate) fn broker_on_disk(directory: &Path) -> (Arc<Broker>, Writer) {
    let journal = JournalOptions {
        keep_free_bytes: Some(0),
        ..Default::default()
    };
    let config = BrokerConfig {
        journal,
        ..Default::default()
    };
    Broker::open(&config, FileDisk::open(directory).unwrap()).unwrap()
}

pub(crate) fn address(server: &Server) -> SocketAddr {
    server.endpoints()[0].address
}

pub(crate) fn add_guest(broker: &Arc<Broker>) {
    let admin = broker.admin();
    let password = Some(PasswordChange::Set(PasswordHash::parse(GUEST).unwrap()));
    admin
        .put_user(
            "guest",
            UserUpdate {
                password,
                tags: None,
            },
            Expect::Any,
        )
        .unwrap();
    let everything = || ".*".to_owned();
    let permission = PermissionSpec {
        user: "guest".to_owned(),
        vhost: "/".to_owned(),
        configure: everything(),
        write: everything(),
        read: everything(),
    };
    admin.put_permission(&permission, Expect::Any).unwrap();
}

/// One client connection with channel 1 open.
pub(crate) struct Client<S> {
    pub(crate) stream: S,
    input: BytesMut,
    /// Filled by hand or by [`Client::queue`], sent by [`Client::flush`].
    pub(crate) output: BytesMut,
}

pub(crate) struct OwnedFrame {
    pub(crate) kind: FrameKind,
    pub(crate) payload: Vec<u8>,
}

impl Client<TcpStream> {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self::open(TcpStream::connect(address).await.unwrap()).await
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    /// A client that has said nothing yet.
    pub(crate) fn new(stream: S) -> Self {
        Self {
            stream,
            input: BytesMut::new(),
            output: BytesMut::new(),
        }
    }

    /// Logs in as guest and opens channel 1.
    pub(crate) async fn open(stream: S) -> Self {
        let mut client = Self::new(stream);
        client.output.extend_from_slice(&PROTOCOL_HEADER);
        client.flush().await;
        client.expect("connection.start").await;
        let start_ok = ConnectionStartOk {
            mechanism: "PLAIN",
            response: LongStr(b"\0guest\0guest"),
            ..Default::default()
        };
        client.call(0, start_ok, "connection.tune").await;
        let tune = ConnectionTuneOk {
            channel_max: 100,
            frame_max: 131_072,
            heartbeat: 0,
        };
        tune.encode(0, &mut client.output);
        let open = ConnectionOpen {
            virtual_host: "/",
            ..Default::default()
        };
        client.call(0, open, "connection.open-ok").await;
        client
            .call(1, ChannelOpen::default(), "channel.open-ok")
            .await;
        client
    }

    /// Sends what is in the output.
    pub(crate) async fn flush(&mut self) {
        in_time(self.stream.write_all_buf(&mut self.output))
            .await
            .unwrap();
        in_time(self.stream.flush()).await.unwrap();
    }

    /// Sends a method and expects an answer by name.
    pub(crate) async fn call<'m>(
        &mut self,
        channel: u16,
        method: impl Into<Method<'m>>,
        answer: &str,
    ) {
        method.into().encode(channel, &mut self.output);
        self.flush().await;
        self.expect(answer).await;
    }

    pub(crate) async fn expect(&mut self, name: &str) {
        self.method(|method| assert_eq!(method.name(), name, "{method:?}"))
            .await;
    }

    /// Takes the next frame, a method, through `read`.
    pub(crate) async fn method<T>(&mut self, read: impl FnOnce(Method<'_>) -> T) -> T {
        let frame = self.frame().await.expect("a frame before the end");
        assert_eq!(frame.kind, FrameKind::Method);
        read(Method::decode(&frame.payload).unwrap())
    }

    /// Takes the next frame; `None` is the end.
    pub(crate) async fn frame(&mut self) -> Option<OwnedFrame> {
        loop {
            let mut rest = &self.input[..];
            let frame = Decoder {
                frame_max: u32::MAX,
            }
            .decode(&mut rest)
            .unwrap();
            if let Some(frame) = frame {
                let owned = OwnedFrame {
                    kind: frame.kind,
                    payload: frame.payload.to_vec(),
                };
                let taken = self.input.len() - rest.len();
                self.input.advance(taken);
                return Some(owned);
            }
            if in_time(self.stream.read_buf(&mut self.input))
                .await
                .unwrap()
                == 0
            {
                return None;
            }
        }
    }

    /// Takes header and body frames of a message.
    pub(crate) async fn body(&mut self) -> Vec<u8> {
        let header = self.frame().await.unwrap();
        assert_eq!(header.kind, FrameKind::Header);
        let size = ContentHeader::decode(&header.payload).unwrap().body_size;
        let mut body = Vec::new();
        while (body.len() as u64) < size {
            body.extend_from_slice(&self.frame().await.unwrap().payload);
        }
        body
    }

    /// Appends a publish to `queue` through the default exchange.
    pub(crate) fn publish(&mut self, queue: &str, body: &[u8], persistent: bool) {
        BasicPublish {
            routing_key: queue,
            ..Default::default()
        }
        .encode(1, &mut self.output);
        let properties: &[u8] = if persistent { b"\x10\0\x02" } else { b"\0\0" };
        encode_content(1, properties, body, 131_072, &mut self.output);
    }

    pub(crate) async fn declare(&mut self, queue: &str, durable: bool) {
        let declare = QueueDeclare {
            queue,
            durable,
            ..Default::default()
        };
        self.call(1, declare, "queue.declare-ok").await;
    }

    /// Messages ready in a queue.
    pub(crate) async fn ready(&mut self, queue: &str) -> u32 {
        QueueDeclare {
            queue,
            passive: true,
            ..Default::default()
        }
        .encode(1, &mut self.output);
        self.flush().await;
        self.method(|method| match method {
            Method::QueueDeclareOk(ok) => ok.message_count,
            other => panic!("{other:?}"),
        })
        .await
    }

    pub(crate) async fn select_confirms(&mut self) {
        self.call(1, ConfirmSelect::default(), "confirm.select-ok")
            .await;
    }

    /// Waits until all publishes up to this one are confirmed.
    pub(crate) async fn confirmed(&mut self, through: u64) {
        let mut last = 0;
        while last < through {
            last = self
                .method(|method| match method {
                    Method::BasicAck(ack) => ack.delivery_tag,
                    other => panic!("{other:?}"),
                })
                .await;
        }
        assert_eq!(last, through);
    }

    pub(crate) async fn close(mut self) {
        self.call(0, ConnectionClose::default(), "connection.close-ok")
            .await;
        assert!(self.frame().await.is_none());
    }
}
