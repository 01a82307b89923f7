//! Every option of the derive, and the schema that comes of it.

use std::collections::BTreeMap;

use super::*;
use crate::attr::Attr;
use crate::schema::{Attribute, AttributeKind, Block, Member, Role};
use crate::timeouts::{Operation, Timeouts};
use crate::{Model, modify, rule, validate};

/// An attribute or block for each option.
#[derive(Model)]
#[model(version = 7, deprecated = "Use another.", rule = [rule::conflicting(["optional", "forced_optional"])])]
struct Options {
    // Without a comment there is no description.
    bare: String,
    /// A required one.
    required: String,
    /// Optional by its type.
    optional: Option<String>,
    /// Computed by its type.
    computed: Attr<String>,
    /// Optional whatever its type.
    #[attr(optional)]
    forced_optional: Attr<String>,
    /// Required whatever its type.
    #[attr(required)]
    forced_required: Option<String>,
    /// Both.
    #[attr(optional, computed)]
    both: Attr<String>,
    /// A default makes it both.
    #[attr(default = "d")]
    text_default: String,
    /// A default of another type.
    #[attr(default = 5)]
    number_default: u8,
    /// And one more.
    #[attr(default = true)]
    bool_default: bool,
    /// Hidden.
    #[attr(sensitive)]
    hidden: Option<String>,
    /// Never stored.
    #[attr(write_only)]
    unstored: Option<String>,
    /// Replaces.
    #[attr(replace)]
    replaces: String,
    /// Replaces if.
    #[attr(replace_if = |change| change.config.is_null())]
    replaces_if: Option<String>,
    /// Replaces if configured.
    #[attr(replace_if_configured)]
    replaces_if_configured: Option<String>,
    /// Stays.
    #[attr(use_state_for_unknown)]
    stays: Attr<String>,
    /// Stays once it is there.
    #[attr(use_non_null_state_for_unknown)]
    stays_if: Attr<String>,
    /// Two modifiers.
    #[attr(plan = [modify::requires_replace(), modify::use_state_for_unknown()])]
    modified: Attr<String>,
    /// Two validators.
    #[attr(validate = [validate::length(1..), validate::one_of(["x"])])]
    validated: Option<String>,
    /// One validator, besides that of its type.
    #[attr(validate = validate::range(1..))]
    bounded: Option<u16>,
    /// Old.
    #[attr(deprecated = "Gone soon.")]
    old: Option<String>,
    /// Another name.
    #[attr(name = "other_name")]
    renamed: Option<String>,
    /// A keyword.
    r#type: Option<String>,
    /// Equal to everything.
    #[attr(same_if = |_, _| true)]
    equal: Option<String>,
    /// A nested object.
    nested: Option<Inner>,
    /// Nested objects by key.
    nested_map: Option<BTreeMap<String, Inner>>,
    /// How long.
    #[attr(timeouts(create = "1m", delete = "2m"))]
    timeouts: Timeouts,
    /// Blocks.
    #[block]
    blocks: Vec<Inner>,
    /// A few blocks.
    #[block(min = 1, max = 3, replace, validate = validate::items(..=2), deprecated = "No more.")]
    few_blocks: Vec<Inner>,
    /// One block.
    #[block(name = "single")]
    single_block: Option<Inner>,
}

/// An object.
#[derive(Model)]
struct Inner {
    /// A name.
    name: String,
}

fn attribute(name: &str) -> Attribute {
    match Options::schema().members().get(name) {
        Some(Member::Attribute(attribute)) => attribute.clone(),
        other => panic!("{name}: {other:?}"),
    }
}

fn block(name: &str) -> Block {
    match Options::schema().members().get(name) {
        Some(Member::Block(block)) => block.clone(),
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn presence_follows_from_type_and_options() {
    #[rustfmt::skip] // A table is read by column.
    let table = [
        // name              required optional computed
        ("bare",             (true,  false, false)),
        ("required",         (true,  false, false)),
        ("optional",         (false, true,  false)),
        ("computed",         (false, false, true )),
        ("forced_optional",  (false, true,  false)),
        ("forced_required",  (true,  false, false)),
        ("both",             (false, true,  true )),
        ("text_default",     (false, true,  true )),
        ("number_default",   (false, true,  true )),
        ("hidden",           (false, true,  false)),
        ("unstored",         (false, true,  false)),
        ("replaces",         (true,  false, false)),
        ("stays",            (false, false, true )),
        ("nested",           (false, true,  false)),
        ("nested_map",       (false, true,  false)),
        ("timeouts",         (false, true,  false)),
    ];
    for (name, presence) in table {
        let Attribute {
            required,
            optional,
            computed,
            ..
        } = attribute(name);
        assert_eq!((required, optional, computed), presence, "{name}");
    }
}

#[test]
fn each_option_does_one_thing() {
    for member in Options::schema().members().iter() {
        let Member::Attribute(attribute) = member else {
            continue;
        };
        let name = attribute.name.as_str();
        assert_eq!(attribute.sensitive, name == "hidden", "{name}");
        assert_eq!(attribute.write_only, name == "unstored", "{name}");
        assert_eq!(attribute.meaning.is_empty(), name != "equal", "{name}");
        assert_eq!(attribute.timeouts.is_some(), name == "timeouts", "{name}");
        assert_eq!(attribute.description.is_empty(), name == "bare", "{name}");
        let deprecated = (name == "old").then_some("Gone soon.");
        assert_eq!(attribute.deprecated.as_deref(), deprecated, "{name}");
        let modifiers = match name {
            "modified" => 2,
            "replaces" | "replaces_if" | "replaces_if_configured" | "stays" | "stays_if" => 1,
            _ => 0,
        };
        assert_eq!(attribute.modifiers.len(), modifiers, "{name}");
        let validators = match name {
            "validated" | "bounded" => 2,
            "number_default" => 1,
            _ => 0,
        };
        assert_eq!(attribute.validators.len(), validators, "{name}");
        let default = match name {
            "text_default" => Some("d".into()),
            "number_default" => Some(5.into()),
            "bool_default" => Some(true.into()),
            _ => None,
        };
        assert_eq!(attribute.default, default, "{name}");
    }
}

#[test]
fn names_are_those_of_fields_or_of_the_option() {
    let members = Options::schema();
    let members = members.members();
    for name in ["other_name", "type", "single", "blocks"] {
        assert!(members.get(name).is_some(), "{name}");
    }
    for name in ["renamed", "r#type", "single_block"] {
        assert!(members.get(name).is_none(), "{name}");
    }
    let names: Vec<&str> = members.iter().map(Member::name).collect();
    assert!(names.is_sorted(), "{names:?}");
    assert_eq!(names.len(), 30);
}

#[test]
fn blocks_have_their_limits_and_rules() {
    let plain = block("blocks");
    assert_eq!((plain.min_items, plain.max_items), (0, 0));
    assert_eq!(plain.nesting, Nesting::List);
    assert_eq!(plain.description, "Blocks.");
    assert!(plain.validators.is_empty() && plain.modifiers.is_empty());
    assert_eq!(plain.deprecated, None);
    let few = block("few_blocks");
    assert_eq!((few.min_items, few.max_items), (1, 3));
    assert_eq!((few.validators.len(), few.modifiers.len()), (1, 1));
    assert_eq!(few.deprecated.as_deref(), Some("No more."));
    assert_eq!(block("single").nesting, Nesting::Single);
    for name in ["blocks", "few_blocks", "single"] {
        let inner = block(name).members;
        assert_eq!(inner.iter().map(Member::name).collect::<Vec<_>>(), ["name"]);
    }
}

#[test]
fn the_whole_has_version_rules_and_its_own_words() {
    let schema = Options::schema();
    assert_eq!(schema.version, 7);
    assert_eq!(schema.deprecated.as_deref(), Some("Use another."));
    assert_eq!(schema.description, "An attribute or block for each option.");
    assert_eq!(schema.members().rules().len(), 1);
    assert_eq!(schema.problems(Role::Resource), [] as [&str; 0]);
    let inner = Inner::schema();
    assert_eq!((inner.version, inner.deprecated.as_deref()), (0, None));
    let AttributeKind::Nested(Nesting::Single, members) = attribute("nested").kind else {
        panic!("it is nested")
    };
    assert_eq!(members.object_type(), inner.object_type());
    let limit = schema.members().limit(Operation::Delete, &Value::Null);
    assert_eq!(limit.map(|limit| limit.timeout.as_secs()), Some(120));
}

#[test]
fn values_of_all_options_survive() {
    let text = |name: &str| Some(name.to_owned());
    let inner = |name: &str| Inner {
        name: name.to_owned(),
    };
    let options = Options {
        bare: "bare".to_owned(),
        required: "required".to_owned(),
        optional: None,
        computed: Attr::Unknown,
        forced_optional: Attr::Null,
        forced_required: text("forced"),
        both: "both".into(),
        text_default: "d".to_owned(),
        number_default: 5,
        bool_default: true,
        hidden: text("hidden"),
        unstored: text("unstored"),
        replaces: "replaces".to_owned(),
        replaces_if: None,
        replaces_if_configured: None,
        stays: Attr::Unknown,
        stays_if: Attr::Null,
        modified: "modified".into(),
        validated: text("x"),
        bounded: Some(7),
        old: None,
        renamed: text("renamed"),
        r#type: text("type"),
        equal: text("equal"),
        nested: Some(inner("nested")),
        nested_map: Some([("k".to_owned(), inner("mapped"))].into()),
        timeouts: Timeouts::default(),
        blocks: vec![inner("first"), inner("second")],
        few_blocks: Vec::new(),
        single_block: None,
    };
    let value = options.to_value();
    let ty = Type::Object(Options::schema().object_type().into());
    assert!(value.fits(&ty));
    assert_eq!(value.at(&"other_name".into()), Some(&"renamed".into()));
    assert_eq!(value.at(&"type".into()), Some(&"type".into()));
    let second = AttributePath::from("blocks").index(1).attribute("name");
    assert_eq!(value.at(&second), Some(&"second".into()));
    let back = Options::from_value(value.clone()).unwrap();
    assert_eq!(back.to_value(), value);
    // The type of the model is that of its schema.
    assert_eq!(Options::shape().ty(), ty);
}
