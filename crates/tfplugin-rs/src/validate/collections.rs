//! Validators of lists, sets and maps.

use std::ops::RangeBounds;

use super::{Report, Subject, Validator, counts_in_words, mentions_of, value};
use crate::path::Step;
use crate::value::Value;

/// A list, set or map with a number of elements within `range`.
pub fn items(range: impl RangeBounds<usize> + Send + Sync + 'static) -> Validator {
    value(move |value| {
        let count = value
            .as_elements()
            .map(<[_]>::len)
            .or_else(|| value.as_map().map(|entries| entries.len()));
        match count {
            Some(count) if !range.contains(&count) => Err(format!(
                "must have {} but has {count}",
                counts_in_words(&range, "element")
            )),
            _ => Ok(()),
        }
    })
    .about(Subject::Collection)
}

/// A list in which no element occurs twice. Elements not known yet may turn out to be any.
pub fn unique() -> Validator {
    value(|value| {
        let elements = value.as_elements().unwrap_or_default();
        let mut sorted: Vec<(&Value, usize)> = elements
            .iter()
            .enumerate()
            .filter(|(_, element)| element.is_wholly_known())
            .map(|(index, element)| (element, index))
            .collect();
        sorted.sort_unstable();
        // The pair that shows first to a reader, and not the one that happens to sort first.
        let pairs = sorted.windows(2).filter(|pair| pair[0].0 == pair[1].0);
        match pairs.map(|pair| (pair[1].1, pair[0].1)).min() {
            Some((second, first)) => Err(format!(
                "must not contain an element twice, but elements {first} and {second} are the same"
            )),
            None => Ok(()),
        }
    })
    .about(Subject::List)
}

/// A collection without null elements.
pub fn no_nulls() -> Validator {
    Validator::new(|value, report| {
        each_element(value, report, |element, report| {
            if element.is_null() {
                report.refuse("must not be null", element);
            }
        });
    })
    .about(Subject::Collection)
}

/// Applies validators to each element of a list, set, map or tuple.
pub fn each(validators: impl IntoIterator<Item = Validator>) -> Validator {
    let validators: Vec<Validator> = validators.into_iter().collect();
    let (subject, mentions) = (
        Subject::Elements(validators.clone()),
        mentions_of(&validators),
    );
    Validator {
        mentions,
        ..Validator::new(move |value, report| {
            each_element(value, report, |element, report| {
                for validator in &validators {
                    validator.check(element, report);
                }
            });
        })
    }
    .about(subject)
}

fn each_element(value: &Value, report: &mut Report<'_>, check: impl Fn(&Value, &mut Report<'_>)) {
    match value {
        Value::Map(entries) => {
            for (key, element) in entries {
                report.within(Step::Key(key.to_owned()), |report| check(element, report));
            }
        }
        Value::Set(set) => {
            for element in set.elements() {
                report.within(Step::Element(element.clone()), |report| {
                    check(element, report)
                });
            }
        }
        other => {
            for (index, element) in other.as_elements().unwrap_or_default().iter().enumerate() {
                report.within(Step::Index(index), |report| check(element, report));
            }
        }
    }
}

/// Applies validators to each key of a map.
pub fn keys(validators: impl IntoIterator<Item = Validator>) -> Validator {
    let validators: Vec<Validator> = validators.into_iter().collect();
    let (subject, mentions) = (Subject::Keys(validators.clone()), mentions_of(&validators));
    Validator {
        mentions,
        ..Validator::new(move |value, report| {
            for key in value
                .as_map()
                .into_iter()
                .flat_map(|entries| entries.keys())
            {
                let text = Value::from(key);
                report.within(Step::Key(key.to_owned()), |report| {
                    for validator in &validators {
                        validator.check(&text, report);
                    }
                });
            }
        })
    }
    .about(subject)
}
