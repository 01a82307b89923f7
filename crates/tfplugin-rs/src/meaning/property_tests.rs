//! Spellings of texts without case, kept by a model that looks at everything.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use super::*;
use crate::model::{Field, Text};
use crate::schema::Attribute;
use crate::types::Caseless;

/// A text of few letters, so that spellings meet.
fn text() -> impl Strategy<Value = Value> {
    prop_oneof![
        1 => Just(Value::Null),
        1 => Just(Value::Unknown),
        8 => "[aAbB]{1,2}".prop_map(Value::from),
    ]
}

fn same(a: &Value, b: &Value) -> bool {
    match (a.as_str(), b.as_str()) {
        (Some(a), Some(b)) => a.to_lowercase() == b.to_lowercase(),
        _ => false,
    }
}

/// What is kept of one text.
fn kept_text(prior: &Value, new: &Value) -> Value {
    if same(prior, new) {
        prior.clone()
    } else {
        new.clone()
    }
}

fn kept<T: Field>(prior: &Value, new: &Value) -> Value {
    let members = Members::new().with(Attribute::of::<T>("a"));
    let whole = |a: &Value| Value::object([("a", a.clone())]);
    let mut changed = whole(new);
    keep_spelling(&members, &whole(prior), &mut changed);
    changed.at(&"a".into()).cloned().expect("it is a member")
}

proptest! {
    #[test]
    fn lists_keep_by_place(
        prior in vec(text(), 0..5),
        new in vec(text(), 0..5),
    ) {
        let expected: Vec<Value> = new
            .iter()
            .enumerate()
            .map(|(i, new)| prior.get(i).map_or_else(|| new.clone(), |prior| kept_text(prior, new)))
            .collect();
        let (prior, new) = (Value::List(prior), Value::List(new));
        prop_assert_eq!(kept::<Vec<Text<Caseless>>>(&prior, &new), Value::List(expected));
    }

    #[test]
    fn maps_keep_by_key(
        prior in btree_map("[k-m]", text(), 0..4),
        new in btree_map("[k-m]", text(), 0..4),
    ) {
        type Texts = std::collections::BTreeMap<String, Text<Caseless>>;
        let expected = new.iter().map(|(key, new)| {
            let kept = prior.get(key).map_or_else(|| new.clone(), |prior| kept_text(prior, new));
            (key.clone(), kept)
        });
        let expected = Value::map(expected);
        let found = kept::<Texts>(&Value::map(prior), &Value::map(new));
        prop_assert_eq!(found, expected);
    }

    /// Which of several spellings is kept in a set is nobody's promise; that a kept one is from the
    /// state, means what the new one means, and is kept once, is.
    #[test]
    fn sets_keep_what_means_the_same(
        prior in vec("[aAbB]{1,2}", 0..6),
        new in vec("[aAbB]{1,2}", 0..6),
    ) {
        type Texts = BTreeSet<Text<Caseless>>;
        let (prior, new) = (Value::set(prior), Value::set(new));
        let found = kept::<Texts>(&prior, &new);
        let elements = |value: &Value| value.as_elements().unwrap_or_default().to_vec();
        let (before, after, found) = (elements(&prior), elements(&new), elements(&found));
        prop_assert_eq!(found.len(), after.len());
        for element in &found {
            let is_new = after.contains(element);
            let is_kept = before.contains(element) && after.iter().any(|new| same(element, new));
            prop_assert!(is_new || is_kept, "{:?}", element);
        }
        for meaning in ["a", "b", "aa", "ab", "ba", "bb"] {
            let of = |elements: &[Value]| {
                let lower = |v: &&Value| v.as_str().map(str::to_lowercase).as_deref() == Some(meaning);
                elements.iter().filter(lower).count()
            };
            prop_assert_eq!(of(&found), of(&after), "{}", meaning);
            // As many as there are on both sides come from the state.
            let from_state = found.iter().filter(|v| before.contains(v));
            let from_state: Vec<Value> = from_state.cloned().collect();
            prop_assert_eq!(of(&from_state), of(&before).min(of(&after)), "{}", meaning);
        }
    }

    #[test]
    fn what_was_kept_once_stays(prior in vec(text(), 0..4), new in vec(text(), 0..4)) {
        let (prior, new) = (Value::List(prior), Value::List(new));
        let once = kept::<Vec<Text<Caseless>>>(&prior, &new);
        let twice = kept::<Vec<Text<Caseless>>>(&prior, &once);
        prop_assert_eq!(&twice, &once);
        // And what is the same already is never touched.
        prop_assert_eq!(&kept::<Vec<Text<Caseless>>>(&new, &new), &new);
    }
}
