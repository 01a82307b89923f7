//! A TCP proxy that makes a link slow, or breaks its connections: the kernel at hand may not be able
//! to (`netem`), and this is the same on every machine.
//!
//! Each connection has two directions; each piece of bytes is passed on when its delay is over. What
//! cuts a link for good, in one direction or both, is the packet filter ([`crate::stage::lab`]):
//! a proxy answers for its target, a cut cable does not.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};

/// Longest wait for the target to take a connection.
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);

/// Pieces under way in each direction of a connection.
const PIECES: usize = 256;

/// Bytes of a piece.
const PIECE_BYTES: usize = 32 * 1024;

/// A port that leads to another one. Dropping it breaks its connections.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    source: IpAddr,
    target: SocketAddr,
    delay_us: AtomicU64,
    /// Goes up when all connections are to break.
    broken: watch::Sender<u64>,
}

impl Proxy {
    /// Listens on `address` and connects to `target` from the address `source`, of any port. Must be
    /// called within a runtime.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn start(address: SocketAddr, source: IpAddr, target: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("listen on {address} for {target}"))?;
        let shared = Arc::new(Shared {
            source,
            target,
            delay_us: AtomicU64::new(0),
            broken: watch::channel(0).0,
        });
        let address = listener.local_addr()?;
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self {
            address,
            shared,
            accepting,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on bytes take so much longer, in each direction.
    pub fn delay(&self, delay: Duration) {
        let micros = u64::try_from(delay.as_micros()).unwrap_or(u64::MAX);
        self.shared.delay_us.store(micros, Ordering::Relaxed);
    }

    /// Breaks all connections, without a word to either side.
    pub fn break_connections(&self) {
        self.shared.broken.send_modify(|times| *times += 1);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.break_connections();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    // An error of `accept` concerns one caller, who is gone.
    loop {
        if let Ok((near, _)) = listener.accept().await {
            let shared = Arc::clone(&shared);
            tokio::spawn(async move {
                let mut broken = shared.broken.subscribe();
                tokio::select! {
                    _ = broken.changed() => {}
                    () = join(near, &shared) => {}
                }
            });
        }
    }
}

/// Passes bytes both ways until both directions are through.
async fn join(near: TcpStream, shared: &Arc<Shared>) {
    // Who cannot be reached is what the caller sees: its connection ends.
    let Ok(Ok(far)) = timeout(CONNECT_DEADLINE, connect(shared)).await else {
        return;
    };
    // Delays would be the proxy's own.
    let _ = (near.set_nodelay(true), far.set_nodelay(true));
    let (near_in, near_out) = near.into_split();
    let (far_in, far_out) = far.into_split();
    tokio::join!(
        pass(near_in, far_out, shared),
        pass(far_in, near_out, shared)
    );
}

async fn connect(shared: &Shared) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::new(shared.source, 0))?;
    socket.connect(shared.target).await
}

async fn pass(mut from: OwnedReadHalf, to: OwnedWriteHalf, shared: &Arc<Shared>) {
    let (sender, receiver) = mpsc::channel::<(Instant, Vec<u8>)>(PIECES);
    let reading = async {
        loop {
            let mut piece = Vec::with_capacity(PIECE_BYTES);
            match from.read_buf(&mut piece).await {
                Ok(count) if count > 0 => {}
                _ => break,
            }
            let delay = Duration::from_micros(shared.delay_us.load(Ordering::Relaxed));
            if sender.send((Instant::now() + delay, piece)).await.is_err() {
                break;
            }
        }
        // The other side hears of the end when all before it is written.
        drop(sender);
    };
    tokio::join!(reading, write(receiver, to));
}

async fn write(mut pieces: mpsc::Receiver<(Instant, Vec<u8>)>, mut to: OwnedWriteHalf) {
    while let Some((due, piece)) = pieces.recv().await {
        sleep_until(due).await;
        if to.write_all(&piece).await.is_err() {
            return;
        }
    }
    // An end that hung up already is what we want.
    let _ = to.shutdown().await;
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const ANY: (IpAddr, u16) = (IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

    /// A proxy with both ends of one connection through it.
    async fn joined() -> Result<(Proxy, TcpStream, TcpStream)> {
        let target = TcpListener::bind(ANY).await?;
        let proxy = Proxy::start(ANY.into(), ANY.0, target.local_addr()?).await?;
        let near = TcpStream::connect(proxy.address()).await?;
        let (far, _) = target.accept().await?;
        Ok((proxy, near, far))
    }

    #[tokio::test]
    async fn bytes_pass_both_ways_and_the_end_behind_them() -> Result<()> {
        let (_proxy, mut near, mut far) = joined().await?;
        near.write_all(b"question").await?;
        near.shutdown().await?;
        let mut all = Vec::new();
        far.read_to_end(&mut all).await?;
        assert_eq!(all, b"question");
        far.write_all(b"answer").await?;
        drop(far);
        all.clear();
        near.read_to_end(&mut all).await?;
        assert_eq!(all, b"answer");
        Ok(())
    }

    #[tokio::test]
    async fn delayed_bytes_take_their_time() -> Result<()> {
        let (proxy, mut near, mut far) = joined().await?;
        proxy.delay(Duration::from_millis(60));
        let start = Instant::now();
        near.write_all(b"x").await?;
        far.read_u8().await?;
        assert!(start.elapsed() >= Duration::from_millis(60));
        Ok(())
    }

    #[tokio::test]
    async fn broken_connections_end_on_both_sides_and_new_ones_work() -> Result<()> {
        let (proxy, mut near, mut far) = joined().await?;
        proxy.break_connections();
        // An end or a reset: both say that it is over.
        assert!(near.read_u8().await.is_err());
        assert!(far.read_u8().await.is_err());
        assert!(TcpStream::connect(proxy.address()).await.is_ok());
        Ok(())
    }
}
