//! One request over HTTP/1.1 and its answer, for the few calls that the agent makes to others than
//! agents: an authority, AWS's token service, and the metadata of the machine.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail, ensure};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Longest time for a whole exchange.
const DEADLINE: Duration = Duration::from_secs(15);

/// Longest answer; those that are asked for have a few kilobytes.
const MAX_ANSWER: u64 = 256 * 1024;

/// A server: `http://host[:port]` or `https://host[:port]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Server {
    host: String,
    port: u16,
    tls: bool,
}

/// What is asked.
pub(crate) struct Request<'a> {
    pub method: &'a str,
    pub path: &'a str,
    /// Names and values; `host` stands in for the server's own.
    pub headers: &'a [(&'a str, String)],
    pub body: &'a str,
}

/// What is answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub status: u16,
    pub body: String,
}

impl std::str::FromStr for Server {
    type Err = anyhow::Error;

    fn from_str(url: &str) -> anyhow::Result<Self> {
        let (scheme, rest) = url.split_once("://").context("no http:// or https://")?;
        let tls = match scheme {
            "http" => false,
            "https" => true,
            _ => bail!("{url:?} is neither http:// nor https://"),
        };
        let place = rest.trim_end_matches('/');
        let (host, port) = match place.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, port.parse()?),
            _ => (place, if tls { 443 } else { 80 }),
        };
        ensure!(
            !host.is_empty() && !host.contains('/'),
            "{url:?} names no host"
        );
        Ok(Self {
            host: host.trim_matches(['[', ']']).to_owned(),
            port,
            tls,
        })
    }
}

impl Server {
    /// Sends a request and waits for the answer. `roots` are whom a server with TLS must be
    /// certified by.
    pub(crate) async fn ask(
        &self,
        roots: Option<Arc<RootCertStore>>,
        request: Request<'_>,
    ) -> anyhow::Result<Answer> {
        let asked = async {
            let place = (self.host.as_str(), self.port);
            let socket = TcpStream::connect(place)
                .await
                .with_context(|| format!("connect to {}:{}", self.host, self.port))?;
            if !self.tls {
                return exchange(socket, &self.host, request).await;
            }
            let roots = roots.context("no authorities to trust")?;
            let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
            let config = ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()?
                .with_root_certificates(roots)
                .with_no_client_auth();
            let name = ServerName::try_from(self.host.clone())?;
            let stream = TlsConnector::from(Arc::new(config))
                .connect(name, socket)
                .await
                .with_context(|| format!("TLS with {}:{}", self.host, self.port))?;
            exchange(stream, &self.host, request).await
        };
        match tokio::time::timeout(DEADLINE, asked).await {
            Ok(answer) => answer,
            Err(_) => Err(anyhow!(
                "{}:{} did not answer within {} s",
                self.host,
                self.port,
                DEADLINE.as_secs()
            )),
        }
    }
}

async fn exchange(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    host: &str,
    request: Request<'_>,
) -> anyhow::Result<Answer> {
    let Request {
        method,
        path,
        headers,
        body,
    } = request;
    let mut text = format!("{method} {path} HTTP/1.1\r\n");
    if !headers.iter().any(|(name, _)| *name == "host") {
        text += &format!("host: {host}\r\n");
    }
    for (name, value) in headers {
        text += &format!("{name}: {value}\r\n");
    }
    text += &format!(
        "content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(text.as_bytes()).await?;
    let mut answer = Vec::new();
    // A server that closes without the end of TLS has still said all that its length announces.
    let read = stream.take(MAX_ANSWER).read_to_end(&mut answer).await;
    match parse(&answer) {
        Ok(answer) => Ok(answer),
        Err(error) => Err(match read {
            Err(cause) => anyhow!(cause).context("read the answer"),
            Ok(_) => error,
        }),
    }
}

fn parse(answer: &[u8]) -> anyhow::Result<Answer> {
    let text = String::from_utf8_lossy(answer);
    let (head, body) = text
        .split_once("\r\n\r\n")
        .context("the answer is cut off")?;
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1));
    let status = status.context("the answer is no HTTP")?.parse()?;
    let headers = lines.filter_map(|line| line.split_once(':'));
    let mut length = None;
    for (name, value) in headers {
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = Some(value.trim().parse::<usize>()?),
            "transfer-encoding" => bail!("the answer comes in chunks, which are not read here"),
            _ => {}
        }
    }
    let body = match length {
        None => body,
        Some(length) => body.get(..length).context("the answer is cut off")?,
    };
    Ok(Answer {
        status,
        body: body.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_urls() {
        let server = |url: &str| {
            url.parse::<Server>()
                .map(|it| (it.host, it.port, it.tls))
                .ok()
        };
        assert_eq!(
            server("http://127.0.0.1:5000"),
            Some(("127.0.0.1".into(), 5000, false))
        );
        assert_eq!(
            server("https://sts.eu-west-1.amazonaws.com/"),
            Some(("sts.eu-west-1.amazonaws.com".into(), 443, true))
        );
        assert_eq!(
            server("http://[fd00::1]:80"),
            Some(("fd00::1".into(), 80, false))
        );
        for bad in ["", "ftp://a", "http://", "a:1", "http://a/b"] {
            assert_eq!(server(bad), None, "{bad}");
        }
    }

    #[test]
    fn answers_are_whole_or_none() {
        let answer = parse(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokrest").unwrap();
        assert_eq!((answer.status, answer.body.as_str()), (200, "ok"));
        for cut in [
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok",
            "HTTP/1.1 200",
            "",
            "x\r\n\r\n",
        ] {
            assert!(parse(cut.as_bytes()).is_err(), "{cut}");
        }
    }
}
