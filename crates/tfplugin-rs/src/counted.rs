//! Numbers of things in messages.

use std::fmt::Display;

/// "1 element", "2 elements": so many of what `noun` is the singular of.
pub(crate) fn counted(count: impl Display, noun: &str) -> String {
    let count = count.to_string();
    let ending = if count == "1" { "" } else { "s" };
    format!("{count} {noun}{ending}")
}

#[test]
fn only_one_is_singular() {
    let said = [0_i64, 1, 2, 11, 21, -1].map(|count| counted(count, "byte"));
    let expected = [
        "0 bytes", "1 byte", "2 bytes", "11 bytes", "21 bytes", "-1 bytes",
    ];
    assert_eq!(said, expected);
}
