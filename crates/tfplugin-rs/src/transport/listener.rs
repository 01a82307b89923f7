//! The socket, and the task that turns what arrives there into connections.

use std::fs::{self, Permissions};
use std::io::{self, IoSlice};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::server::Connected;

use super::TransportError;
use super::tls::Security;

/// A local peer that has not finished its TLS handshake by then is hung up on.
const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(10);

/// A Unix socket in a directory of its own; dropping it removes both.
pub(crate) struct Socket {
    listener: Arc<UnixListener>,
    path: PathBuf,
    _directory: TempDir,
}

impl Socket {
    /// Makes a directory (0700) below `parent` and in it the socket (0600).
    ///
    /// The directory is what keeps others out: some systems ignore a socket's own
    /// mode, and between `bind` and `chmod` there is a moment of the wrong one.
    pub(crate) fn bind(parent: &Path) -> Result<Self, TransportError> {
        let bind = || {
            let directory = tempfile::Builder::new()
                .prefix("tfplugin-")
                .permissions(Permissions::from_mode(0o700))
                .tempdir_in(parent)?;
            let path = directory.path().join("socket");
            let listener = Arc::new(UnixListener::bind(&path)?);
            fs::set_permissions(&path, Permissions::from_mode(0o600))?;
            Ok(Self {
                listener,
                path,
                _directory: directory,
            })
        };
        bind().map_err(|source| TransportError::Socket {
            directory: parent.to_owned(),
            source,
        })
    }

    /// Where clients connect.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// Accepts on `socket` until `shutdown`. Gives the connections that got through the
/// handshake, and how many of them are open.
///
/// Each handshake runs in a task of its own, so that a silent peer holds up nobody.
pub(crate) fn accept(
    socket: &Socket,
    security: Security,
    shutdown: &CancellationToken,
) -> (
    ReceiverStream<io::Result<Connection>>,
    watch::Receiver<usize>,
) {
    let listener = Arc::clone(&socket.listener);
    let (ready, connections) = mpsc::channel(16);
    let (open, watcher) = watch::channel(0);
    let open = Arc::new(open);
    let accepting = async move {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    let (security, ready) = (security.clone(), ready.clone());
                    tokio::spawn(welcome(stream, security, Arc::clone(&open), ready));
                }
                Err(error) => {
                    // Out of file descriptors, most likely: let some close.
                    tracing::warn!(%error, "cannot accept a connection");
                    sleep(Duration::from_millis(100)).await;
                }
            }
        }
    };
    let shutdown = shutdown.clone();
    tokio::spawn(async move {
        shutdown
            .run_until_cancelled_owned(accepting)
            .await
            .unwrap_or(())
    });
    (ReceiverStream::new(connections), watcher)
}

async fn welcome(
    stream: UnixStream,
    security: Security,
    open: Arc<watch::Sender<usize>>,
    ready: mpsc::Sender<io::Result<Connection>>,
) {
    match timeout(HANDSHAKE_DEADLINE, security.accept(stream)).await {
        Ok(Ok(transfer)) => {
            let connection = Connection {
                transfer,
                _open: Open::count(open),
            };
            // Fails only when the server is gone, and the connection then goes too.
            ready.send(Ok(connection)).await.ok();
        }
        Ok(Err(error)) => tracing::warn!(%error, "refused a connection"),
        Err(_) => tracing::warn!("hung up on a connection without a handshake"),
    }
}

/// What both kinds of stream can do.
pub(crate) trait Transfer: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Transfer for T {}

/// An authenticated connection, counted as open while it lives.
pub(crate) struct Connection {
    transfer: Box<dyn Transfer>,
    _open: Open,
}

/// One unit in the count of open connections.
struct Open(Arc<watch::Sender<usize>>);

impl Open {
    fn count(open: Arc<watch::Sender<usize>>) -> Self {
        open.send_modify(|count| *count += 1);
        Self(open)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

impl Connected for Connection {
    type ConnectInfo = ();

    fn connect_info(&self) {}
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.transfer).poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.transfer).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.transfer).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.transfer.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.transfer).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.transfer).poll_shutdown(cx)
    }
}
