//! Peers that take nothing or little, on a clock that jumps to whatever is due next.

use std::net::{IpAddr, Ipv4Addr};

use broker_core::access::PasswordHash;
use broker_core::broker::{Broker, BrokerConfig};
use broker_core::definitions::{Expect, PasswordChange, PermissionSpec, UserUpdate};
use broker_core::journal::{SimDisk, Turn, Writer};
use tokio::io::DuplexStream;
use tokio::task::JoinHandle;
use wire::amqp091::*;

use super::*;
use crate::server::{Deadlines, Options};

/// What the connection holds for a peer before it makes the broker wait.
const PIPE_BYTES: usize = 4096;

/// Of the password `guest`, at the least cost there is.
const GUEST: &str = "$argon2id$v=19$m=8,t=1,p=1$vyPpraUDm/IJ71U0ra3BJg$\
                     7XGj/QjFn9nW59YdFUoV0mfifg8zcDl42LYm/C/4r4Y";

struct Peer {
    stream: DuplexStream,
    driver: JoinHandle<io::Result<()>>,
    shared: Arc<Shared>,
    /// When it had said all it says.
    since: Instant,
    _writer: Writer,
}

fn broker() -> (Arc<Broker>, Writer) {
    let disk = Arc::new(SimDisk::new(1));
    let (broker, mut writer) = Broker::open(&BrokerConfig::default(), disk).unwrap();
    let password = Some(PasswordChange::Set(PasswordHash::parse(GUEST).unwrap()));
    let user = UserUpdate {
        password,
        tags: None,
    };
    let admin = broker.admin();
    admin.put_user("guest", user, Expect::Any).unwrap();
    let everything = || ".*".to_owned();
    let permission = PermissionSpec {
        user: "guest".to_owned(),
        vhost: "/".to_owned(),
        configure: everything(),
        write: everything(),
        read: everything(),
    };
    admin.put_permission(&permission, Expect::Any).unwrap();
    while writer.turn().unwrap() != Turn::Idle {
        broker.committed();
    }
    (broker, writer)
}

/// A peer for which far more is waiting than the connection holds, and which says nothing more.
async fn peer(heartbeat: u16, write: Duration) -> Peer {
    let (broker, writer) = broker();
    let deadlines = Deadlines {
        write,
        ..Deadlines::default()
    };
    let options = Options {
        deadlines,
        ..Options::default()
    };
    let shared = Shared::new(broker, options, Brake::default());
    let (mut stream, ours) = tokio::io::duplex(PIPE_BYTES);
    let doorbell = Doorbell::default();
    let session = Session::new(
        Arc::clone(&shared.broker),
        shared.options.amqp091,
        "test".to_owned(),
        Box::new(doorbell.clone()),
    );
    let address = IpAddr::from(Ipv4Addr::LOCALHOST);
    let admission = shared.gate.admit(address).unwrap();
    let login_deadline = Instant::now() + shared.options.deadlines.login;
    let ours = Driver::new(
        ours,
        session,
        doorbell,
        admission,
        Arc::clone(&shared),
        login_deadline,
    );
    let driver = tokio::spawn(ours.run());
    stream.write_all(&script(heartbeat)).await.unwrap();
    Peer {
        stream,
        driver,
        shared,
        since: Instant::now(),
        _writer: writer,
    }
}

/// From the protocol header to messages for oneself.
fn script(heartbeat: u16) -> BytesMut {
    let mut out = BytesMut::from(&PROTOCOL_HEADER[..]);
    let start_ok = ConnectionStartOk {
        mechanism: "PLAIN",
        response: LongStr(b"\0guest\0guest"),
        ..Default::default()
    };
    start_ok.encode(0, &mut out);
    let tune_ok = ConnectionTuneOk {
        channel_max: 1,
        frame_max: 131_072,
        heartbeat,
    };
    tune_ok.encode(0, &mut out);
    let open = ConnectionOpen {
        virtual_host: "/",
        ..Default::default()
    };
    open.encode(0, &mut out);
    ChannelOpen::default().encode(1, &mut out);
    let queue = "q";
    let declare = QueueDeclare {
        queue,
        ..Default::default()
    };
    declare.encode(1, &mut out);
    let consume = BasicConsume {
        queue,
        no_ack: true,
        ..Default::default()
    };
    consume.encode(1, &mut out);
    for _ in 0..4 {
        let publish = BasicPublish {
            routing_key: queue,
            ..Default::default()
        };
        publish.encode(1, &mut out);
        encode_content(1, b"\0\0", &[7; 50_000], 131_072, &mut out);
    }
    out
}

impl Peer {
    /// Bytes that come before nothing more does for a minute.
    async fn reads(&mut self) -> usize {
        let (mut all, mut scratch) = (0, [0; 1024]);
        let minute = Duration::from_secs(60);
        while let Ok(read) = timeout(minute, self.stream.read(&mut scratch)).await {
            match read.unwrap() {
                0 => break,
                count => all += count,
            }
        }
        all
    }

    /// Waits for the connection's end, and says how many seconds it took in all.
    async fn ended_after_s(self) -> u64 {
        self.driver.await.unwrap().unwrap_or(());
        (Instant::now() - self.since).as_secs()
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_nothing_goes_after_two_heartbeats() {
    // The write deadline is shorter, and does not count.
    let peer = peer(10, Duration::from_secs(5)).await;
    let took = peer.ended_after_s().await;
    assert!((20..=20 + LINGER.as_secs()).contains(&took), "{took} s");
}

#[tokio::test(start_paused = true)]
async fn heartbeats_at_the_peers_pleasure_do_not_bind_for_ever() {
    let peer = peer(u16::MAX, Duration::from_secs(180)).await;
    let took = peer.ended_after_s().await;
    assert!((1800..=1800 + LINGER.as_secs()).contains(&took), "{took} s");
}

#[tokio::test(start_paused = true)]
async fn without_heartbeats_the_write_deadline_decides() {
    let peer = peer(0, Duration::from_secs(180)).await;
    let took = peer.ended_after_s().await;
    assert!((180..=180 + LINGER.as_secs()).contains(&took), "{took} s");
}

#[tokio::test(start_paused = true)]
async fn a_slow_peer_that_takes_something_stays() {
    let mut peer = peer(10, Duration::from_secs(5)).await;
    let mut taken = vec![0; 1000];
    for _ in 0..20 {
        sleep(Duration::from_secs(19)).await;
        peer.stream.read_exact(&mut taken).await.unwrap();
        assert!(!peer.driver.is_finished());
    }
    // Until it takes nothing any more.
    peer.since = Instant::now();
    let took = peer.ended_after_s().await;
    assert!((19..=21 + LINGER.as_secs()).contains(&took), "{took} s");
}

#[test]
fn who_fills_its_reads_gets_larger_ones_for_as_long_as_it_does() {
    let after = |reads: &[usize]| {
        reads
            .iter()
            .fold(READ_BYTES, |asked, count| next_read_bytes(asked, *count))
    };
    assert_eq!(after(&[100, 1]), READ_BYTES);
    assert_eq!(after(&[READ_BYTES]), 2 * READ_BYTES);
    let busy = [MOST_READ_BYTES; 10];
    assert_eq!(after(&busy), MOST_READ_BYTES);
    assert_eq!(
        after(&[&busy[..], &[MOST_READ_BYTES / 2]].concat()),
        MOST_READ_BYTES
    );
    assert_eq!(after(&[&busy[..], &[1; 10]].concat()), READ_BYTES);
}

#[tokio::test(start_paused = true)]
async fn who_is_held_back_gets_nothing_until_that_is_over() {
    let mut peer = peer(0, Duration::from_secs(1000)).await;
    peer.stream.read_exact(&mut [0; 10_000]).await.unwrap();
    peer.shared.brake.set(Flow::Paused);
    assert!(peer.reads().await <= 2 * PIPE_BYTES, "what was in the pipe");
    assert_eq!(peer.reads().await, 0);
    peer.shared.brake.set(Flow::On);
    assert!(peer.reads().await > 150_000);
}

#[tokio::test(start_paused = true)]
async fn while_draining_answers_go_out_and_nothing_is_read() {
    let mut peer = peer(0, Duration::from_secs(1000)).await;
    peer.stream.read_exact(&mut [0; 10_000]).await.unwrap();
    peer.shared.brake.set(Flow::Draining);
    let mut close = BytesMut::new();
    ChannelClose::default().encode(1, &mut close);
    peer.stream.write_all(&close).await.unwrap();
    assert!(peer.reads().await > 150_000);
    assert!(peer.shared.brake.sent() > 0);
    peer.shared.brake.set(Flow::On);
    assert_eq!(
        peer.reads().await,
        12,
        "the answer to what it said meanwhile"
    );
}

#[tokio::test(start_paused = true)]
async fn who_is_held_back_with_half_a_frame_is_cut_off() {
    let mut peer = peer(0, Duration::from_secs(1000)).await;
    peer.stream.read_exact(&mut [0; 10_000]).await.unwrap();
    peer.shared.brake.set(Flow::Paused);
    peer.reads().await;
    peer.shared.stop.cancel();
    let ended = peer.driver.await.unwrap();
    assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::ConnectionAborted);
}
