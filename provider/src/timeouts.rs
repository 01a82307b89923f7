//! How long operations wait, in Terraform's usual words: `timeouts = { create = "5m" }`.

use std::time::Duration;

use tfplugin_rs::prelude::*;
use tfplugin_rs::validate::Validator;

/// How long operations wait.
#[derive(Debug, Clone, PartialEq, Eq, Model)]
pub(crate) struct Timeouts {
    /// How long creating waits for an agent that cannot be reached, as on a host that is booting:
    /// whole hours, minutes and seconds such as `"90s"` or `"1h30m"`, `"0s"` for not at all.
    /// Default: `"30s"`.
    #[attr(default = "30s", validate = length_of_time())]
    create: String,
}

/// The wait of a broker that says nothing about it; equals the attribute's default.
const CREATE: Duration = Duration::from_secs(30);

/// How long creating waits.
pub(crate) fn create(timeouts: Option<&Timeouts>) -> Duration {
    timeouts
        .and_then(|timeouts| parse(&timeouts.create))
        .unwrap_or(CREATE)
}

fn length_of_time() -> Validator {
    validate::string(|text| match parse(text) {
        Some(_) => Ok(()),
        None => Err("must be a length of time such as \"90s\", \"5m\" or \"1h30m\"".to_owned()),
    })
}

/// Numbers with units, the larger unit first, each at most once.
fn parse(text: &str) -> Option<Duration> {
    let mut seconds = 0_u64;
    let mut rest = text;
    for (unit, factor) in [('h', 3600), ('m', 60), ('s', 1)] {
        let Some((number, after)) = rest.split_once(unit) else {
            continue;
        };
        if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let number: u64 = number.parse().ok()?;
        seconds = seconds.checked_add(number.checked_mul(factor)?)?;
        rest = after;
    }
    // More than a day is a slip of the pen.
    (!text.is_empty() && rest.is_empty() && seconds <= 24 * 3600)
        .then(|| Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_written_with_units() {
        for (text, seconds) in [
            ("0s", 0),
            ("30s", 30),
            ("90s", 90),
            ("5m", 300),
            ("1h30m", 5400),
            ("1h1m1s", 3661),
        ] {
            assert_eq!(parse(text), Some(Duration::from_secs(seconds)), "{text}");
        }
        for bad in [
            "",
            "30",
            "s",
            "-5s",
            "+5s",
            "1.5h",
            "5s5m",
            "5s5s",
            "1d",
            " 5s",
            "25h",
            "99999999999999999999s",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn who_says_nothing_waits_as_documented() {
        assert_eq!(create(None), CREATE);
        let create_text = |text: &str| Timeouts {
            create: text.to_owned(),
        };
        assert_eq!(create(Some(&create_text("30s"))), CREATE);
        assert_eq!(create(Some(&create_text("0s"))), Duration::ZERO);
    }
}
