//! Validators of strings, and of what people write in strings: durations and sizes.

use std::ops::RangeBounds;
use std::sync::OnceLock;
use std::time::Duration;

use super::{Subject, Validator, counts_in_words, in_words, value};
use crate::types::{Period, Size};

/// A string for which `check` returns `Ok`; its error continues "Attribute x …".
pub fn string(check: impl Fn(&str) -> Result<(), String> + Send + Sync + 'static) -> Validator {
    value(move |value| value.as_str().map_or(Ok(()), &check)).about(Subject::String)
}

/// A string whose length in characters is within `range`.
pub fn length(range: impl RangeBounds<usize> + Send + Sync + 'static) -> Validator {
    measured(range, "character", |text| text.chars().count())
}

/// A string whose length in bytes of UTF-8 is within `range`.
pub fn bytes(range: impl RangeBounds<usize> + Send + Sync + 'static) -> Validator {
    measured(range, "byte", str::len)
}

fn measured(
    range: impl RangeBounds<usize> + Send + Sync + 'static,
    unit: &'static str,
    length: fn(&str) -> usize,
) -> Validator {
    string(move |text| {
        let length = length(text);
        if range.contains(&length) {
            return Ok(());
        }
        let wanted = counts_in_words(&range, unit);
        Err(format!("must be {wanted} long but has {length}"))
    })
}

/// One of the given strings, upper and lower case being the same.
pub fn one_of_ignoring_case<S: Into<String>>(choices: impl IntoIterator<Item = S>) -> Validator {
    let choices: Vec<String> = choices.into_iter().map(Into::into).collect();
    string(move |text| {
        if contains_ignoring_case(&choices, text) {
            return Ok(());
        }
        Err(format!("must be one of {}, in any case", listed(&choices)))
    })
}

/// None of the given strings, upper and lower case being the same.
pub fn none_of_ignoring_case<S: Into<String>>(refused: impl IntoIterator<Item = S>) -> Validator {
    let refused: Vec<String> = refused.into_iter().map(Into::into).collect();
    string(move |text| {
        if contains_ignoring_case(&refused, text) {
            return Err(format!("must be none of {}, in any case", listed(&refused)));
        }
        Ok(())
    })
}

fn contains_ignoring_case(texts: &[String], text: &str) -> bool {
    let is_same = |choice: &String| folded(choice).eq(folded(text));
    texts.iter().any(is_same)
}

/// Letter by letter, by the rules of no language, as Go and regular expressions fold: `ſ` is an `s`
/// and `ς` a `σ`, but no letter becomes two, and the Turkish `ı` stays what it is.
fn folded(text: &str) -> impl Iterator<Item = char> {
    text.chars().map(|c| match c {
        'ı' => c,
        c => {
            let upper = single(c.to_uppercase(), c);
            single(upper.to_lowercase(), upper)
        }
    })
}

fn single(mut folded: impl ExactSizeIterator<Item = char>, c: char) -> char {
    match folded.len() {
        1 => folded.next().unwrap_or(c),
        _ => c,
    }
}

fn listed(texts: &[String]) -> String {
    let quoted: Vec<String> = texts.iter().map(|text| format!("{text:?}")).collect();
    quoted.join(", ")
}

/// A string in which `pattern` matches; `requirement` ("must be a host name") says it to people.
///
/// The pattern is compiled at first use, so that it costs nothing when a provider starts. A
/// pattern that does not compile refuses every value and says so.
pub fn regex(pattern: &'static str, requirement: &'static str) -> Validator {
    let compiled = OnceLock::new();
    string(
        move |text| match compiled.get_or_init(|| regex::Regex::new(pattern)) {
            Ok(regex) if regex.is_match(text) => Ok(()),
            Ok(_) => Err(requirement.to_owned()),
            Err(error) => Err(format!(
                "cannot be checked, the provider's pattern is broken: {error}"
            )),
        },
    )
}

/// A string that says how long, such as `1h30m`, within `range`; see [`Period`].
pub fn duration(range: impl RangeBounds<Duration> + Send + Sync + 'static) -> Validator {
    let bounds = (
        range.start_bound().cloned().map(Period),
        range.end_bound().cloned().map(Period),
    );
    string(move |text| match text.parse::<Period>() {
        Ok(period) if bounds.contains(&period) => Ok(()),
        Ok(_) => Err(format!("must be {}", in_words(&bounds))),
        Err(error) => Err(format!("must be a duration such as \"1h30m\": {error}")),
    })
}

/// A string that says how many bytes, such as `10GiB`, within `range`; see [`Size`].
pub fn size(range: impl RangeBounds<u64> + Send + Sync + 'static) -> Validator {
    let bounds = (
        range.start_bound().cloned().map(Size),
        range.end_bound().cloned().map(Size),
    );
    string(move |text| match text.parse::<Size>() {
        Ok(size) if bounds.contains(&size) => Ok(()),
        Ok(_) => Err(format!("must be {}", in_words(&bounds))),
        Err(error) => Err(format!("must be a size such as \"10GiB\": {error}")),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn letters_fold_as_in_regular_expressions() {
        let has_case = |c: &char| !c.to_lowercase().eq([*c]) || !c.to_uppercase().eq([*c]);
        // Both know, for one of the two may know a newer Unicode.
        let assigned = regex::Regex::new(r"\P{Cn}").unwrap();
        let is_known = |c: &char| assigned.is_match(&c.to_string());
        let letters = ('\0'..=char::MAX).filter(|c| has_case(c) && is_known(c));
        let letters: Vec<char> = letters.collect();
        let mut alike: BTreeMap<char, Vec<char>> = BTreeMap::new();
        let fold = |letter: char| folded(&letter.to_string()).next().unwrap();
        for &letter in &letters {
            alike.entry(fold(letter)).or_default().push(letter);
        }
        let text = String::from_iter(&letters);
        let mut others = Vec::new();
        for &letter in &letters {
            let pattern = format!("(?i){}", regex::escape(&letter.to_string()));
            let pattern = regex::Regex::new(&pattern).unwrap();
            let found = pattern
                .find_iter(&text)
                .flat_map(|found| found.as_str().chars());
            if !found.eq(alike[&fold(letter)].iter().copied()) {
                others.push(letter);
            }
        }
        // Three pairs look the same, and Unicode 15.1 and regular expressions take them for the same.
        assert_eq!(
            String::from_iter(others),
            "\u{390}\u{3b0}\u{1fd3}\u{1fe3}ﬅﬆ"
        );
    }
}
