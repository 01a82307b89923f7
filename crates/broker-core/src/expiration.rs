//! How long a publisher says its message may wait: decimal digits in a text, by AMQP's custom.

/// Longest time a message or an unused queue may be given: ten years of 365 days, as in RabbitMQ.
pub(crate) const MAX_MS: u64 = 10 * 365 * 24 * 3600 * 1000;

/// Why a text is no time to live, in RabbitMQ's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidExpiration {
    #[error("{{leftover_string,\"{0}\"}}")]
    Leftover(String),
    #[error("no_integer")]
    NoInteger,
    #[error("{{value_negative,{0}}}")]
    Negative(String),
    #[error("{{value_too_large,{0}}}")]
    TooLarge(String),
}

/// Milliseconds.
pub(crate) fn parse(text: &[u8]) -> Result<u64, InvalidExpiration> {
    let text = String::from_utf8_lossy(text);
    let signs = usize::from(text.starts_with(['-', '+']));
    let digits = text[signs..].bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = text.split_at(signs + digits);
    if digits == 0 {
        return Err(InvalidExpiration::NoInteger);
    }
    if !rest.is_empty() {
        return Err(InvalidExpiration::Leftover(rest.to_owned()));
    }
    let number = number.trim_start_matches('+');
    let is_zero = number.bytes().all(|byte| matches!(byte, b'-' | b'0'));
    if number.starts_with('-') && !is_zero {
        return Err(InvalidExpiration::Negative(number.to_owned()));
    }
    let value = number.trim_start_matches('-').parse().ok();
    let value = value.filter(|ms| *ms <= MAX_MS);
    value.ok_or_else(|| InvalidExpiration::TooLarge(number.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_time_is_refused_in_the_words_clients_know() {
        for (text, ms) in [
            ("0", 0),
            ("-0", 0),
            ("60000", 60_000),
            ("4294967296", 1 << 32),
            ("315360000000", MAX_MS),
        ] {
            assert_eq!(parse(text.as_bytes()), Ok(ms));
        }
        for (text, words) in [
            ("abc", "no_integer"),
            ("", "no_integer"),
            (" 5", "no_integer"),
            ("-", "no_integer"),
            ("12a", "{leftover_string,\"a\"}"),
            ("1.5", "{leftover_string,\".5\"}"),
            ("-1", "{value_negative,-1}"),
            ("315360000001", "{value_too_large,315360000001}"),
            (
                "99999999999999999999999",
                "{value_too_large,99999999999999999999999}",
            ),
        ] {
            let refused = parse(text.as_bytes()).unwrap_err();
            assert_eq!(refused.to_string(), words, "{text}");
        }
    }
}
