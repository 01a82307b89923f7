//! The types of texts against models that are slow and plain.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use proptest::prelude::*;

use super::{Caseless, Cidr, Json, Period, Size, Timestamp};

/// How many days the months of a year have.
fn months(year: i64) -> [i64; 12] {
    let is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let february = if is_leap { 29 } else { 28 };
    [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
}

fn days(year: i64) -> i64 {
    months(year).iter().sum()
}

/// Seconds since 1970 by counting every year and month.
fn counted(year: i64, month: usize, day: i64) -> i64 {
    let years: i64 = match year {
        1970.. => (1970..year).map(days).sum(),
        _ => -(year..1970).map(days).sum::<i64>(),
    };
    let before: i64 = months(year)[..month - 1].iter().sum();
    (years + before + day - 1) * 86_400
}

#[test]
fn every_first_and_last_day_of_a_month_is_where_counting_puts_it() {
    for year in [
        0, 1, 4, 100, 400, 1582, 1899, 1900, 1969, 1970, 1972, 2000, 2024, 2100, 9999,
    ] {
        for month in 1..=12 {
            let last = (28..=31)
                .rev()
                .find(|day| {
                    format!("{year:04}-{month:02}-{day:02}T00:00:00Z")
                        .parse::<Timestamp>()
                        .is_ok()
                })
                .unwrap();
            for day in [1, 15, last] {
                let text = format!("{year:04}-{month:02}-{day:02}T00:00:00Z");
                let time: Timestamp = text.parse().unwrap();
                assert_eq!(time.seconds(), counted(year, month, day), "{text}");
                assert_eq!(time.to_string(), text);
            }
            // The day after the last is the first of the next month.
            let (next_year, next_month) = if month == 12 {
                (year + 1, 1)
            } else {
                (year, month + 1)
            };
            let next = counted(next_year, next_month, 1);
            assert_eq!(counted(year, month, last) + 86_400, next, "{year}-{month}");
        }
    }
}

/// The bits of an address as text.
fn bits(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => format!("{:032b}", address.to_bits()),
        IpAddr::V6(address) => format!("{:0128b}", address.to_bits()),
    }
}

/// A unit, its nanoseconds, and how it is written.
const PERIODS: [(&str, u128); 6] = [
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1000),
    ("ns", 1),
];

const SIZES: [(&str, u128); 13] = [
    ("", 1),
    ("B", 1),
    ("kB", 1000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("PB", 1_000_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("PiB", 1 << 50),
    ("EiB", 1 << 60),
];

proptest! {
    #[test]
    fn a_range_contains_what_begins_with_its_bits(
        own: IpAddr,
        other: IpAddr,
        prefix in 0_u8..=128,
        common in 0_usize..=128,
    ) {
        let Ok(range) = Cidr::new(own, prefix) else {
            prop_assert!(own.is_ipv4() && prefix > 32);
            return Ok(());
        };
        // Chance alone would hardly ever find one that is inside.
        let near = match own {
            IpAddr::V4(own) => {
                let flipped = u32::MAX.checked_shr(u32::try_from(common).unwrap()).unwrap_or(0);
                IpAddr::V4((own.to_bits() ^ flipped).into())
            }
            IpAddr::V6(own) => {
                let flipped = u128::MAX.checked_shr(u32::try_from(common).unwrap()).unwrap_or(0);
                IpAddr::V6((own.to_bits() ^ flipped).into())
            }
        };
        let prefix = usize::from(prefix);
        for address in [own, other, near] {
            let expected = own.is_ipv4() == address.is_ipv4()
                && bits(own)[..prefix] == bits(address)[..prefix];
            prop_assert_eq!(range.contains(address), expected, "{} in {}", address, range);
        }
        let network = bits(range.network().address());
        prop_assert_eq!(&network[..prefix], &bits(own)[..prefix]);
        prop_assert!(network[prefix..].bytes().all(|bit| bit == b'0'));
    }

    #[test]
    fn periods_add_up_their_parts(
        parts in proptest::collection::vec((0_u64..5000, 0_u64..1000, 0_usize..6), 1..5),
    ) {
        let (mut text, mut nanos) = (String::new(), 0_u128);
        for (whole, thousandths, unit) in parts {
            let (name, scale) = PERIODS[unit];
            text += &format!("{whole}.{thousandths:03}{name}");
            nanos += u128::from(whole) * scale;
            // Digit by digit, as a place below a nanosecond is nothing.
            let (mut place, digits) = (scale, format!("{thousandths:03}"));
            for digit in digits.bytes() {
                place /= 10;
                nanos += u128::from(digit - b'0') * place;
            }
        }
        let period: Period = text.parse().unwrap();
        prop_assert_eq!(period.0.as_nanos(), nanos, "{}", &text);
        prop_assert_eq!(period.to_string().parse::<Period>(), Ok(period));
    }

    #[test]
    fn sizes_multiply_their_number(
        whole in 0_u64..2_000_000,
        thousandths in 0_u128..1000,
        unit in 0_usize..13,
        blank: bool,
    ) {
        let (name, scale) = SIZES[unit];
        let text = format!("{whole}.{thousandths:03}{}{name}", if blank { " " } else { "" });
        let thousand_bytes = (u128::from(whole) * 1000 + thousandths) * scale;
        let expected = (thousand_bytes % 1000 == 0)
            .then(|| u64::try_from(thousand_bytes / 1000).ok())
            .flatten();
        prop_assert_eq!(text.parse::<Size>().ok().map(|size| size.0), expected, "{}", text);
    }

    #[test]
    fn order_of_sizes_and_periods_is_that_of_their_numbers(a: u32, b: u32) {
        prop_assert_eq!(Size(a.into()).cmp(&Size(b.into())), a.cmp(&b));
        let period = |seconds: u32| Period(Duration::from_secs(seconds.into()));
        prop_assert_eq!(period(a).cmp(&period(b)), a.cmp(&b));
    }

    #[test]
    fn text_without_case_compares_like_its_lower_case(a in "[aBäÄßİ]{0,4}", b in "[AbäÄẞi]{0,4}") {
        let (left, right) = (Caseless::from(&*a), Caseless::from(&*b));
        // The final sigma is the one letter whose lower case depends on what stands around it.
        prop_assert_eq!(left == right, a.to_lowercase() == b.to_lowercase());
        prop_assert_eq!(left.cmp(&right), a.to_lowercase().chars().cmp(b.to_lowercase().chars()));
    }

    #[test]
    fn times_are_ordered_and_equal_like_their_instants(
        seconds in -60_000_000_000_i64..250_000_000_000,
        offset in -1439_i64..=1439,
        nanos in 0_u32..1_000_000_000,
    ) {
        let utc = spelled(seconds, nanos, 0);
        let elsewhere = spelled(seconds, nanos, offset);
        let (a, b): (Timestamp, Timestamp) = (utc.parse().unwrap(), elsewhere.parse().unwrap());
        prop_assert_eq!(a, b, "{} and {}", utc, elsewhere);
        prop_assert_eq!((a.seconds(), a.subsec_nanos()), (seconds, nanos));
        let later: Timestamp = spelled(seconds + 1, nanos, offset).parse().unwrap();
        prop_assert!(a < later);
    }

    #[test]
    fn documents_are_equal_when_serde_says_so(a in document(), b in document()) {
        let (left, right) = (a.to_string(), b.to_string());
        let (left, right): (Json, Json) = (left.parse().unwrap(), right.parse().unwrap());
        prop_assert_eq!(left == right, a == b);
        let spaced = serde_json::to_string_pretty(&a).unwrap();
        prop_assert_eq!(spaced.parse::<Json>().unwrap(), left.clone());
        prop_assert_eq!(left.read::<serde_json::Value>().unwrap(), a);
    }
}

/// The instant as a clock `offset` minutes east of UTC shows it, by counting days.
fn spelled(seconds: i64, nanos: u32, offset: i64) -> String {
    let local = seconds + offset * 60;
    let (mut days_left, second) = (local.div_euclid(86_400), local.rem_euclid(86_400));
    // 400 years have as many days wherever they begin.
    let eras = days_left.div_euclid(146_097);
    days_left -= eras * 146_097;
    let (mut year, mut month) = (1970 + eras * 400, 0);
    while days_left >= days(year) {
        days_left -= days(year);
        year += 1;
    }
    while days_left >= months(year)[month] {
        days_left -= months(year)[month];
        month += 1;
    }
    let (month, day) = (month + 1, days_left + 1);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let sign = if offset < 0 { '-' } else { '+' };
    let (hours, minutes) = (offset.abs() / 60, offset.abs() % 60);
    format!(
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{nanos:09}{sign}{hours:02}:{minutes:02}"
    )
}

/// A document of few values, so that two are often the same.
fn document() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        (-2_i64..3).prop_map(Into::into),
        "[a\"é]{0,2}".prop_map(Into::into),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Into::into),
            proptest::collection::btree_map("[ab]", inner, 0..3).prop_map(
                |entries: BTreeMap<String, serde_json::Value>| {
                    serde_json::Value::Object(entries.into_iter().collect())
                }
            ),
        ]
    })
}
