//! One accepted connection: TLS first, then its session.

use std::net::SocketAddr;
use std::sync::Arc;

use broker_core::session::amqp091::Session;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsAcceptor;

use crate::admission::Admission;
use crate::doorbell::Doorbell;
use crate::driver::Driver;
use crate::server::Shared;

/// Serves a connection to its end.
pub(crate) async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    tls: Option<Arc<rustls::ServerConfig>>,
    admission: Admission,
    shared: Arc<Shared>,
) {
    let login_deadline = Instant::now() + shared.options.deadlines.login;
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%peer, %error, "cannot set TCP_NODELAY");
    }
    let doorbell = Doorbell::default();
    let session = Session::new(
        Arc::clone(&shared.broker),
        shared.options.amqp091,
        peer.to_string(),
        Box::new(doorbell.clone()),
    );
    let Some(config) = tls else {
        let driver = Driver::new(stream, session, doorbell, admission, shared, login_deadline);
        return report(peer, driver.run().await);
    };
    let handshake = TlsAcceptor::from(config).accept(stream);
    let accepted = tokio::select! {
        biased;
        () = shared.stop.cancelled() => return,
        accepted = timeout(shared.options.deadlines.tls, handshake) => accepted,
    };
    match accepted {
        Ok(Ok(stream)) => {
            // On the heap: a TLS stream makes a large future, which plain ones need not carry.
            let driver = Driver::new(stream, session, doorbell, admission, shared, login_deadline);
            report(peer, Box::pin(driver.run()).await);
        }
        Ok(Err(error)) => tracing::debug!(%peer, %error, "TLS handshake failed"),
        Err(_) => tracing::debug!(%peer, "TLS handshake took too long"),
    }
}

/// A peer that hangs up is not an error.
fn report(peer: SocketAddr, result: std::io::Result<()>) {
    match result {
        Ok(()) => tracing::debug!(%peer, "connection closed"),
        Err(error) => tracing::debug!(%peer, %error, "connection lost"),
    }
}
