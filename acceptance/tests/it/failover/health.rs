//! What a TCP load balancer sees: a health check that is green on the node that serves alone.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use acceptance::poll;
use anyhow::{Context, Result, ensure};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::pair::Pair;

/// Longest wait for a health check to turn.
const TURNS: Duration = Duration::from_secs(30);

const PATIENCE: Duration = Duration::from_secs(5);

/// The status code that a health check answers; an error if nobody does.
fn status(url: &str, ca: &str) -> Result<u16> {
    let rest = url.strip_prefix("https://").context("no https")?;
    let (host, path) = rest.split_once('/').context("no path")?;
    let (name, _) = host.rsplit_once(':').context("no port")?;
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca.as_bytes())?)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let client = ClientConnection::new(Arc::new(config), name.to_owned().try_into()?)?;
    let stream = TcpStream::connect(host)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut stream = StreamOwned::new(client, stream);
    write!(
        stream,
        "GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    // The end of the connection may come without a word of TLS.
    let _ = stream.read_to_string(&mut answer);
    let code = answer.split(' ').nth(1).context("no answer")?;
    Ok(code.parse()?)
}

/// A node that serves says 200, a standby 503, and a dead one nothing.
fn expect(urls: &[String; 2], ca: &str, codes: [Option<u16>; 2]) -> Result<()> {
    poll::until(&format!("health checks to say {codes:?}"), TURNS, || {
        let seen = urls.each_ref().map(|url| status(url, ca).ok());
        ensure!(seen != [Some(200); 2], "both are green");
        Ok((seen == codes).then_some(()))
    })
}

#[test]
fn a_health_check_is_green_on_the_active_alone() -> Result<()> {
    let pair = Pair::start()?;
    let (urls, ca) = (pair.health_urls()?, pair.ca()?);
    let swap = |codes: [Option<u16>; 2], first: usize| [codes[first], codes[1 - first]];
    let active = pair.active()?;
    expect(&urls, &ca, swap([Some(200), Some(503)], active))?;
    ensure!(pair.kill_active()? == active, "another node was active");
    expect(&urls, &ca, swap([None, Some(200)], active))?;
    // Who comes back stands by.
    pair.restart(active)?;
    expect(&urls, &ca, swap([Some(503), Some(200)], active))
}
