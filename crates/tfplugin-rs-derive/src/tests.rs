//! Wrong use does not compile, and says what to do. Right use is tested in `tfplugin-rs`.

use syn::{DeriveInput, parse_quote};

use crate::{arguments, docs, model};

fn model_error(input: DeriveInput) -> String {
    model::expand(input).unwrap_err().to_string()
}

fn arguments_error(input: DeriveInput) -> String {
    arguments::expand(input).unwrap_err().to_string()
}

#[test]
fn only_plain_structs_are_models() {
    assert_eq!(
        model_error(parse_quote!(
            enum E {}
        )),
        "only structs with named fields can be derived"
    );
    assert_eq!(
        model_error(parse_quote!(
            struct S(u8);
        )),
        "the fields need names"
    );
    assert_eq!(
        model_error(parse_quote!(
            struct S<T> {
                a: T,
            }
        )),
        "a model cannot be generic"
    );
}

#[test]
fn unknown_options_are_named_with_the_known_ones() {
    let error = model_error(parse_quote! {
        struct S {
            #[attr(requried)]
            a: u8,
        }
    });
    assert!(
        error.starts_with("unknown option `requried`; known are required, optional"),
        "{error}"
    );
    let error = model_error(parse_quote! {
        struct S {
            #[block(default = 1)]
            a: u8,
        }
    });
    assert!(
        error.starts_with("unknown option `default`; known are min, max"),
        "{error}"
    );
    let error = model_error(parse_quote! {
        #[model(verison = 1)]
        struct S {}
    });
    assert_eq!(
        error,
        "unknown option; known are version, deprecated and rule"
    );
}

#[test]
fn timeouts_are_of_operations() {
    let error = model_error(parse_quote! {
        struct S {
            #[attr(timeouts(creat = "1m"))]
            a: Timeouts,
        }
    });
    assert!(
        error.starts_with("unknown operation; known are create, delete"),
        "{error}"
    );
}

#[test]
fn an_attribute_cannot_be_a_block_too() {
    let error = model_error(parse_quote! {
        struct S {
            #[attr(sensitive)]
            #[block(min = 1)]
            a: u8,
        }
    });
    assert_eq!(error, "a field is an attribute or a block, not both");
}

#[test]
fn two_fields_cannot_share_a_name() {
    let error = model_error(parse_quote! {
        struct S {
            a: u8,
            #[attr(name = "a")]
            b: u8,
        }
    });
    assert_eq!(error, "another field is named `a` too");
}

#[test]
fn only_the_last_parameter_is_variadic() {
    let error = arguments_error(parse_quote! {
        struct S {
            #[arg(variadic)]
            a: Vec<u8>,
            b: u8,
        }
    });
    assert_eq!(error, "only the last parameter can be variadic");
    let error = arguments_error(parse_quote! {
        struct S {
            #[arg(optional)]
            a: u8,
        }
    });
    assert_eq!(error, "unknown option; known are variadic and validate");
}

#[test]
fn documentation_is_text_without_its_markers() {
    let input: DeriveInput = parse_quote! {
        /// First line
        /// goes on.
        ///
        ///     code
        struct S {}
    };
    let text = docs::text(&input.attrs);
    assert_eq!(text, "First line\ngoes on.\n\n    code");
    assert_eq!(docs::summary(&text), "First line goes on.");
}
