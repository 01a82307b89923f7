//! Accepting connections for the agent's own interfaces: a bounded number at a time, each shaking
//! hands by itself and within a deadline, so that a slow or hostile peer keeps nobody waiting.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use broker_net::UserFrom;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::server::Connected;
use tracing::{debug, warn};

/// Longest handshake.
const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(10);

/// Pause after the system refused to give us a connection, mostly for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A connection whose handshake is done.
#[derive(Debug)]
pub(crate) struct Accepted<S> {
    /// What to read from and write to.
    pub stream: S,
    /// Who is at the other end.
    pub peer: SocketAddr,
    /// Gives the place to the next connection when this one is gone.
    _place: OwnedSemaphorePermit,
}

/// Accepts until the token fires, at most `limit` connections at a time.
pub(crate) fn accept<S, F>(
    listener: TcpListener,
    limit: usize,
    stopping: CancellationToken,
    handshake: impl Fn(TcpStream) -> F + Send + 'static,
) -> mpsc::Receiver<Accepted<S>>
where
    S: Send + 'static,
    F: Future<Output = io::Result<S>> + Send + 'static,
{
    let (accepted, connections) = mpsc::channel(1);
    let places = Arc::new(Semaphore::new(limit));
    let accepting = async move {
        while let Ok(place) = Arc::clone(&places).acquire_owned().await {
            let (socket, peer) = match listener.accept().await {
                Ok(socket) => socket,
                Err(cause) => {
                    warn!(%cause, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            // Answers are small and somebody waits for each of them; failing costs only time.
            let _ = socket.set_nodelay(true);
            let (shaking, accepted) = (handshake(socket), accepted.clone());
            tokio::spawn(async move {
                match tokio::time::timeout(HANDSHAKE_DEADLINE, shaking).await {
                    Ok(Ok(stream)) => {
                        // A receiver that is gone is an interface that is stopping.
                        let _ = accepted
                            .send(Accepted {
                                stream,
                                peer,
                                _place: place,
                            })
                            .await;
                    }
                    Ok(Err(cause)) => debug!(%peer, %cause, "handshake failed"),
                    Err(_) => debug!(%peer, "handshake took too long"),
                }
            });
        }
    };
    tokio::spawn(async move { stopping.run_until_cancelled(accepting).await });
    connections
}

/// Who calls.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// What its certificate calls it.
    pub name: Arc<str>,
    /// Where it is.
    pub peer: SocketAddr,
}

impl Connected for Accepted<TlsStream<TcpStream>> {
    type ConnectInfo = Caller;

    fn connect_info(&self) -> Caller {
        let (_, session) = self.stream.get_ref();
        let certificate = session.peer_certificates().and_then(|chain| chain.first());
        let name =
            certificate.and_then(|certificate| UserFrom::DistinguishedName.user(certificate));
        Caller {
            name: name.unwrap_or_default().into(),
            peer: self.peer,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Accepted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Accepted<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
