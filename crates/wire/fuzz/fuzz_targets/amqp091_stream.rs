//! A stream of frames: nothing panics, and methods that decode are written and read back equal.
#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use wire::amqp091::{ContentHeader, Decoder, Method, Properties};

fuzz_target!(|input: &[u8]| {
    let decoder = Decoder { frame_max: 131_072 };
    let mut buffer = BytesMut::from(input);
    let Ok(Some(batch)) = decoder.split_batch(&mut buffer) else { return };
    let mut rest = &batch[..];
    while let Ok(Some(frame)) = decoder.decode(&mut rest) {
        if let Ok(header) = ContentHeader::decode(frame.payload)
            && let Ok(properties) = Properties::parse(header.properties)
        {
            let mut out = BytesMut::new();
            properties.encode(&mut out);
            assert_eq!(out, header.properties);
        }
        let Ok(method) = Method::decode(frame.payload) else { continue };
        let (mut once, mut twice) = (BytesMut::new(), BytesMut::new());
        method.encode(frame.channel, &mut once);
        let again = decoder.decode(&mut &once[..]).expect("our own frame").expect("whole");
        let method = Method::decode(again.payload).expect("our own method");
        method.encode(frame.channel, &mut twice);
        assert_eq!(once, twice);
    }
});
