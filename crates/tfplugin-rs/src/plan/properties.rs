//! Whatever the schema and the configuration: a plan fits its schema, breaks no rule, keeps every
//! promise once applied, and after that there is nothing left to plan.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::schema::{Attribute, AttributeKind, Block, Member, Nesting};
use crate::testing::new_state;
use crate::value::{Object, Type};

/// Who sets an attribute.
#[derive(Debug, Clone, Copy)]
enum Setter {
    Required,
    Optional,
    Computed,
    Either,
    Defaulted,
    Kept,
}

fn setter() -> impl Strategy<Value = Setter> {
    prop_oneof![
        Just(Setter::Required),
        Just(Setter::Optional),
        Just(Setter::Computed),
        Just(Setter::Either),
        Just(Setter::Defaulted),
        Just(Setter::Kept),
    ]
}

fn nesting() -> impl Strategy<Value = Nesting> {
    prop_oneof![
        Just(Nesting::List),
        Just(Nesting::Map),
        Just(Nesting::Set),
        Just(Nesting::Single),
    ]
}

fn text(name: &str, setter: Setter) -> Attribute {
    let text = Attribute::new(name, Type::String);
    match setter {
        Setter::Required => text.required(),
        Setter::Optional => text.optional().replace(),
        Setter::Computed => text.computed(),
        Setter::Either => text.optional().computed(),
        Setter::Defaulted => text.optional().computed().default("d"),
        Setter::Kept => text.computed().use_state_for_unknown(),
    }
}

/// Up to four texts, one list and, down to `depth`, two members with members of their own, inside of
/// so many sets. Terraform does not recognise an element of a set with a set in it in which anything
/// is computed, so there is nothing computed in a set in a set.
fn members(depth: u32, sets: u32) -> BoxedStrategy<Members> {
    let texts = vec(setter(), 1..5).prop_map(move |setters| {
        let members = setters.into_iter().enumerate().map(|(i, setter)| {
            let setter = match setter {
                Setter::Required => Setter::Required,
                _ if sets > 1 => Setter::Optional,
                setter => setter,
            };
            text(&format!("t{i}"), setter)
        });
        let list = Attribute::new("list", Type::list(Type::String)).optional();
        members.fold(Members::new().with(list), Members::with)
    });
    if depth == 0 {
        return texts.boxed();
    }
    let nested = || {
        nesting().prop_flat_map(move |nesting| {
            let sets = sets + u32::from(nesting == Nesting::Set);
            (Just(nesting), members(depth - 1, sets))
        })
    };
    (texts, nested(), nested(), any::<bool>())
        .prop_map(
            |(members, (outer, inside), (block, in_block), is_computed)| {
                let nested = Attribute::nested("nested", outer, inside);
                let nested = if is_computed {
                    nested.computed()
                } else {
                    nested.optional()
                };
                // A nested attribute cannot hold blocks, so blocks are only at the root.
                members
                    .with(nested)
                    .with(Block::new("block", block, without_blocks(in_block)))
            },
        )
        .prop_map(|members| without_nested_blocks(&members))
        .boxed()
}

fn without_blocks(members: Members) -> Members {
    let kept = members
        .iter()
        .filter(|member| matches!(member, Member::Attribute(_)));
    kept.cloned().fold(Members::new(), Members::with)
}

fn without_nested_blocks(members: &Members) -> Members {
    members
        .iter()
        .cloned()
        .fold(Members::new(), |kept, member| match member {
            Member::Attribute(mut attribute) => {
                if let AttributeKind::Nested(_, inside) = &mut attribute.kind {
                    *inside = without_blocks(std::mem::take(inside));
                }
                kept.with(attribute)
            }
            block => kept.with(block),
        })
}

/// A configuration of these members.
fn config(members: &Members) -> BoxedStrategy<Value> {
    let names = members.object_type().names().clone();
    let values: Vec<BoxedStrategy<Value>> = members.iter().map(config_of).collect();
    values
        .prop_map(move |values| Value::Object(Object::new(names.clone(), values)))
        .boxed()
}

fn config_of(member: &Member) -> BoxedStrategy<Value> {
    let text = "[a-d]".prop_map(Value::from).boxed();
    let attribute = match member {
        Member::Block(block) => return collection(block.nesting, &block.members),
        Member::Attribute(attribute) if !(attribute.required || attribute.optional) => {
            return Just(Value::Null).boxed();
        }
        Member::Attribute(attribute) => attribute,
    };
    let known = match &attribute.kind {
        AttributeKind::Nested(nesting, members) => collection(*nesting, members),
        AttributeKind::Type(Type::List(_)) => vec(text, 0..3).prop_map(Value::List).boxed(),
        AttributeKind::Type(_) => text,
    };
    if attribute.required {
        return known;
    }
    prop_oneof![1 => Just(Value::Null), 2 => known].boxed()
}

fn collection(nesting: Nesting, members: &Members) -> BoxedStrategy<Value> {
    let elements = vec(config(members), 0..3);
    match nesting {
        Nesting::List => elements.prop_map(Value::List).boxed(),
        Nesting::Set => elements
            .prop_map(|elements| Value::set(distinct(elements)))
            .boxed(),
        Nesting::Map => elements
            .prop_map(|elements| {
                let keys = ["k", "l", "m"].map(str::to_owned);
                Value::Map(keys.into_iter().zip(elements).collect())
            })
            .boxed(),
        Nesting::Single => config(members),
    }
}

/// Without elements that say nothing else than one before wherever both say something: Terraform
/// cannot tell which of the two a prior element was.
fn distinct(elements: Vec<Value>) -> Vec<Value> {
    let mut kept: Vec<Value> = Vec::new();
    for element in elements {
        if !kept.iter().any(|before| agree(before, &element)) {
            kept.push(element);
        }
    }
    kept
}

fn agree(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Null, _) | (_, Value::Null) => true,
        (Value::Object(a), Value::Object(b)) => {
            a.values().iter().zip(b.values()).all(|(a, b)| agree(a, b))
        }
        (a, b) => a == b,
    }
}

/// Plans as the server does, and checks what it checks.
fn plan(members: &Members, prior: &Value, config: &Value) -> Result<Value, TestCaseError> {
    let mut proposal = Proposal {
        config: config.clone(),
        prior: prior.clone(),
        planned: new_state(members, prior, config),
    };
    let mut diagnostics = Diagnostics::new();
    let replace = proposal.prepare(members, &mut diagnostics);
    prop_assert!(replace.is_ok(), "{replace:?}");
    let planned = proposal.planned;
    prop_assert!(planned.fits(&Type::Object(members.object_type().into())));
    let broken = check_planned(members, config, prior, &planned);
    prop_assert_eq!(broken.to_string(), "", "{:?} from {:?}", planned, config);
    prop_assert!(
        follows(members, config, &planned),
        "{:?} from {:?}",
        planned,
        config
    );
    if prior.is_null() {
        prop_assert!(replace.is_ok_and(|replace| replace.is_empty()));
    }
    Ok(planned)
}

/// True if the plan says what the configuration does, and fills in nothing else but defaults and
/// what is computed. Terraform asks the same of it, in sets by looking for a partner of each element.
fn follows(members: &Members, config: &Value, planned: &Value) -> bool {
    let (Some(configs), Some(plans)) = (config.as_object(), planned.as_object()) else {
        return config == planned;
    };
    let mut values = members
        .iter()
        .zip(configs.values().iter().zip(plans.values()));
    values.all(|(member, (config, planned))| match member {
        Member::Block(block) => all_follow(block.nesting, &block.members, config, planned),
        Member::Attribute(attribute) => match (&attribute.kind, &attribute.default) {
            (_, Some(default)) if config.is_null() => planned == default,
            _ if config.is_null() => attribute.computed || planned.is_null(),
            (AttributeKind::Nested(nesting, inside), _) => {
                all_follow(*nesting, inside, config, planned)
            }
            (AttributeKind::Type(_), _) => config == planned,
        },
    })
}

fn all_follow(nesting: Nesting, members: &Members, config: &Value, planned: &Value) -> bool {
    let each = |(config, planned): (&Value, &Value)| follows(members, config, planned);
    match (config, planned) {
        (Value::Set(configs), Value::Set(plans)) => {
            are_partners(members, configs.elements(), &mut plans.elements().to_vec())
        }
        (Value::List(configs), Value::List(plans)) => {
            configs.len() == plans.len() && configs.iter().zip(plans).all(each)
        }
        (Value::Map(configs), Value::Map(plans)) => {
            configs.keys().eq(plans.keys()) && configs.values().zip(plans.values()).all(each)
        }
        _ => nesting == Nesting::Single && follows(members, config, planned),
    }
}

/// True if each element of the configuration has a plan of its own and none is left over.
fn are_partners(members: &Members, configs: &[Value], plans: &mut Vec<Value>) -> bool {
    let Some((first, rest)) = configs.split_first() else {
        return plans.is_empty();
    };
    (0..plans.len()).any(|i| {
        let planned = plans.remove(i);
        let found = follows(members, first, &planned) && are_partners(members, rest, plans);
        plans.insert(i, planned);
        found
    })
}

/// Gives every unknown a value, always the same.
fn apply(members: &Members, planned: Value) -> Value {
    let Value::Object(object) = planned else {
        return planned;
    };
    let names = object.names().clone();
    let values = object.into_values().into_iter().zip(members.iter());
    let values = values.map(|(value, member)| match member {
        Member::Block(block) => apply_all(&block.members, value),
        Member::Attribute(attribute) => match (&attribute.kind, value) {
            (AttributeKind::Type(Type::String), Value::Unknown) => Value::from("made"),
            (_, Value::Unknown) => Value::Null,
            (AttributeKind::Nested(_, members), value) => apply_all(members, value),
            (AttributeKind::Type(_), value) => value,
        },
    });
    Value::Object(Object::new(names, values.collect()))
}

fn apply_all(members: &Members, value: Value) -> Value {
    let each = |values: Vec<Value>| values.into_iter().map(|value| apply(members, value));
    match value {
        Value::List(elements) => Value::List(each(elements).collect()),
        Value::Set(set) => Value::Set(each(set.into_elements()).collect()),
        Value::Map(entries) => Value::Map(
            entries
                .into_iter()
                .map(|(key, value)| (key, apply(members, value)))
                .collect(),
        ),
        single => apply(members, single),
    }
}

/// From a state to what the configuration says, and once more.
fn reach(members: &Members, prior: &Value, config: &Value) -> Result<Value, TestCaseError> {
    let planned = plan(members, prior, config)?;
    let state = apply(members, planned.clone());
    prop_assert_eq!(check_applied(&planned, &state).to_string(), "");
    prop_assert_eq!(check_known(&state, "apply").to_string(), "");
    let again = plan(members, &state, config)?;
    prop_assert_eq!(&again, &state, "a second plan finds something to do");
    Ok(state)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn plans_break_no_rule_and_come_to_rest(
        (members, first, second) in members(2, 0).prop_flat_map(|members| {
            let (first, second) = (config(&members), config(&members));
            (Just(members), first, second)
        }),
    ) {
        let created = reach(&members, &Value::Null, &first)?;
        reach(&members, &created, &second)?;
        reach(&members, &created, &first)?;
    }
}
