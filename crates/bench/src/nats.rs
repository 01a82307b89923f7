//! As much of the NATS protocol as the generator needs: lines of text, bodies between them.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

const PATIENCE: Duration = Duration::from_secs(10);

/// Connects, and subscribes to a subject if one is named. Answers with the socket once the server
/// has taken all of it in.
pub(crate) fn connect(address: SocketAddr, subject: Option<&str>) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(address).with_context(|| format!("connect {address}"))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut hello = String::from("CONNECT {\"verbose\":false,\"pedantic\":false}\r\n");
    if let Some(subject) = subject {
        hello += &format!("SUB {subject} 1\r\n");
    }
    hello += "PING\r\n";
    stream.write_all(hello.as_bytes())?;
    let mut answer = Vec::new();
    let mut scratch = [0; 4096];
    while !answer.ends_with(b"PONG\r\n") {
        let count = stream
            .read(&mut scratch)
            .context("wait for nats-server's PONG")?;
        ensure!(count > 0, "nats-server closed the connection");
        answer.extend_from_slice(&scratch[..count]);
    }
    Ok(stream)
}

/// Takes the first whole operation off `rest`: the body of a message, nothing of any other.
/// `Ok(None)` means "not enough bytes yet".
pub(crate) fn take<'a>(rest: &mut &'a [u8]) -> Result<Option<Option<&'a [u8]>>> {
    let Some(end) = rest.windows(2).position(|pair| pair == b"\r\n") else {
        return Ok(None);
    };
    let (line, behind) = (&rest[..end], &rest[end + 2..]);
    if line.starts_with(b"-ERR") {
        bail!("nats-server says {}", String::from_utf8_lossy(line));
    }
    if !line.starts_with(b"MSG ") {
        *rest = behind;
        return Ok(Some(None));
    }
    let digits = line.rsplit(|octet| *octet == b' ').next().unwrap_or(line);
    let size: usize = std::str::from_utf8(digits)?.parse().context("MSG")?;
    if behind.len() < size + 2 {
        return Ok(None);
    }
    *rest = &behind[size + 2..];
    Ok(Some(Some(&behind[..size])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_cut_at_every_byte() {
        let stream = b"INFO {}\r\nMSG a.b 1 5\r\nhe\r\no\r\nPING\r\nMSG a.b 1 0\r\n\r\n";
        for cut in 0..=stream.len() {
            let mut bodies = Vec::new();
            let mut begun = &stream[..cut];
            while let Some(operation) = take(&mut begun).unwrap() {
                bodies.extend(operation);
            }
            let at = cut - begun.len();
            let mut rest = &stream[at..];
            while let Some(operation) = take(&mut rest).unwrap() {
                bodies.extend(operation);
            }
            assert_eq!(bodies, [&b"he\r\no"[..], b""], "cut at {cut}");
            assert!(rest.is_empty());
        }
    }

    #[test]
    fn an_error_is_passed_on() {
        assert!(take(&mut &b"-ERR 'Slow Consumer'\r\n"[..]).is_err());
    }
}
