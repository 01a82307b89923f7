//! Every way to get a derive wrong, and what the compiler then says.

use syn::DeriveInput;

use crate::{arguments, model};

fn parsed(input: &str) -> DeriveInput {
    syn::parse_str(input).unwrap_or_else(|error| panic!("{input}: {error}"))
}

fn of_model(input: &str) -> String {
    match model::expand(parsed(input)) {
        Ok(_) => "compiles".to_owned(),
        Err(error) => error.to_string(),
    }
}

fn of_arguments(input: &str) -> String {
    match arguments::expand(parsed(input)) {
        Ok(_) => "compiles".to_owned(),
        Err(error) => error.to_string(),
    }
}

/// An attribute on a field, and the message; those of a model.
fn on_field(attribute: &str) -> String {
    of_model(&format!("struct S {{ {attribute} a: u8 }}"))
}

fn on_struct(attribute: &str) -> String {
    of_model(&format!("{attribute} struct S {{ a: u8 }}"))
}

fn on_parameter(attribute: &str) -> String {
    of_arguments(&format!("struct S {{ {attribute} a: u8 }}"))
}

const ATTR_OPTIONS: &str = "known are required, optional, computed, sensitive, write_only, replace, \
                            replace_if, replace_if_configured, use_state_for_unknown, \
                            use_non_null_state_for_unknown, default, same_if, validate, plan, \
                            deprecated, timeouts and name";
const BLOCK_OPTIONS: &str =
    "known are min, max, replace, validate, plan, deprecated, timeouts and name";

#[test]
fn kinds_of_items() {
    let only_structs = "only structs with named fields can be derived";
    for (input, of_a_model, of_parameters) in [
        ("enum E { A, B }", only_structs, only_structs),
        ("union U { a: u8 }", only_structs, only_structs),
        (
            "struct S(u8);",
            "the fields need names",
            "the fields need names",
        ),
        (
            "struct S();",
            "the fields need names",
            "the fields need names",
        ),
        ("struct S;", "compiles", "compiles"),
        ("struct S {}", "compiles", "compiles"),
        (
            "struct S<T> { a: T }",
            "a model cannot be generic",
            "the parameters of a function cannot be generic",
        ),
        (
            "struct S<'a> { a: &'a str }",
            "a model cannot be generic",
            "the parameters of a function cannot be generic",
        ),
        (
            "struct S<const N: usize> { a: [u8; N] }",
            "a model cannot be generic",
            "the parameters of a function cannot be generic",
        ),
    ] {
        assert_eq!(of_model(input), of_a_model, "{input}");
        assert_eq!(of_arguments(input), of_parameters, "{input}");
    }
}

#[test]
fn misspelt_options_of_attributes() {
    for wrong in [
        "requried",
        "Required",
        "nullable",
        "force_new",
        "set",
        "min",
        "max",
        "rule",
        "version",
        "variadic",
    ] {
        let expected = format!("unknown option `{wrong}`; {ATTR_OPTIONS}");
        assert_eq!(on_field(&format!("#[attr({wrong})]")), expected);
        assert_eq!(on_field(&format!("#[attr({wrong} = 1)]")), expected);
        // After others, too.
        assert_eq!(on_field(&format!("#[attr(optional, {wrong})]")), expected);
    }
}

#[test]
fn misspelt_options_of_blocks() {
    for wrong in [
        "required",
        "optional",
        "computed",
        "sensitive",
        "write_only",
        "default",
        "same_if",
        "replace_if",
        "use_state_for_unknown",
        "minimum",
    ] {
        let expected = format!("unknown option `{wrong}`; {BLOCK_OPTIONS}");
        assert_eq!(on_field(&format!("#[block({wrong})]")), expected);
        assert_eq!(
            on_field(&format!("#[block(min = 1, {wrong} = 1)]")),
            expected
        );
    }
}

#[test]
fn misspelt_options_of_structs_and_parameters() {
    for wrong in ["verison = 1", "name = \"x\"", "validate = x", "required"] {
        assert_eq!(
            on_struct(&format!("#[model({wrong})]")),
            "unknown option; known are version, deprecated and rule",
            "{wrong}"
        );
        assert_eq!(
            of_arguments(&format!("#[arguments({wrong})] struct S {{ a: u8 }}")),
            "unknown option; the only one is deprecated",
            "{wrong}"
        );
    }
    for wrong in [
        "optional",
        "default = 1",
        "name = \"x\"",
        "deprecated = \"x\"",
    ] {
        assert_eq!(
            on_parameter(&format!("#[arg({wrong})]")),
            "unknown option; known are variadic and validate",
            "{wrong}"
        );
    }
}

#[test]
fn options_without_the_value_they_need() {
    for option in [
        "default",
        "replace_if",
        "same_if",
        "validate",
        "plan",
        "deprecated",
        "name",
    ] {
        assert_eq!(
            on_field(&format!("#[attr({option})]")),
            "expected `=`",
            "{option}"
        );
        assert_eq!(
            on_field(&format!("#[attr({option} =)]")),
            "unexpected end of input, expected ".to_owned()
                + match option {
                    "name" => "string literal",
                    _ => "an expression",
                },
            "{option}"
        );
    }
    for option in ["min", "max", "validate", "plan", "deprecated", "name"] {
        assert_eq!(
            on_field(&format!("#[block({option})]")),
            "expected `=`",
            "{option}"
        );
    }
    for option in ["version", "deprecated", "rule"] {
        assert_eq!(
            on_struct(&format!("#[model({option})]")),
            "expected `=`",
            "{option}"
        );
    }
    assert_eq!(on_parameter("#[arg(validate)]"), "expected `=`");
    assert_eq!(
        of_arguments("#[arguments(deprecated)] struct S { a: u8 }"),
        "expected `=`"
    );
}

#[test]
fn options_with_a_value_they_do_not_take() {
    for option in [
        "required",
        "optional",
        "computed",
        "sensitive",
        "write_only",
        "replace",
        "replace_if_configured",
        "use_state_for_unknown",
        "use_non_null_state_for_unknown",
    ] {
        assert_eq!(
            on_field(&format!("#[attr({option} = true)]")),
            "expected `,`",
            "{option}"
        );
        assert_eq!(
            on_field(&format!("#[attr({option}(1))]")),
            "expected `,`",
            "{option}"
        );
    }
    assert_eq!(on_field("#[block(replace = true)]"), "expected `,`");
    assert_eq!(on_parameter("#[arg(variadic = true)]"), "expected `,`");
}

#[test]
fn names_are_texts() {
    for wrong in ["5", "NAME", "b\"x\"", "'x'"] {
        assert_eq!(
            on_field(&format!("#[attr(name = {wrong})]")),
            "expected string literal",
            "{wrong}"
        );
    }
    assert_eq!(
        of_arguments("#[arguments(deprecated = 5)] struct S { a: u8 }"),
        "expected string literal"
    );
}

#[test]
fn timeouts_name_operations_and_their_defaults() {
    let known = "unknown operation; known are create, delete, invoke, list, open, read, update";
    for (attribute, said) in [
        ("#[attr(timeouts(make = \"1m\"))]", known),
        ("#[attr(timeouts(Create = \"1m\"))]", known),
        (
            "#[block(timeouts(create = \"1m\", remove = \"1m\"))]",
            known,
        ),
        ("#[attr(timeouts(create))]", "expected `=`"),
        ("#[attr(timeouts)]", "expected parentheses"),
        ("#[attr(timeouts = \"1m\")]", "expected parentheses"),
        ("#[attr(timeouts())]", "expected nested attribute"),
        (
            "#[attr(timeouts(create = \"1m\", read = \"2m\"))]",
            "compiles",
        ),
    ] {
        let found = on_field(attribute);
        assert!(found.contains(said), "{attribute}: {found}");
    }
}

#[test]
fn a_field_is_one_thing_and_has_one_name() {
    let not_both = "a field is an attribute or a block, not both";
    for attributes in [
        "#[attr(optional)] #[block]",
        "#[block] #[attr(optional)]",
        "#[block(min = 1)] #[attr(name = \"b\")]",
    ] {
        assert_eq!(on_field(attributes), not_both, "{attributes}");
    }
    for (input, said) in [
        (
            "struct S { a: u8, #[attr(name = \"a\")] b: u8 }",
            "another field is named `a` too",
        ),
        (
            "struct S { #[block(name = \"b\")] a: T, b: u8 }",
            "another field is named `b` too",
        ),
        (
            "struct S { r#type: u8, #[attr(name = \"type\")] b: u8 }",
            "another field is named `type` too",
        ),
        // Swapped names are no clash.
        (
            "struct S { #[attr(name = \"b\")] a: u8, #[attr(name = \"a\")] b: u8 }",
            "compiles",
        ),
    ] {
        assert_eq!(of_model(input), said, "{input}");
    }
}

#[test]
fn variadic_parameters_come_last() {
    let only_last = "only the last parameter can be variadic";
    for (input, said) in [
        ("struct S { #[arg(variadic)] a: Vec<u8> }", "compiles"),
        (
            "struct S { a: u8, #[arg(variadic)] b: Vec<u8> }",
            "compiles",
        ),
        ("struct S { #[arg(variadic)] a: Vec<u8>, b: u8 }", only_last),
        (
            "struct S { #[arg(variadic)] a: Vec<u8>, #[arg(variadic)] b: Vec<u8> }",
            only_last,
        ),
    ] {
        assert_eq!(of_arguments(input), said, "{input}");
    }
}

/// An error points at what is wrong and not at the derive.
#[test]
fn errors_point_at_the_mistake() {
    for (input, line, column) in [
        ("struct S {\n    #[attr(requried)]\n    a: u8,\n}", 2, 11),
        (
            "struct S {\n    #[attr(timeouts(make = \"1m\"))]\n    a: u8,\n}",
            2,
            20,
        ),
        (
            "struct S {\n    a: u8,\n    #[attr(name = \"a\")]\n    b: u8,\n}",
            4,
            4,
        ),
        ("#[model(verison = 1)]\nstruct S {}", 1, 8),
        ("struct S<T> {\n    a: T,\n}", 1, 8),
    ] {
        let error = model::expand(parsed(input)).unwrap_err();
        let start = error.span().start();
        assert_eq!(
            (start.line, start.column),
            (line, column),
            "{input}: {error}"
        );
    }
}
