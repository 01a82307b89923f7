//! Pairing by hash, against a model that compares everything with everything.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::value::{Object, Set};

/// How many values of `config` stand in `planned`; `None` if one does not.
fn agreement(config: &Value, planned: &Value) -> Option<usize> {
    let all = |configs: Vec<&Value>, plans: Vec<&Value>| {
        if configs.len() != plans.len() {
            return None;
        }
        let pairs = configs.into_iter().zip(plans);
        pairs.map(|(c, p)| agreement(c, p)).sum()
    };
    match (config, planned) {
        (Value::Null, _) => Some(0),
        (Value::Object(_), Value::Object(_)) | (Value::List(_), Value::List(_)) => {
            all(config.children().collect(), planned.children().collect())
        }
        (Value::Map(a), Value::Map(b)) if a.keys().eq(b.keys()) => {
            all(config.children().collect(), planned.children().collect())
        }
        (config, planned) => (config == planned).then_some(1),
    }
}

/// True if all is the same in `planned` and `prior` that is not computed anew.
fn continues(config: &Value, planned: &Value, prior: &Value) -> bool {
    let all = |configs: Option<Vec<&Value>>| {
        let (plans, priors) = (planned.children(), prior.children());
        plans.zip(priors).enumerate().all(|(i, (planned, prior))| {
            let config = configs.as_ref().and_then(|all| all.get(i).copied());
            continues(config.unwrap_or(&Value::Null), planned, prior)
        })
    };
    match (config, planned, prior) {
        (Value::Null, Value::Unknown, _) => true,
        (_, Value::Object(a), Value::Object(b)) => {
            a.names() == b.names() && all(config.as_object().map(|_| config.children().collect()))
        }
        (_, Value::List(a), Value::List(b)) => {
            a.len() == b.len() && all(config.as_elements().map(|_| config.children().collect()))
        }
        (_, planned, prior) => planned == prior,
    }
}

/// Takes the equal one, or else the best by `likeness`, the last of several.
fn naive<'v>(
    elements: &'v [Value],
    taken: &mut [bool],
    wanted: &Value,
    likeness: impl Fn(&Value) -> Option<usize>,
) -> Option<&'v Value> {
    let equal = elements.binary_search(wanted).ok();
    let equal = equal.filter(|at| !taken[*at]);
    let at = equal.or_else(|| {
        let free = (0..elements.len()).filter(|at| !taken[*at]);
        let alike = free.filter_map(|at| Some((likeness(&elements[at])?, at)));
        alike.max().map(|(_, at)| at)
    })?;
    taken[at] = true;
    Some(&elements[at])
}

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        2 => Just(Value::Null),
        2 => Just(Value::Unknown),
        4 => "[ab]".prop_map(Value::from),
        1 => (0..2_i64).prop_map(Value::from),
    ]
}

/// Objects of two leaves, a list, a map and an object, with few values so that many are alike.
fn element() -> impl Strategy<Value = Value> {
    let pairs = (leaf(), leaf());
    let list = prop_oneof![
        Just(Value::Null),
        vec(leaf(), 0..3).prop_map(Value::List),
        Just(Value::Unknown)
    ];
    let map = prop_oneof![
        Just(Value::Null),
        vec(("[kl]", leaf()), 0..3).prop_map(|entries| Value::Map(entries.into_iter().collect())),
    ];
    let inner = prop_oneof![
        Just(Value::Null),
        leaf().prop_map(|leaf| Value::object([("x", leaf)])),
    ];
    (pairs, list, map, inner).prop_map(|((a, b), list, map, inner)| {
        Value::object([("a", a), ("b", b), ("l", list), ("m", map), ("o", inner)])
    })
}

fn elements() -> impl Strategy<Value = Vec<Value>> {
    vec(element(), 0..8).prop_map(|elements| elements.into_iter().collect::<Set>().into_elements())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn pairs_are_those_of_comparing_everything(
        configs in elements(),
        priors in elements(),
        plans in elements(),
    ) {
        let (mut by_hash, mut prior_by_hash) = (Configured::new(&configs), Continued::new(&priors));
        let (mut taken, mut prior_taken) = (vec![false; configs.len()], vec![false; priors.len()]);
        // What is planned resembles what is configured more often than chance would have it.
        let plans = plans.iter().chain(&configs).chain(&priors);
        for planned in plans {
            let config = by_hash.take(planned);
            let expected = naive(&configs, &mut taken, planned, |config| agreement(config, planned));
            prop_assert_eq!(config, expected, "{:?}", planned);
            let config = config.unwrap_or(&Value::Null);
            let prior = prior_by_hash.take(config, planned);
            let expected = naive(&priors, &mut prior_taken, planned, |prior| {
                continues(config, planned, prior).then_some(0)
            });
            prop_assert_eq!(prior, expected, "{:?}", planned);
        }
    }
}

/// `count` objects of a name and a computed id.
fn set(count: usize, id: impl Fn(usize) -> Value) -> Vec<Value> {
    let one = |i: usize| {
        let name = Value::from(format!("n{i:05}"));
        Value::object([("id", id(i)), ("name", name)])
    };
    (0..count).map(one).collect::<Set>().into_elements()
}

#[test]
fn large_sets_with_computed_members_cost_their_size() {
    let pair_up = |count: usize| {
        let configs = set(count, |_| Value::Null);
        let priors = set(count, |i| Value::from(format!("id{i}")));
        let plans = set(count, |_| Value::Unknown);
        let ((), steps) = effort::steps_of(|| {
            let mut configured = Configured::new(&configs);
            let mut continued = Continued::new(&priors);
            for planned in &plans {
                let name = |value: &Value| value.as_object().and_then(|o| o.get("name")).cloned();
                let config = configured.take(planned).expect("one of the name");
                let prior = continued.take(config, planned).expect("one of the name");
                assert_eq!(name(config), name(planned));
                assert_eq!(name(prior), name(planned));
            }
        });
        steps
    };
    let (small, large) = (pair_up(1000), pair_up(10_000));
    assert_eq!(
        large,
        10 * small,
        "ten times the elements, ten times the steps"
    );
    assert!(large <= 12 * 10_000, "{large} steps");
}

#[test]
fn elements_of_many_shapes_cost_a_multiple_of_the_shapes() {
    // Eight ways to leave something out.
    let names = ["a", "b", "c"];
    let element = |i: usize, absent: &Value| {
        let value = |bit: usize| match i >> bit & 1 {
            0 => absent.clone(),
            _ => Value::from(format!("v{i}")),
        };
        let values = names.iter().enumerate();
        Value::Object(
            values
                .map(|(bit, name)| (*name, value(bit)))
                .chain([("key", Value::from(i))])
                .collect::<Object>(),
        )
    };
    let all = |count, absent: &Value| {
        let elements = (0..count).map(|i| element(i, absent));
        elements.collect::<Set>().into_elements()
    };
    let pair_up = |count: usize| {
        let (configs, plans) = (all(count, &Value::Null), all(count, &"default".into()));
        let ((), steps) = effort::steps_of(|| {
            let mut configured = Configured::new(&configs);
            for planned in &plans {
                assert!(configured.take(planned).is_some());
            }
        });
        steps
    };
    assert!(pair_up(8000) <= 11 * pair_up(800));
    assert!(pair_up(8000) <= 8000 * 8 * 4);
}

#[test]
fn shapes_say_what_counts() {
    let object = |a: Value, b: Value| Value::object([("a", a), ("b", b)]);
    let whole = || Shape::Whole;
    for (config, shape, weight) in [
        (Value::Null, Shape::Any, 0),
        (Value::Unknown, whole(), 1),
        ("x".into(), whole(), 1),
        (Value::set(["x"]), whole(), 1),
        (
            object("x".into(), Value::Null),
            Shape::Object(vec![whole(), Shape::Any]),
            1,
        ),
        (
            Value::list([Value::Null, "x".into()]),
            Shape::List(vec![Shape::Any, whole()]),
            1,
        ),
        (
            Value::map([("k", Value::Null), ("l", object("x".into(), "y".into()))]),
            Shape::Map(vec![Shape::Any, Shape::Object(vec![whole(), whole()])]),
            2,
        ),
    ] {
        assert_eq!(Shape::configured(&config), shape);
        assert_eq!(shape.weight(), weight, "{shape:?}");
        assert!(shape.key(&config).is_some() && shape.same(&config, &config));
    }
    for (config, planned, shape) in [
        (Some(Value::Null), Value::Unknown, Shape::Any),
        (None, Value::Unknown, Shape::Any),
        // It may turn out to be anything.
        (Some(Value::Unknown), Value::Unknown, whole()),
        (Some("x".into()), Value::Unknown, whole()),
        (
            Some(Value::Null),
            object("x".into(), Value::Unknown),
            Shape::Object(vec![whole(), Shape::Any]),
        ),
        (
            Some(object("x".into(), Value::Unknown)),
            object("x".into(), Value::Unknown),
            Shape::Object(vec![whole(), whole()]),
        ),
        (
            Some(Value::list([Value::Null])),
            Value::list([Value::Unknown, Value::Unknown]),
            Shape::List(vec![Shape::Any, Shape::Any]),
        ),
    ] {
        assert_eq!(Shape::continued(config.as_ref(), &planned), shape);
    }
}

#[test]
fn what_is_arranged_otherwise_has_no_key() {
    let shape = Shape::configured(&Value::list([Value::from("x")]));
    for other in [
        Value::Null,
        Value::Unknown,
        "x".into(),
        Value::list::<Value>([]),
        Value::list(["x", "y"]),
        Value::set(["x"]),
        Value::map([("x", "x")]),
    ] {
        assert_eq!(shape.key(&other), None, "{other:?}");
    }
    let map = Shape::configured(&Value::map([("k", "x")]));
    assert_ne!(
        map.key(&Value::map([("k", "x")])),
        map.key(&Value::map([("l", "x")]))
    );
    assert!(!map.same(&Value::map([("k", "x")]), &Value::map([("l", "x")])));
}
