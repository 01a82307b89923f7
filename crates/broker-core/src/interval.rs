//! Lengths of time as RabbitMQ writes them for streams: a number and a unit, "7D" or "1h".

/// Units and their milliseconds. A month has 30 days, a year 365.
const UNITS: [(&str, u64); 6] = [
    ("s", 1000),
    ("m", 60 * 1000),
    ("h", 60 * 60 * 1000),
    ("D", DAY_MS),
    ("M", 30 * DAY_MS),
    ("Y", 365 * DAY_MS),
];

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// Milliseconds; none if the text is no length of time, or longer than can be counted.
pub(crate) fn parse_ms(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let (_, unit_ms) = UNITS.iter().find(|(name, _)| *name == unit)?;
    let number: u64 = number.parse().ok().filter(|number| *number > 0)?;
    number.checked_mul(*unit_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_of_time_is_a_number_and_a_unit() {
        for (text, ms) in [
            ("1s", 1000),
            ("90m", 5_400_000),
            ("1h", 3_600_000),
            ("7D", 604_800_000),
            ("2M", 5_184_000_000),
            ("1Y", 31_536_000_000),
        ] {
            assert_eq!(parse_ms(text), Some(ms), "{text}");
        }
        for text in [
            "",
            "h",
            "1",
            "0s",
            "-1h",
            "1d",
            "1 h",
            "1hh",
            "1.5h",
            "99999999999999Y",
        ] {
            assert_eq!(parse_ms(text), None, "{text}");
        }
    }
}
