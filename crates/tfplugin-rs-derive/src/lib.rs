//! Derive macros of `tfplugin-rs`: `Model` for structs that stand for configurations and states,
//! `Arguments` for the parameters of functions. Their guide is in the documentation of that crate.
//!
//! What they generate calls the crate's public builders and nothing else, so everything a derive
//! does can also be written by hand.

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

mod arguments;
mod docs;
mod field;
mod model;

/// Implements `Model` and `Field` for a struct with named fields.
///
/// Doc comments become descriptions. On the struct: `#[model(version = 1, deprecated = "…",
/// rule = rule)]`. On
/// fields: `#[attr(…)]` with `required`, `optional`, `computed`, `sensitive`, `write_only`,
/// `replace`, `replace_if = condition`, `replace_if_configured`, `use_state_for_unknown`,
/// `use_non_null_state_for_unknown`, `default = value`, `same_if = condition`, `validate = validator`, `plan = modifier`,
/// `deprecated = "…"`, `timeouts(create = "30m")`, `name = "…"`; or `#[block(…)]` with `min`, `max`, `replace`, `validate`,
/// `plan`, `deprecated`, `timeouts`, `name`. Where none of the first
/// three is given, the type decides, and a default makes the attribute optional and computed.
#[proc_macro_derive(Model, attributes(model, attr, block))]
pub fn derive_model(input: TokenStream) -> TokenStream {
    expand(parse_macro_input!(input as DeriveInput), model::expand)
}

/// Implements `Arguments` for a struct with named fields, the parameters in order.
///
/// Doc comments become descriptions. On fields: `#[arg(validate = validator)]`, and on the last
/// `#[arg(variadic)]`. On the struct: `#[arguments(deprecated = "…")]`.
#[proc_macro_derive(Arguments, attributes(arg, arguments))]
pub fn derive_arguments(input: TokenStream) -> TokenStream {
    expand(parse_macro_input!(input as DeriveInput), arguments::expand)
}

fn expand(
    input: DeriveInput,
    with: fn(DeriveInput) -> syn::Result<proc_macro2::TokenStream>,
) -> TokenStream {
    with(input)
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

#[cfg(test)]
mod expansion_tests;
#[cfg(test)]
mod misuse_tests;
#[cfg(test)]
mod tests;
