//! What the codecs promise for any bytes, as one function.

use tfplugin_rs::value::{Type, json, msgpack};

/// Reads `input` as a type in JSON, a zero byte, and a value. Nothing panics; what is read fits its
/// type, and written again reads the same.
pub fn check(input: &[u8]) {
    let _ = json::decode_any(input);
    let Some(end) = input.iter().position(|byte| *byte == 0) else {
        let _ = Type::from_json_bytes(input);
        return;
    };
    let (ty, value) = (&input[..end], &input[end + 1..]);
    let Ok(ty) = Type::from_json_bytes(ty) else {
        return;
    };
    assert_eq!(Type::from_json_bytes(&ty.to_json_bytes()).as_ref(), Ok(&ty));
    if let Ok(value) = msgpack::decode(value, &ty) {
        assert!(value.fits(&ty), "{value:?} is no {ty}");
        let encoded = msgpack::encode(&value, &ty).expect("what was read can be written");
        assert_eq!(msgpack::decode(&encoded, &ty).as_ref(), Ok(&value));
        if value.is_wholly_known() {
            let encoded = json::encode(&value, &ty).expect("what is known can be written");
            assert_eq!(json::decode(&encoded, &ty).as_ref(), Ok(&value));
        }
    }
    for decode in [json::decode, json::decode_lenient] {
        if let Ok(value) = decode(value, &ty) {
            assert!(value.fits(&ty), "{value:?} is no {ty}");
            let encoded = json::encode(&value, &ty).expect("JSON has no unknown values");
            assert_eq!(json::decode(&encoded, &ty).as_ref(), Ok(&value));
        }
    }
}
