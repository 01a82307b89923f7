//! As much of MQTT 3.1.1 as the generator needs: log in, subscribe, publish at QoS 0 and 1.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

const PATIENCE: Duration = Duration::from_secs(10);

/// Types of packets, with the flags that each has here.
const CONNECT: u8 = 0x10;
const CONNACK: u8 = 0x20;
const PUBLISH: u8 = 0x30;
const PUBACK: u8 = 0x40;
const SUBSCRIBE: u8 = 0x82;
const SUBACK: u8 = 0x90;

/// The bit of a publish that tells QoS 1.
const QOS_1: u8 = 0x02;

/// Packet identifiers run from 1 to this.
pub(crate) const IDENTIFIERS: u64 = 65_535;

/// The packet identifier of a publisher's message number, which counts from 0.
pub(crate) fn identifier(number: u64) -> u16 {
    (number % IDENTIFIERS + 1) as u16
}

/// Logs in as nobody in particular. A session that is not clean survives its connection.
pub(crate) fn connect(address: SocketAddr, client: &str, clean: bool) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(address).with_context(|| format!("connect {address}"))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut body = b"\0\x04MQTT\x04".to_vec();
    // Flags, and a keep-alive of 0: the connection may lie idle for ever.
    body.extend_from_slice(&[if clean { 0x02 } else { 0 }, 0, 0]);
    text(client, &mut body);
    stream.write_all(&packet(CONNECT, &body))?;
    let answer: [u8; 4] = answer(&mut stream).context("wait for CONNACK")?;
    ensure!(
        answer[0] == CONNACK && answer[3] == 0,
        "the broker answered {answer:?} to CONNECT"
    );
    Ok(stream)
}

/// Subscribes to a topic and waits until that is so.
pub(crate) fn subscribe(stream: &mut TcpStream, topic: &str, qos: u8) -> Result<()> {
    let mut body = vec![0, 1];
    text(topic, &mut body);
    body.push(qos);
    stream.write_all(&packet(SUBSCRIBE, &body))?;
    let answer: [u8; 5] = answer(stream).context("wait for SUBACK")?;
    ensure!(
        answer[0] == SUBACK && answer[4] == qos,
        "the broker answered {answer:?} to SUBSCRIBE"
    );
    Ok(())
}

/// Ends a session that is not clean.
pub(crate) fn forget(address: SocketAddr, client: &str) -> Result<()> {
    connect(address, client, true).map(drop)
}

/// Encodes one publish. Answers also with where its identifier stands, if it has one, and where its
/// body begins.
pub(crate) fn publish(topic: &str, qos: u8, body_bytes: usize) -> (Vec<u8>, Option<usize>, usize) {
    let mut body = Vec::new();
    text(topic, &mut body);
    let identifier_at = (qos == 1).then_some(body.len());
    if qos == 1 {
        body.extend_from_slice(&[0, 0]);
    }
    let payload_at = body.len();
    body.resize(payload_at + body_bytes, b'x');
    let first = if qos == 1 { PUBLISH | QOS_1 } else { PUBLISH };
    let packet = packet(first, &body);
    let heading = packet.len() - body.len();
    let identifier_at = identifier_at.map(|at| heading + at);
    (packet, identifier_at, heading + payload_at)
}

/// The acknowledgement of a publish.
pub(crate) fn puback(identifier: u16) -> [u8; 4] {
    let [high, low] = identifier.to_be_bytes();
    [PUBACK, 2, high, low]
}

/// A packet that came.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Packet<'a> {
    /// A message; with an identifier it wants to be acknowledged.
    Publish {
        identifier: Option<u16>,
        payload: &'a [u8],
    },
    /// The broker has taken a publish over.
    PubAck(u16),
}

/// Takes the first whole packet off `rest`. `Ok(None)` means "not enough bytes yet".
pub(crate) fn take<'a>(rest: &mut &'a [u8]) -> Result<Option<Packet<'a>>> {
    let Some((first, behind)) = rest.split_first() else {
        return Ok(None);
    };
    let Some((length, behind)) = length(behind)? else {
        return Ok(None);
    };
    if behind.len() < length {
        return Ok(None);
    }
    let (body, behind) = behind.split_at(length);
    let packet = match first & 0xf0 {
        PUBLISH => {
            let (topic_bytes, body) = number(body)?;
            let body = body.get(usize::from(topic_bytes)..);
            let body = body.context("a topic longer than its packet")?;
            let (identifier, payload) = match first & QOS_1 {
                0 => (None, body),
                _ => number(body).map(|(identifier, body)| (Some(identifier), body))?,
            };
            Packet::Publish {
                identifier,
                payload,
            }
        }
        PUBACK => Packet::PubAck(number(body)?.0),
        _ => bail!("the broker sent a packet of type {first:#04x}"),
    };
    *rest = behind;
    Ok(Some(packet))
}

fn number(bytes: &[u8]) -> Result<(u16, &[u8])> {
    let (number, rest) = bytes.split_first_chunk().context("a packet too short")?;
    Ok((u16::from_be_bytes(*number), rest))
}

/// Remaining length: seven bits to a byte, the lowest first, at most four bytes.
fn length(bytes: &[u8]) -> Result<Option<(usize, &[u8])>> {
    let mut length = 0;
    for (place, byte) in bytes.iter().enumerate().take(4) {
        length |= usize::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Ok(Some((length, &bytes[place + 1..])));
        }
    }
    ensure!(bytes.len() < 4, "a length of more than four bytes");
    Ok(None)
}

fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = vec![first];
    let mut left = body.len();
    while left > 0x7f {
        packet.push((left & 0x7f) as u8 | 0x80);
        left >>= 7;
    }
    packet.push(left as u8);
    packet.extend_from_slice(body);
    packet
}

fn text(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(&(text.len() as u16).to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}

/// Exactly so many bytes, so that none of what follows is lost.
fn answer<const LEN: usize>(stream: &mut TcpStream) -> Result<[u8; LEN]> {
    let mut answer = [0; LEN];
    stream.read_exact(&mut answer)?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_cut_at_every_byte() {
        let mut stream = Vec::new();
        let (mut large, identifier_at, payload_at) = publish("a/b", 1, 200);
        let at = identifier_at.unwrap();
        large[at..at + 2].copy_from_slice(&7u16.to_be_bytes());
        assert_eq!(payload_at, at + 2);
        stream.extend_from_slice(&large);
        stream.extend_from_slice(&puback(300));
        stream.extend_from_slice(&publish("a/b", 0, 3).0);
        for cut in 0..=stream.len() {
            let mut packets = Vec::new();
            let mut begun = &stream[..cut];
            while let Some(packet) = take(&mut begun).unwrap() {
                packets.push(packet);
            }
            let mut rest = &stream[cut - begun.len()..];
            while let Some(packet) = take(&mut rest).unwrap() {
                packets.push(packet);
            }
            let message = |identifier, payload| Packet::Publish {
                identifier,
                payload,
            };
            let expected = [
                message(Some(7), &[b'x'; 200][..]),
                Packet::PubAck(300),
                message(None, b"xxx"),
            ];
            assert_eq!(packets, expected, "cut at {cut}");
            assert!(rest.is_empty());
        }
    }

    #[test]
    fn identifiers_are_never_zero() {
        assert_eq!(identifier(0), 1);
        assert_eq!(identifier(65_534), 65_535);
        assert_eq!(identifier(65_535), 1);
    }

    #[test]
    fn lengths_take_one_to_four_bytes() {
        for (bytes, expected) in [(0, 2), (127, 2), (128, 3), (16_384, 4), (2_097_152, 5)] {
            let packet = packet(PUBLISH, &vec![0; bytes]);
            assert_eq!(packet.len() - bytes, expected);
            assert_eq!(length(&packet[1..]).unwrap().unwrap().0, bytes);
        }
        assert!(length(&[0xff; 4]).is_err());
    }
}
