//! The go-plugin side of a provider: everything between `exec` and the provider
//! service itself.
//!
//! Terraform starts the program with a cookie, the protocol versions it speaks and
//! a client certificate in the environment ([`handshake`]). The program binds a
//! Unix socket in a directory only it can enter ([`listener`]), makes a certificate
//! of its own that lives as long as the process, demands exactly the announced
//! client certificate in return ([`tls`]), and prints one line to stdout that says
//! where it listens. Over the connections Terraform then opens run the provider's
//! service and the four that go-plugin expects beside it ([`services`]). The process
//! ends when it is told to, or when nobody is left to serve ([`lifecycle`]).
//!
//! What is printed afterwards reaches the client's log ([`stdio`]). Under a debugger nobody
//! has started the process: it says by itself where it listens ([`reattach`]), without TLS,
//! and ends when it is told to by a signal.
//!
//! What is deliberately absent: TCP and Windows, go-plugin's socket group and its
//! multiplexing.

use std::io::{self, Write};
use std::path::PathBuf;

use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::proto::tfplugin6::provider_server::Provider;
use crate::serve::ServeOptions;

pub mod guard;
mod handshake;
mod lifecycle;
mod listener;
mod reattach;
mod services;
mod stdio;
mod stop;
mod tls;

pub(crate) use handshake::Client;
use lifecycle::Lifecycle;
pub(crate) use lifecycle::Parent;
use listener::Socket;
use stdio::Printed;
pub use stop::StopToken;
use tls::Security;

/// Why a provider could not be served. The text is for the person who started it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// The fresh server certificate could not be made.
    #[error("cannot make the certificate of this process: {0}")]
    Certificate(rcgen::Error),
    /// The client announced something that is not one PEM certificate.
    #[error("PLUGIN_CLIENT_CERT must hold exactly one certificate in PEM form: {0}")]
    ClientCertificate(String),
    /// Stdout was closed, so nobody can learn where we listen.
    #[error("cannot write the handshake line to stdout: {0}")]
    Handshake(io::Error),
    /// The cookie is missing: a person started the program, not Terraform.
    #[error(
        "This program is a Terraform provider. Terraform starts it when a configuration needs \
         it; started by hand it does nothing. Name it in a required_providers block and run \
         `terraform init`."
    )]
    NotStartedByTerraform,
    /// The tokio runtime could not start.
    #[error("cannot start the runtime: {0}")]
    Runtime(io::Error),
    /// The gRPC server failed.
    #[error("cannot serve: {0}")]
    Server(tonic::transport::Error),
    /// Signal handlers could not be installed.
    #[error("cannot handle signals: {0}")]
    Signals(io::Error),
    /// Stdout could not be taken over after the handshake.
    #[error("cannot capture what is printed: {0}")]
    Stdout(io::Error),
    /// The socket or its directory could not be made.
    #[error("cannot listen on a socket in {}: {source}", directory.display())]
    Socket {
        /// The directory that was to hold it.
        directory: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// rustls refused the key, the certificate or the versions.
    #[error("cannot set up TLS: {0}")]
    Tls(rustls::Error),
    /// The client speaks no version that we speak.
    #[error(
        "this provider speaks plugin protocol 6, which Terraform has from version 1.0 on; \
         the program that started it speaks only {offered}"
    )]
    UnsupportedProtocol {
        /// The versions of the client, as it wrote them.
        offered: String,
    },
}

/// Serves one client until the end.
pub(crate) async fn run<P: Provider>(
    provider: P,
    client: &Client,
    options: &ServeOptions,
    parent: Option<Parent>,
) -> Result<(), TransportError> {
    // Signals first: from the handshake on, Terraform's Ctrl-C reaches us as well.
    let lifecycle = Lifecycle::begin(parent).map_err(TransportError::Signals)?;
    // Lives to the end of this function and takes the socket file with it.
    let socket = Socket::bind(&client.socket_parent)?;
    let security = Security::towards(client.certificate.as_ref())?;
    let line = match options.debug {
        true => reattach::instructions(options.source, socket.path()),
        false => client.handshake_line(socket.path(), security.own_certificate()),
    };
    announce(&line).map_err(TransportError::Handshake)?;
    let printed = match options.debug {
        true => Printed::default(),
        false => Printed::capture().map_err(TransportError::Stdout)?,
    };

    let shutdown = CancellationToken::new();
    let (connections, open) = listener::accept(&socket, security, &shutdown);
    let server = services::router(provider, options.message_limit_bytes, printed, &shutdown)
        .serve_with_incoming_shutdown(connections, shutdown.clone().cancelled_owned());
    tokio::pin!(server);

    let end = tokio::select! {
        served = &mut server => return served.map_err(TransportError::Server),
        end = lifecycle.end(&shutdown, open, options.unused_timeout) => end,
    };
    tracing::debug!(reason = ?end, "ending");
    // What still waits has until the end of the drain to answer.
    options.stop.stop();
    shutdown.cancel();
    match timeout(end.drain(), server).await {
        Ok(served) => served.map_err(TransportError::Server),
        Err(_) => {
            tracing::warn!(reason = ?end, "ended with calls still open");
            Ok(())
        }
    }
}

/// Prints what tells the client where we listen, the one thing that may ever go to stdout.
fn announce(line: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{line}")?;
    stdout.flush()
}
