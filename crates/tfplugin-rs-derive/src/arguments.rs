//! `#[derive(Arguments)]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt;
use syn::{DeriveInput, Error, Field, Result};

use crate::docs;
use crate::model::named_fields;

pub(crate) fn expand(input: DeriveInput) -> Result<TokenStream> {
    let description = docs::text(&input.attrs);
    let summary = docs::summary(&description);
    let name = input.ident;
    let fields: Vec<Field> = named_fields(input.data, name.span())?.into_iter().collect();

    let (mut parameters, mut variadic, mut reading) = (Vec::new(), None, Vec::new());
    for (position, field) in fields.iter().enumerate() {
        let Some(ident) = &field.ident else { continue };
        let ty = &field.ty;
        let (parameter, text) = (ident.unraw().to_string(), docs::text(&field.attrs));
        let number = i64::try_from(position).unwrap_or(i64::MAX);
        let value = quote!(values.next().unwrap_or_default());
        if is_variadic(field)? {
            if position + 1 != fields.len() {
                return Err(Error::new(
                    ident.span(),
                    "only the last parameter can be variadic",
                ));
            }
            variadic = Some(quote! {
                ::tfplugin_rs::function::Parameter::of::<
                    <#ty as ::core::iter::IntoIterator>::Item
                >(#parameter, #text)
            });
            reading.push(quote!(#ident: ::tfplugin_rs::function::variadic(#number, #value)?));
        } else {
            parameters.push(quote! {
                ::tfplugin_rs::function::Parameter::of::<#ty>(#parameter, #text)
            });
            reading.push(quote!(#ident: ::tfplugin_rs::function::argument(#number, #value)?));
        }
    }
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

/// True for `#[arg(variadic)]`.
fn is_variadic(field: &Field) -> Result<bool> {
    let mut variadic = false;
    for attribute in field.attrs.iter().filter(|a| a.path().is_ident("arg")) {
        attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("variadic") {
                variadic = true;
                Ok(())
            } else {
                Err(meta.error("unknown option; the only one is variadic"))
            }
        })?;
    }
    Ok(variadic)
}
