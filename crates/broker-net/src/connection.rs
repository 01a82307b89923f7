//! One accepted connection: TLS first, then its session.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use broker_core::broker::{Broker, Peer};
use broker_core::log::{AUDIT, CONNECTION};
use broker_core::session::amqp091::Session;
use rustls::pki_types::CertificateDer;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsAcceptor;

use crate::admission::Admission;
use crate::certificate::UserFrom;
use crate::doorbell::Doorbell;
use crate::driver::Driver;
use crate::listener::Tls;
use crate::server::Shared;

/// Where a connection comes from.
#[derive(Debug)]
pub(crate) struct Origin {
    pub(crate) address: SocketAddr,
    /// The listener's name.
    pub(crate) listener: Arc<str>,
}

/// Serves a connection to its end.
pub(crate) async fn serve(
    stream: TcpStream,
    from: Origin,
    tls: Option<Tls>,
    admission: Admission,
    shared: Arc<Shared>,
) {
    let Origin {
        address: peer,
        listener,
    } = from;
    let login_deadline = Instant::now() + shared.options.deadlines.login;
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%peer, %error, "cannot set TCP_NODELAY");
    }
    let broker = Arc::clone(&shared.broker);
    let doorbell = Doorbell::default();
    let mut session = Session::new(
        Arc::clone(&shared.broker),
        shared.options.amqp091,
        Peer {
            address: peer.to_string(),
            listener: Arc::clone(&listener),
        },
        Box::new(doorbell.clone()),
    );
    let Some(Tls { config, user_from }) = tls else {
        let driver = Driver::new(stream, session, doorbell, admission, shared, login_deadline);
        return report(&broker, peer, driver.run().await);
    };
    let handshake = TlsAcceptor::from(config).accept(stream);
    let accepted = tokio::select! {
        biased;
        () = shared.stop.cancelled() => return,
        accepted = timeout(shared.options.deadlines.tls, handshake) => accepted,
    };
    match accepted {
        Ok(Ok(stream)) => {
            let certificates = stream.get_ref().1.peer_certificates();
            if let Some(certificate) = certificates.and_then(<[_]>::first) {
                certify(&mut session, certificate, user_from, peer);
            }
            // On the heap: a TLS stream makes a large future, which plain ones need not carry.
            let driver = Driver::new(stream, session, doorbell, admission, shared, login_deadline);
            report(&broker, peer, Box::pin(driver.run()).await);
        }
        Ok(Err(error)) if is_about_certificate(&error) => {
            let name = broker.name();
            tracing::warn!(target: AUDIT, broker = name, %peer, %error, "client certificate refused");
            // Whom it names is not known.
            broker.login_failed("", &listener);
        }
        Ok(Err(error)) => {
            tracing::debug!(%peer, %error, "TLS handshake failed");
            broker.connection_refused(&listener);
        }
        Err(_) => {
            tracing::debug!(%peer, "TLS handshake took too long");
            broker.connection_refused(&listener);
        }
    }
}

/// Tells the session whom the verified certificate names.
fn certify(
    session: &mut Session,
    certificate: &CertificateDer<'_>,
    user_from: UserFrom,
    peer: SocketAddr,
) {
    match user_from.user(certificate) {
        Some(username) => session.certify(username),
        None => tracing::warn!(%peer, ?user_from, "client certificate names no user"),
    }
}

/// The client has presented a certificate that was not accepted, or none where one is a must.
fn is_about_certificate(error: &io::Error) -> bool {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref());
    matches!(
        cause,
        Some(rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented)
    )
}

/// A peer that hangs up is not an error.
fn report(broker: &Broker, peer: SocketAddr, result: io::Result<()>) {
    if let Err(error) = result {
        let broker = broker.name();
        tracing::info!(target: CONNECTION, broker, %peer, %error, "connection lost");
    }
}
