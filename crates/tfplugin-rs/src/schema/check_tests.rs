//! Every mistake by itself, and schemas without any.

use super::*;
use crate::path::{parent, root};
use crate::value::Value;
use crate::{rule, validate};

fn text(name: &str) -> Attribute {
    Attribute::new(name, Type::String)
}

fn problems(member: impl Into<Member>) -> Vec<String> {
    Schema::new().with(member).problems(Role::Resource)
}

fn nested(nesting: Nesting, inner: Attribute) -> Attribute {
    Attribute::nested("n", nesting, Members::new().with(inner)).optional()
}

#[test]
fn each_mistake_is_named_with_its_path() {
    let inner = || Members::new().with(text("x").required());
    for (member, problem) in [
        (
            text("a").into(),
            "a: one of required, optional, computed is needed",
        ),
        (
            text("a").required().computed().into(),
            "a: required and computed exclude each other",
        ),
        (
            text("a").required().optional().into(),
            "a: required and optional exclude each other",
        ),
        (
            text("A").required().into(),
            "A: a name is lower-case letters, digits and underscores",
        ),
        (
            text("count").required().into(),
            "the name \"count\" belongs to Terraform itself",
        ),
        (
            text("a").optional().default("x").into(),
            "a: a default needs an attribute that is optional and computed",
        ),
        (
            text("a").optional().computed().default(1).into(),
            "a: the default is a number, but the type is string",
        ),
        (
            text("a").optional().computed().write_only().into(),
            "a: write-only and computed exclude each other",
        ),
        (
            text("a").required().write_only().into(),
            "a: write-only attributes must be optional, or imports cannot be generated",
        ),
        (
            nested(Nesting::Set, text("s").optional().write_only()).into(),
            "n.s: a set cannot hold write-only attributes",
        ),
        (
            nested(Nesting::List, text("s").optional())
                .write_only()
                .into(),
            "n.s: everything inside a write-only attribute must be write-only",
        ),
        (
            nested(Nesting::List, text("s")).into(),
            "n.s: one of required, optional, computed is needed",
        ),
        (
            Attribute::new("d", Type::list(Type::Dynamic))
                .optional()
                .into(),
            "d: a collection cannot hold dynamic values; make the whole dynamic instead",
        ),
        (
            Block::new("b", Nesting::List, inner()).min(3).max(2).into(),
            "b: the least number of items exceeds the greatest",
        ),
        (
            Block::new("b", Nesting::Single, inner()).max(2).into(),
            "b: a single block cannot be asked for more than once",
        ),
        (
            Block::of::<Vec<String>>("b").into(),
            "b: a block needs members; its Rust type must be made of models",
        ),
        (
            Attribute::nested(
                "n",
                Nesting::List,
                Members::new().with(Block::new("b", Nesting::List, inner())),
            )
            .optional()
            .into(),
            "n.b: a nested attribute cannot hold blocks",
        ),
    ] as [(Member, &str); 17]
    {
        assert_eq!(problems(member), [problem]);
    }
}

#[test]
fn rules_and_validators_must_fit_what_they_are_attached_to() {
    let (strings, numbers) = ("a validator for strings", "a validator for numbers");
    let length = || validate::length(1..);
    for (ty, validator, problem) in [
        (
            Type::Number,
            length(),
            format!("{strings} can never apply to number"),
        ),
        (
            Type::String,
            validate::range(..=3),
            format!("{numbers} can never apply to string"),
        ),
        (
            Type::String,
            validate::one_of([1, 2]),
            format!("{numbers} can never apply to string"),
        ),
        (
            Type::String,
            validate::items(..=3),
            "a validator for collections can never apply to string".to_owned(),
        ),
        (
            Type::set(Type::String),
            validate::unique(),
            "a validator for lists can never apply to set(string)".to_owned(),
        ),
        (
            Type::list(Type::Bool),
            validate::each([length()]),
            format!("{strings} can never apply to bool"),
        ),
        (
            Type::list(Type::Bool),
            validate::keys([length()]),
            "a validator for maps can never apply to list(bool)".to_owned(),
        ),
        (
            Type::String,
            validate::any([length(), validate::range(1..)]),
            format!("{numbers} can never apply to string"),
        ),
    ] {
        let attribute = Attribute::new("a", ty).optional().validate(validator);
        assert_eq!(problems(attribute), [format!("a: {problem}")]);
    }
    for (ty, validator) in [
        (
            Type::String,
            validate::any([length(), validate::one_of(["x"])]),
        ),
        (Type::Dynamic, length()),
        (
            Type::map(Type::Number),
            validate::each([validate::range(1..)]),
        ),
        (Type::map(Type::Number), validate::keys([length()])),
        (
            Type::tuple([Type::String, Type::String]),
            validate::each([length()]),
        ),
    ] {
        let attribute = Attribute::new("a", ty).optional().validate(validator);
        assert_eq!(problems(attribute), [] as [&str; 0]);
    }
}

#[test]
fn expressions_must_lead_somewhere() {
    let listed = |validator| {
        let inner = text("x").optional().validate(validator);
        Attribute::nested("n", Nesting::List, Members::new().with(inner)).optional()
    };
    let ruled = |rule| {
        let members = Members::new().with(text("x").optional()).rule(rule);
        Attribute::nested("n", Nesting::Map, members).optional()
    };
    let other = [parent().at("x"), root().at("n").any_index().at("x")];
    for (attribute, problem) in [
        (
            text("a")
                .optional()
                .validate(validate::conflicts_with(["b"])),
            Some("a: nothing in the schema matches b"),
        ),
        (
            listed(validate::also_requires([parent().at("y")])),
            Some("n.x: nothing in the schema matches <.y"),
        ),
        (
            listed(validate::also_requires([parent().up().up().up().up()])),
            Some("n.x: nothing in the schema matches <<<<<"),
        ),
        (
            ruled(rule::conflicting(["x", "y"])),
            Some("n: nothing in the schema matches y"),
        ),
        (listed(validate::also_requires(other)), None),
        (
            ruled(rule::conflicting([root().at("n").any_key().at("x")])),
            None,
        ),
    ] {
        assert_eq!(problems(attribute), problem.into_iter().collect::<Vec<_>>());
    }
}

#[test]
fn dynamic_values_cannot_be_in_collections_at_any_depth() {
    let inner = Attribute::new("d", Type::Dynamic).optional();
    let problem = "n.d: a collection cannot hold dynamic values; make the whole dynamic instead";
    assert_eq!(problems(nested(Nesting::List, inner.clone())), [problem]);
    assert_eq!(problems(nested(Nesting::Map, inner.clone())), [problem]);
    assert_eq!(
        problems(nested(Nesting::Single, inner.clone())),
        [] as [&str; 0]
    );
    let members = Members::new().with(inner);
    assert_eq!(problems(Block::new("n", Nesting::Set, members)), [problem]);
}

#[test]
fn good_schemas_pass() {
    for member in [
        text("a").required().into(),
        text("a")
            .optional()
            .computed()
            .default("x")
            .replace()
            .into(),
        nested(Nesting::List, text("s").optional().write_only()).into(),
        Block::new("b", Nesting::Set, Members::new().with(text("x").required()))
            .max(2)
            .into(),
        Attribute::new("d", Type::Dynamic).optional().into(),
    ] as [Member; 5]
    {
        assert_eq!(problems(member), [] as [&str; 0]);
    }
}

#[test]
fn rust_types_need_room_for_what_may_come() {
    let null = "a: its Rust type has no place for null; use Option or Attr, or give a default";
    let unknown = "a: its Rust type has no place for unknown; use Attr";
    let text = || Attribute::typed::<String>("a");
    let option = || Attribute::typed::<Option<String>>("a");
    let attr = || Attribute::typed::<crate::Attr<String>>("a");
    for (attribute, problem) in [
        (text().required(), None),
        (text().optional(), Some(null)),
        (text().computed(), Some(null)),
        (text().optional().computed().default("d"), None),
        (option().optional(), None),
        (option().optional().computed(), Some(unknown)),
        (option().optional().computed().default("d"), None),
        (attr().optional().computed(), None),
    ] {
        assert_eq!(problems(attribute), problem.into_iter().collect::<Vec<_>>());
    }
}

#[test]
fn inside_a_computed_object_everything_is_computed() {
    let inner = Attribute::typed::<String>("x").required();
    let outer = Attribute::nested("n", Nesting::List, Members::new().with(inner)).computed();
    let schema = Schema::new().with(outer);
    assert_eq!(schema.problems(Role::Resource), [] as [&str; 0]);
    let Some(Member::Attribute(outer)) = schema.members.get("n") else {
        panic!("no n")
    };
    let AttributeKind::Nested(_, members) = &outer.kind else {
        panic!("not nested")
    };
    let Some(Member::Attribute(inner)) = members.get("x") else {
        panic!("no x")
    };
    assert_eq!(
        (inner.required, inner.optional, inner.computed),
        (false, false, true)
    );
}

#[test]
fn what_may_be_computed_as_a_whole_must_be_so_in_its_parts() {
    let nested = |inner: Attribute| {
        Attribute::nested("n", Nesting::List, Members::new().with(inner))
            .optional()
            .computed()
    };
    assert_eq!(
        problems(nested(text("x").required())),
        ["n: \"x\" inside must be computed too, or Terraform removes what was computed"]
    );
    assert_eq!(
        problems(nested(text("x").optional().computed())),
        [] as [&str; 0]
    );
    let empty = Value::list::<Value>([]);
    assert_eq!(
        problems(nested(text("x").required()).default(empty)),
        [] as [&str; 0]
    );
}

#[test]
fn two_members_of_one_name_are_found() {
    let schema = Schema::new()
        .with(text("a").required())
        .with(text("a").optional());
    assert_eq!(
        schema.problems(Role::Resource),
        ["a: the name is used twice"]
    );
}

#[test]
fn roles_have_their_own_rules() {
    let check = |attribute: Attribute, role| Schema::new().with(attribute).problems(role);
    assert_eq!(
        check(text("a").computed(), Role::Provider),
        ["a: there is no state here in which computed values could be kept"]
    );
    assert_eq!(
        check(text("a").required().replace(), Role::DataSource),
        ["a: only attributes of resources have plans to modify"]
    );
    assert_eq!(
        check(text("a").optional().write_only(), Role::DataSource),
        ["a: only resources and actions have write-only attributes"]
    );
    assert_eq!(
        check(text("a").required().write_only(), Role::Action),
        [] as [&str; 0]
    );
    for role in [Role::Action, Role::ListResource, Role::ProviderMeta] {
        assert_eq!(check(text("count").required(), role), [] as [&str; 0]);
        assert_eq!(check(text("a").optional().computed(), role).len(), 1);
    }
    assert_eq!(
        check(text("count").required(), Role::EphemeralResource),
        ["the name \"count\" belongs to Terraform itself"]
    );
    assert_eq!(
        check(text("count").required(), Role::Provider),
        [] as [&str; 0]
    );
}

#[test]
fn identities_are_plain() {
    let check = |member: Member| Schema::new().with(member).problems(Role::Identity);
    let list = |element| Attribute::new("a", Type::list(element)).optional();
    assert_eq!(check(text("a").required().into()), [] as [&str; 0]);
    assert_eq!(check(list(Type::Number).into()), [] as [&str; 0]);
    let plain = "a: an identity is made of bools, numbers, strings and lists of these";
    for member in [
        list(Type::list(Type::String)).into(),
        Attribute::new("a", Type::map(Type::String))
            .required()
            .into(),
        nested(Nesting::Single, text("b").optional()).into(),
    ] as [Member; 3]
    {
        let found = check(member);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].ends_with(&plain[3..]), "{found:?}");
    }
    let sensitive = "a: an attribute of an identity is neither sensitive nor deprecated";
    assert_eq!(check(text("a").required().sensitive().into()), [sensitive]);
    let block = Block::new(
        "b",
        Nesting::List,
        Members::new().with(text("x").required()),
    );
    assert_eq!(check(block.into()), ["b: an identity has no blocks"]);
}
