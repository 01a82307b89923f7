//! Records as text and back; what is kept, and what is refused by name.

use super::*;

const TEXT: &str = r#"{
  "format_version": 1,
  "epoch": 7,
  "leader": {
    "node": 1,
    "incarnation": "00000000deadbeef"
  },
  "isr": [
    {
      "node": 0,
      "store_id": "000102030405060708090a0b0c0d0e0f"
    },
    {
      "node": 1,
      "store_id": "ffffffffffffffffffffffffffffffff"
    }
  ],
  "min_isr": 1,
  "transfer": {
    "to": 0,
    "patience_ms": 10000
  },
  "commit_hint": {
    "epoch": 6,
    "lsn": 1234567890123
  },
  "region": {
    "role": "primary",
    "generation": 1
  },
  "endpoints": {
    "0": "a.example:7444",
    "1": "b.example:7444"
  },
  "writer_nonce": "00000000deadbeef-3",
  "colour": {
    "of": "a later release"
  }
}"#;

#[test]
fn text_and_record_are_the_same_thing() {
    let record = from_text(TEXT.as_bytes()).unwrap();
    assert_eq!(to_text(&record).unwrap(), TEXT);
    assert_eq!(record.epoch, Epoch(7));
    assert_eq!(record.isr.len(), 2);
    assert_eq!(
        record.unknown["colour"].as_ref(),
        r#"{"of":"a later release"}"#
    );
}

#[test]
fn what_is_not_a_record_is_refused_by_name() {
    let refused = |from: &str, to: &str| {
        let text = TEXT.replace(from, to);
        assert_ne!(text, TEXT, "`{from}` is in the text");
        from_text(text.as_bytes()).unwrap_err()
    };
    let newer = refused(r#""format_version": 1"#, r#""format_version": 2"#);
    assert_eq!(newer, TextError::TooNew { found: 2, known: 1 });
    for (from, to, named) in [
        (r#""format_version": 1,"#, "", "format_version"),
        (
            r#""format_version": 1,"#,
            r#""format_version": 0,"#,
            "format_version",
        ),
        ("00000000deadbeef-3", "00000000deadbeef", "writer_nonce"),
        ("00000000deadbeef-3", "xyz-3", "incarnation"),
        ("000102030405060708090a0b0c0d0e0f", "0001", "store_id"),
        (
            "000102030405060708090a0b0c0d0e0f",
            "+00102030405060708090a0b0c0d0e0f",
            "store_id",
        ),
        (r#""role": "primary""#, r#""role": "king""#, "king"),
        (r#""to": 0,"#, r#""to": 0, "why": 1,"#, "why"),
        (r#""node": 1,"#, r#""node": 2,"#, "leader"),
        (r#""epoch": 7,"#, "", "epoch"),
    ] {
        let text = TEXT.replacen(from, to, 1);
        let error = from_text(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(named), "{from} -> {to}: {error}");
    }
}

#[test]
fn a_record_is_small() {
    let mut record = from_text(TEXT.as_bytes()).unwrap();
    record
        .endpoints
        .insert(NodeId(2), "x".repeat(MAX_BYTES).into());
    assert!(matches!(to_text(&record), Err(TextError::TooLarge(_))));
    assert!(matches!(
        from_text(&[b' '; MAX_BYTES + 1]),
        Err(TextError::TooLarge(_))
    ));
}
