//! How a [`Client`](crate::Client) reaches its agent, and what it remembers of a failed attempt.
//!
//! The HTTP/2 layer above forgets the type of what went wrong below it, and a TLS 1.3 server
//! refuses a client's certificate only after the handshake is over for the client. So the
//! [`Link`] notes the cause at the place where it is still known, and the client asks it; and a
//! connection counts as made only when the agent has said its first word over it. Without that
//! the layer above would take a refused connection for one that broke, and connect again, until
//! the call runs out of time.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{CertificateError, ClientConfig};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, BufReader, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::Address;

/// The agent's first words are read before anyone asks for them, and kept.
type Stream = BufReader<TlsStream<TcpStream>>;

/// Time for name resolution, TCP, TLS and the agent's first word together.
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);

/// The way to one agent. Connects any number of times; remembers the latest failure.
#[derive(Debug)]
pub(crate) struct Link {
    address: Address,
    tls: Arc<ClientConfig>,
    /// Why the latest connection could not be made or broke. Held for a copy only.
    trouble: Mutex<Option<Trouble>>,
}

/// Why there is no connection.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Trouble {
    /// The agent refused our certificate.
    #[error("{0}")]
    Refused(String),
    /// Nothing there, or nothing that speaks TLS.
    #[error("{0}")]
    Unreachable(String),
    /// The other side is not certified by our authority, or not under this name.
    #[error("{0}")]
    Untrusted(String),
}

impl Link {
    pub(crate) fn new(address: Address, tls: ClientConfig) -> Self {
        Self {
            address,
            tls: Arc::new(tls),
            trouble: Mutex::new(None),
        }
    }

    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    pub(crate) fn trouble(&self) -> Option<Trouble> {
        self.trouble
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// One attempt, within [`CONNECT_DEADLINE`].
    pub(crate) async fn connect(self: Arc<Self>) -> Result<TokioIo<Connection>, Trouble> {
        self.note(None);
        let attempt = tokio::time::timeout(CONNECT_DEADLINE, self.attempt()).await;
        let result = attempt.unwrap_or_else(|_| {
            let seconds = CONNECT_DEADLINE.as_secs();
            Err(Trouble::Unreachable(format!(
                "no connection within {seconds} s"
            )))
        });
        match result {
            Ok(stream) => Ok(TokioIo::new(Connection { stream, link: self })),
            Err(trouble) => {
                self.note(Some(trouble.clone()));
                Err(trouble)
            }
        }
    }

    async fn attempt(&self) -> Result<Stream, Trouble> {
        let Address { host, port } = &self.address;
        let name = ServerName::try_from(host.clone())
            .map_err(|error| Trouble::Unreachable(error.to_string()))?;
        let socket = TcpStream::connect((host.as_str(), *port))
            .await
            .map_err(|error| Trouble::Unreachable(error.to_string()))?;
        // Requests are small and somebody waits for each of them.
        socket
            .set_nodelay(true)
            .map_err(|error| Trouble::Unreachable(error.to_string()))?;
        let connector = TlsConnector::from(Arc::clone(&self.tls));
        let stream = connector
            .connect(name, socket)
            .await
            .map_err(|error| diagnose(&error))?;
        let mut stream = BufReader::new(stream);
        // An HTTP/2 server sends its settings unasked. What it says is left for the layer above.
        match stream.fill_buf().await {
            Ok([]) => Err(Trouble::Unreachable(
                "it closed the connection without a word".to_owned(),
            )),
            Ok(_) => Ok(stream),
            Err(error) => Err(diagnose(&error)),
        }
    }

    fn note(&self, trouble: Option<Trouble>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }
}

/// Tells whose fault a TLS error is.
fn diagnose(error: &io::Error) -> Trouble {
    let inner = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        Some(rustls::Error::InvalidCertificate(cause)) => Trouble::Untrusted(blame(cause)),
        Some(rustls::Error::AlertReceived(alert)) => Trouble::Refused(format!("{alert:?}")),
        Some(other) => Trouble::Unreachable(format!("it does not speak TLS 1.3 ({other})")),
        None => Trouble::Unreachable(error.to_string()),
    }
}

/// What is wrong with the agent's certificate, in a person's words.
fn blame(cause: &CertificateError) -> String {
    match cause {
        // Two authorities of one name: the chain looks right and only the signature differs.
        CertificateError::BadSignature | CertificateError::UnknownIssuer => {
            "its certificate is not signed by the given CA".to_owned()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            format!("its certificate has expired ({cause})")
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            format!("its certificate is for another host ({cause})")
        }
        other => other.to_string(),
    }
}

/// A connected stream that notes why it breaks.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: Stream,
    link: Arc<Link>,
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        if let Poll::Ready(Err(error)) = &polled {
            self.link.note(Some(diagnose(error)));
        }
        polled
    }
}

impl AsyncWrite for Connection {
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
