//! Paths and values of any type: every place is found again.

use proptest::prelude::*;

use super::*;
use crate::value::{Type, sampling};

/// Every place in a value, itself included, dynamic values from outside only.
fn places(value: &Value, path: &AttributePath, found: &mut Vec<(AttributePath, Value)>) {
    found.push((path.clone(), value.clone()));
    let mut go = |step: Step, inner: &Value| places(inner, &path.clone().join(step), found);
    match value {
        Value::List(elements) | Value::Tuple(elements) => {
            let indexed = elements.iter().enumerate();
            indexed.for_each(|(i, element)| go(Step::Index(i), element));
        }
        Value::Set(set) => {
            let elements = set.elements().iter();
            elements.for_each(|element| go(Step::Element(element.clone()), element));
        }
        Value::Map(map) => map
            .iter()
            .for_each(|(key, v)| go(Step::Key(key.to_owned()), v)),
        Value::Object(object) => object
            .iter()
            .for_each(|(name, v)| go(Step::Attribute(name.to_owned()), v)),
        _ => {}
    }
}

fn exact(path: &AttributePath) -> Vec<Pattern> {
    path.steps().iter().cloned().map(Pattern::Exact).collect()
}

/// The same steps, with every index, key and element replaced by any.
fn any(path: &AttributePath) -> Vec<Pattern> {
    let wider = path.steps().iter().map(|step| match step {
        Step::Attribute(_) => Pattern::Exact(step.clone()),
        Step::Element(_) => Pattern::AnyElement,
        Step::Index(_) => Pattern::AnyIndex,
        Step::Key(_) => Pattern::AnyKey,
    });
    wider.collect()
}

fn all(value: &Value) -> Vec<(AttributePath, Value)> {
    let mut found = Vec::new();
    places(value, &AttributePath::root(), &mut found);
    found
}

proptest! {
    #[test]
    fn every_place_is_found_by_its_path((ty, value) in sampling::typed_value()) {
        for (path, inner) in all(&value) {
            prop_assert_eq!(value.at(&path), Some(&inner), "{}", path);
            prop_assert!(leads_somewhere(&ty, &exact(&path)), "{} in {}", path, ty);
            prop_assert!(leads_somewhere(&ty, &any(&path)), "{} in {}", path, ty);
            let found = find(&value, &exact(&path));
            prop_assert_eq!(found, [(path.clone(), &inner)]);
            let wider = find(&value, &any(&path));
            prop_assert!(wider.contains(&(path, &inner)));
        }
    }

    #[test]
    fn what_is_put_back_changes_nothing((_, value) in sampling::typed_value()) {
        for (path, inner) in all(&value) {
            let mut changed = value.clone();
            prop_assert!(changed.set_at(&path, inner), "{}", path);
            prop_assert_eq!(&changed, &value);
        }
    }

    #[test]
    fn what_is_put_there_is_found_there((_, value) in sampling::typed_value()) {
        for (path, _) in all(&value) {
            // The path of a set's element names what it was.
            if path.steps().iter().any(|step| matches!(step, Step::Element(_))) {
                continue;
            }
            let mut changed = value.clone();
            prop_assert!(changed.set_at(&path, Value::Unknown), "{}", path);
            prop_assert_eq!(changed.at(&path), Some(&Value::Unknown));
            prop_assert!(!changed.is_wholly_known());
        }
    }

    #[test]
    fn one_step_too_far_leads_nowhere((ty, value) in sampling::typed_value()) {
        let nowhere = AttributePath::from("no-such-name");
        let Type::Dynamic = ty else {
            prop_assert_eq!(value.at(&nowhere), None);
            prop_assert!(!leads_somewhere(&ty, &exact(&nowhere)));
            let mut unchanged = value.clone();
            prop_assert!(!unchanged.set_at(&nowhere, Value::Null));
            prop_assert_eq!(unchanged, value);
            return Ok(());
        };
    }

    #[test]
    fn a_path_contains_its_continuations((_, value) in sampling::typed_value()) {
        let all = all(&value);
        for (path, _) in &all {
            prop_assert!(AttributePath::root().contains(path));
            for (other, _) in &all {
                let is_prefix = other.steps().starts_with(path.steps());
                prop_assert_eq!(path.contains(other), is_prefix);
                if let Some(rest) = other.steps().strip_prefix(path.steps()) {
                    let rest = rest.iter().cloned().fold(AttributePath::root(), AttributePath::join);
                    prop_assert_eq!(&path.clone().concat(rest), other);
                }
            }
        }
    }

    #[test]
    fn expressions_of_a_path_read_like_it((_, value) in sampling::typed_value()) {
        for (path, _) in all(&value) {
            let first = path.steps().first();
            if matches!(first, None | Some(Step::Attribute(_))) {
                prop_assert_eq!(PathExpression::from(path.clone()).to_string(), path.to_string());
            }
        }
    }
}
