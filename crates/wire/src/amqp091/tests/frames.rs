//! Cutting of frames: every split, every limit, content.

use bytes::BytesMut;

use super::super::*;
use super::methods::one_of_each;

fn stream() -> BytesMut {
    let mut out = BytesMut::new();
    let table = TableBuilder::new().text("a", "b");
    for (channel, method) in one_of_each(table.as_table()).iter().enumerate() {
        method.encode(channel as u16, &mut out);
    }
    encode_heartbeat(&mut out);
    encode_content(5, b"\x10\0\x02", &[7; 300], 128, &mut out);
    out
}

/// Owned copies of all frames that `pieces`, fed one after the other, make.
fn decode_all(pieces: &[&[u8]]) -> Vec<(FrameKind, u16, Vec<u8>)> {
    let decoder = Decoder::default();
    let (mut buffer, mut frames) = (BytesMut::new(), Vec::new());
    for piece in pieces {
        buffer.extend_from_slice(piece);
        let mut rest = &buffer[..];
        while let Some(frame) = decoder.decode(&mut rest).unwrap() {
            frames.push((frame.kind, frame.channel, frame.payload.to_vec()));
        }
        buffer = BytesMut::from(rest);
    }
    assert!(buffer.is_empty());
    frames
}

#[test]
fn a_stream_cut_anywhere_gives_the_same_frames() {
    let stream = stream();
    let whole = decode_all(&[&stream]);
    assert_eq!(whole.last().unwrap().2.len(), 300 - 2 * 120);
    for cut in 0..=stream.len() {
        let (head, tail) = stream.split_at(cut);
        assert_eq!(decode_all(&[head, tail]), whole, "cut at {cut}");
    }
    let bytes: Vec<&[u8]> = stream.chunks(1).collect();
    assert_eq!(decode_all(&bytes), whole);
}

#[test]
fn a_size_beyond_the_limit_is_refused_before_its_payload_comes() {
    let decoder = Decoder { frame_max: 8192 };
    let heading = |size: u32| [&[3, 0, 1][..], &size.to_be_bytes()].concat();
    assert_eq!(decoder.decode(&mut &heading(8184)[..]), Ok(None));
    for size in [8185, u32::MAX] {
        let expected = DecodeError::TooLarge {
            size: u64::from(size) + 8,
            max: 8192,
        };
        assert_eq!(decoder.decode(&mut &heading(size)[..]), Err(expected));
        assert_eq!(expected.reply_code(), ReplyCode::FrameError);
    }
}

#[test]
fn a_wrong_end_or_kind_is_refused() {
    let decoder = Decoder::default();
    assert_eq!(
        decoder.decode(&mut &b"\x08\0\0\0\0\0\0\xcd"[..]),
        Err(DecodeError::BadFrameEnd { found: 0xcd })
    );
    for kind in [0, 4, 5, 6, 7, 9, b'G', 0x16, 0xff] {
        let error = Err(DecodeError::UnknownFrameKind { kind });
        assert_eq!(
            decoder.decode(&mut &[kind][..]),
            error,
            "with its first byte"
        );
        assert_eq!(
            decoder.decode(&mut &[kind, 0, 0, 0, 0, 0, 0, 0xce][..]),
            error
        );
    }
}

#[test]
fn an_error_waits_until_the_frames_before_it_are_taken() {
    let decoder = Decoder::default();
    let mut input = &b"\x08\0\0\0\0\0\0\xce\x09"[..];
    let first = decoder.decode(&mut input).unwrap().unwrap();
    assert_eq!(first.kind, FrameKind::Heartbeat);
    assert_eq!(
        decoder.decode(&mut input),
        Err(DecodeError::UnknownFrameKind { kind: 9 })
    );
}

#[test]
fn the_protocol_header_is_told_from_others_by_the_first_difference() {
    assert_eq!(match_protocol_header(b"AMQP\0\0\x09\x01rest"), Some(true));
    for len in 0..8 {
        assert_eq!(match_protocol_header(&PROTOCOL_HEADER[..len]), None);
    }
    for other in [
        &b"G"[..],
        b"\x16\x03\x01",
        b"SSH-2.0",
        b"AMQP\x01",
        b"AMQP\0\0\x09\x00",
        b"AMQP\x03",
    ] {
        assert_eq!(match_protocol_header(other), Some(false));
    }
}

#[test]
fn a_content_header_keeps_its_properties_as_they_are() {
    let mut out = BytesMut::new();
    encode_content(3, b"\x80\0\x01x", b"", 8192, &mut out);
    assert_eq!(
        out,
        &b"\x02\0\x03\0\0\0\x10\0\x3c\0\0\0\0\0\0\0\0\0\0\x80\0\x01x\xce"[..]
    );
    let frame = Decoder::default().decode(&mut &out[..]).unwrap().unwrap();
    let header = ContentHeader::decode(frame.payload).unwrap();
    assert_eq!(
        header,
        ContentHeader {
            class: 60,
            body_size: 0,
            properties: b"\x80\0\x01x"
        }
    );
    for len in 0..14 {
        assert_eq!(
            ContentHeader::decode(&frame.payload[..len]),
            Err(DecodeError::Truncated)
        );
    }
}

#[test]
fn a_delivery_is_written_as_its_frames_are() {
    let long = "ü".repeat(200);
    for (tag, body) in [
        ("t", &b""[..]),
        ("", &[7; 100]),
        (long.as_str(), &[7; 9000]),
    ] {
        let deliver = BasicDeliver {
            consumer_tag: tag,
            delivery_tag: 1 << 40,
            redelivered: tag.is_empty(),
            exchange: &long,
            routing_key: tag,
        };
        let (mut one, mut other) = (BytesMut::new(), BytesMut::new());
        let blank = BasicDeliver {
            delivery_tag: u64::MAX,
            redelivered: !deliver.redelivered,
            ..deliver
        };
        let template = DeliveryTemplate::new(513, &blank, b"\x10\0\x02");
        template.encode(
            513,
            deliver.delivery_tag,
            deliver.redelivered,
            body,
            4096,
            &mut one,
        );
        deliver.encode(513, &mut other);
        encode_content(513, b"\x10\0\x02", body, 4096, &mut other);
        assert_eq!(one, other);
    }
}
