//! Every builder call and what Terraform is told of it.

use super::*;
use crate::proto::tfplugin6 as proto;
use crate::proto::tfplugin6::schema as message;
use crate::validate;

/// What is told of the one member of a schema.
fn told(member: impl Into<Member>) -> message::Block {
    let schema = Schema::new().with(member).to_proto();
    schema.block.expect("a schema is a block")
}

fn attribute(member: Attribute) -> message::Attribute {
    let mut block = told(member);
    assert!(block.block_types.is_empty());
    assert_eq!(block.attributes.len(), 1);
    block.attributes.remove(0)
}

fn block(member: Block) -> message::NestedBlock {
    let mut block = told(member);
    assert!(block.attributes.is_empty());
    assert_eq!(block.block_types.len(), 1);
    block.block_types.remove(0)
}

fn text() -> Attribute {
    Attribute::new("a", Type::String)
}

/// An attribute of text of which nothing is said.
fn plain() -> message::Attribute {
    message::Attribute {
        name: "a".to_owned(),
        r#type: b"\"string\"".to_vec().into(),
        description_kind: proto::StringKind::Markdown.into(),
        ..Default::default()
    }
}

#[test]
fn each_call_tells_one_thing_of_an_attribute() {
    for (made, expected) in [
        (text(), plain()),
        (
            text().required(),
            message::Attribute {
                required: true,
                ..plain()
            },
        ),
        (
            text().optional(),
            message::Attribute {
                optional: true,
                ..plain()
            },
        ),
        (
            text().computed(),
            message::Attribute {
                computed: true,
                ..plain()
            },
        ),
        (
            text().sensitive(),
            message::Attribute {
                sensitive: true,
                ..plain()
            },
        ),
        (
            text().write_only(),
            message::Attribute {
                write_only: true,
                ..plain()
            },
        ),
        (
            text().describe("**Bold**."),
            message::Attribute {
                description: "**Bold**.".to_owned(),
                ..plain()
            },
        ),
        (
            text().deprecated("Use b."),
            message::Attribute {
                deprecated: true,
                deprecation_message: "Use b.".to_owned(),
                ..plain()
            },
        ),
        // Of what the framework does itself, Terraform is told nothing.
        (text().default("x"), plain()),
        (text().validate(validate::length(1..)), plain()),
        (text().replace(), plain()),
        (text().replace_if(|_| true), plain()),
        (text().replace_if_configured(), plain()),
        (text().use_state_for_unknown(), plain()),
        (text().use_non_null_state_for_unknown(), plain()),
        (text().same_if(|a, b| a == b), plain()),
    ] {
        assert_eq!(attribute(made), expected);
    }
}

#[test]
fn types_are_told_as_json() {
    for (ty, json) in [
        (Type::Bool, r#""bool""#),
        (Type::Number, r#""number""#),
        (Type::Dynamic, r#""dynamic""#),
        (Type::list(Type::String), r#"["list","string"]"#),
        (Type::set(Type::Number), r#"["set","number"]"#),
        (
            Type::map(Type::list(Type::Bool)),
            r#"["map",["list","bool"]]"#,
        ),
        (
            Type::object([("b", Type::Bool), ("a", Type::Dynamic)]),
            r#"["object",{"a":"dynamic","b":"bool"}]"#,
        ),
        (
            Type::tuple([Type::Bool, Type::String]),
            r#"["tuple",["bool","string"]]"#,
        ),
        (Type::tuple([]), r#"["tuple",[]]"#),
    ] {
        let told = attribute(Attribute::new("a", ty.clone()));
        assert_eq!(told.r#type, json.as_bytes(), "{ty}");
        assert_eq!(told.nested_type, None);
    }
}

#[test]
fn nested_attributes_are_told_with_their_own() {
    use message::object::NestingMode;
    let inner = || {
        Members::new()
            .with(Attribute::new("b", Type::Bool).optional())
            .with(text().required())
    };
    for (nesting, mode) in [
        (Nesting::List, NestingMode::List),
        (Nesting::Map, NestingMode::Map),
        (Nesting::Set, NestingMode::Set),
        (Nesting::Single, NestingMode::Single),
    ] {
        let told = attribute(Attribute::nested("n", nesting, inner()).optional());
        assert!(told.r#type.is_empty(), "the two exclude each other");
        let object = told.nested_type.expect("nested");
        assert_eq!(object.nesting(), mode);
        let names: Vec<&str> = object.attributes.iter().map(|a| a.name.as_str()).collect();
        assert_eq!(names, ["a", "b"], "in order of name");
        assert!(object.attributes[0].required && object.attributes[1].optional);
        // An object in an object.
        let outer = Members::new().with(Attribute::nested("n", nesting, inner()).optional());
        let told = attribute(Attribute::nested("o", Nesting::List, outer).computed());
        let object = told.nested_type.expect("nested");
        let inside = object.attributes[0].nested_type.as_ref().expect("nested");
        assert_eq!(inside.nesting(), mode);
        assert!(
            inside
                .attributes
                .iter()
                .all(|a| a.computed && !a.required && !a.optional)
        );
    }
}

#[test]
fn blocks_are_told_with_all_that_is_inside() {
    use message::nested_block::NestingMode;
    let inner = || Members::new().with(text().required());
    for (nesting, mode) in [
        (Nesting::List, NestingMode::List),
        (Nesting::Map, NestingMode::Map),
        (Nesting::Set, NestingMode::Set),
        (Nesting::Single, NestingMode::Single),
    ] {
        let deep = inner().with(Block::new("deep", nesting, inner()).describe("Deep."));
        let told = block(
            Block::new("b", nesting, deep)
                .describe("What it is.")
                .deprecated("Use c."),
        );
        assert_eq!(told.type_name, "b");
        assert_eq!(told.nesting(), mode);
        let body = told.block.expect("a body");
        assert_eq!(body.description, "What it is.");
        assert_eq!(body.description_kind(), proto::StringKind::Markdown);
        assert!(body.deprecated);
        assert_eq!(body.deprecation_message, "Use c.");
        assert_eq!(body.version, 0, "only the whole has a version");
        assert_eq!(body.attributes.len(), 1);
        let deep = &body.block_types[0];
        assert_eq!((&*deep.type_name, deep.nesting()), ("deep", mode));
        assert_eq!(deep.block.as_ref().expect("a body").description, "Deep.");
    }
}

#[test]
fn the_whole_is_told_with_its_version() {
    let schema = Schema::new()
        .version(3)
        .describe("All of it.")
        .deprecated("No more.")
        .with(text().required())
        .with(Block::new(
            "b",
            Nesting::List,
            Members::new().with(text().optional()),
        ));
    let told = schema.to_proto();
    assert_eq!(told.version, 3);
    let block = told.block.expect("a block");
    assert_eq!(block.version, 3);
    assert_eq!(block.description, "All of it.");
    assert!(block.deprecated);
    assert_eq!(block.deprecation_message, "No more.");
    assert_eq!((block.attributes.len(), block.block_types.len()), (1, 1));
    let empty = Schema::new().to_proto();
    assert_eq!(empty.version, 0);
    assert!(!empty.block.expect("a block").deprecated);
}

#[test]
fn identities_are_told_by_what_an_import_needs() {
    let schema = Schema::new()
        .version(2)
        .with(text().required().describe("Needed."))
        .with(Attribute::new("b", Type::list(Type::Number)).optional());
    let told = schema.to_identity_proto();
    assert_eq!(told.version, 2);
    let attributes: Vec<_> = told
        .identity_attributes
        .iter()
        .map(|one| {
            let needs = (one.required_for_import, one.optional_for_import);
            (&*one.name, needs, &*one.description, one.r#type.as_ref())
        })
        .collect();
    assert_eq!(
        attributes,
        [
            ("a", (true, false), "Needed.", &b"\"string\""[..]),
            ("b", (false, true), "", br#"["list","number"]"#),
        ]
    );
}

#[test]
fn members_know_what_is_anywhere_inside() {
    let facts = |members: &Members| {
        (
            members.has_defaults(),
            members.has_meanings(),
            members.has_secrets(),
            members.has_write_only(),
            members.has_blocks(),
        )
    };
    let nothing = (false, false, false, false, false);
    for (attribute, expected) in [
        (text(), nothing),
        (text().default("x"), (true, false, false, false, false)),
        (
            text().same_if(|_, _| true),
            (false, true, false, false, false),
        ),
        (text().sensitive(), (false, false, true, false, false)),
        (text().write_only(), (false, false, true, true, false)),
    ] {
        let members = Members::new().with(attribute);
        assert_eq!(facts(&members), expected);
        for nesting in [Nesting::List, Nesting::Map, Nesting::Set, Nesting::Single] {
            let nested = Attribute::nested("n", nesting, members.clone()).optional();
            assert_eq!(facts(&Members::new().with(nested.clone())), expected);
            let deeper = Members::new().with(nested);
            let deeper = Attribute::nested("o", nesting, deeper).optional();
            assert_eq!(facts(&Members::new().with(deeper)), expected);
            let (a, b, c, d, _) = expected;
            let in_block = Members::new().with(Block::new("b", nesting, members.clone()));
            assert_eq!(facts(&in_block), (a, b, c, d, true));
        }
    }
    let members = Members::new()
        .with(text())
        .with(Attribute::new("b", Type::Bool));
    assert_eq!(members.get("b").map(Member::name), Some("b"));
    assert!(members.get("c").is_none());
    let ty = members.object_type();
    assert_eq!(
        ty,
        ObjectType::new([("a", Type::String), ("b", Type::Bool)])
    );
}
