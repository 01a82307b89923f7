//! `#[derive(Arguments)]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Attribute, DeriveInput, Error, Expr, Field, LitStr, Result};

use crate::docs;
use crate::model::named_fields;

pub(crate) fn expand(input: DeriveInput) -> Result<TokenStream> {
    if !input.generics.params.is_empty() {
        let message = "the parameters of a function cannot be generic";
        return Err(Error::new(input.generics.span(), message));
    }
    let description = docs::text(&input.attrs);
    let summary = docs::summary(&description);
    let deprecated = match deprecation(&input.attrs)? {
        Some(message) => quote!(::core::option::Option::Some(#message.to_owned())),
        None => quote!(::core::option::Option::None),
    };
    let name = input.ident;
    let fields: Vec<Field> = named_fields(input.data, name.span())?.into_iter().collect();

    let Parts {
        parameters,
        variadic,
        reading,
    } = parts(&fields)?;
    let variadic = match variadic {
        Some(parameter) => quote!(::core::option::Option::Some(#parameter)),
        None => quote!(::core::option::Option::None),
    };
    Ok(quote! {
        impl ::tfplugin_rs::function::Arguments for #name {
            fn signature() -> ::tfplugin_rs::function::Signature {
                ::tfplugin_rs::function::Signature {
                    summary: #summary.to_owned(),
                    description: #description.to_owned(),
                    parameters: ::std::vec![#(#parameters),*],
                    variadic: #variadic,
                    deprecated: #deprecated,
                }
            }

            fn from_values(
                values: ::std::vec::Vec<::tfplugin_rs::value::Value>,
            ) -> ::core::result::Result<Self, ::tfplugin_rs::FunctionError> {
                #[allow(unused_mut, unused_variables)]
                let mut values = values.into_iter();
                ::core::result::Result::Ok(Self { #(#reading),* })
            }
        }
    })
}

/// What the fields contribute.
#[derive(Default)]
struct Parts {
    parameters: Vec<TokenStream>,
    variadic: Option<TokenStream>,
    /// One initialiser a field.
    reading: Vec<TokenStream>,
}

fn parts(fields: &[Field]) -> Result<Parts> {
    let mut parts = Parts::default();
    for (position, field) in fields.iter().enumerate() {
        let Some(ident) = &field.ident else { continue };
        let ty = &field.ty;
        let (parameter, text) = (ident.unraw().to_string(), docs::text(&field.attrs));
        let number = i64::try_from(position).unwrap_or(i64::MAX);
        let value = quote!(values.next().unwrap_or_default());
        let options = Options::parse(field)?;
        let rules = &options.validators;
        if !options.variadic {
            parts.parameters.push(quote! {
                ::tfplugin_rs::function::Parameter::of::<#ty>(#parameter, #text)#(.validate(#rules))*
            });
            let read = quote!(::tfplugin_rs::function::argument(#number, #value)?);
            parts.reading.push(quote!(#ident: #read));
            continue;
        }
        if position + 1 != fields.len() {
            let message = "only the last parameter can be variadic";
            return Err(Error::new(ident.span(), message));
        }
        parts.variadic = Some(quote! {
            ::tfplugin_rs::function::Parameter::of::<
                <#ty as ::core::iter::IntoIterator>::Item
            >(#parameter, #text)#(.validate(#rules))*
        });
        let read = quote!(::tfplugin_rs::function::variadic(#number, #value)?);
        parts.reading.push(quote!(#ident: #read));
    }
    Ok(parts)
}

/// The message of `#[arguments(deprecated = "…")]`.
fn deprecation(attributes: &[Attribute]) -> Result<Option<LitStr>> {
    let mut message = None;
    for attribute in attributes.iter().filter(|a| a.path().is_ident("arguments")) {
        attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("deprecated") {
                message = Some(meta.value()?.parse()?);
                Ok(())
            } else {
                Err(meta.error("unknown option; the only one is deprecated"))
            }
        })?;
    }
    Ok(message)
}

/// What `#[arg(…)]` says.
#[derive(Default)]
struct Options {
    variadic: bool,
    validators: Vec<Expr>,
}

impl Options {
    fn parse(field: &Field) -> Result<Self> {
        let mut options = Self::default();
        for attribute in field.attrs.iter().filter(|a| a.path().is_ident("arg")) {
            attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("variadic") {
                    options.variadic = true;
                } else if meta.path.is_ident("validate") {
                    match meta.value()?.parse()? {
                        Expr::Array(array) => options.validators.extend(array.elems),
                        single => options.validators.push(single),
                    }
                } else {
                    return Err(meta.error("unknown option; known are variadic and validate"));
                }
                Ok(())
            })?;
        }
        Ok(options)
    }
}
