//! `#[derive(Model)]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Error, Expr, Fields, Result};

use crate::docs;
use crate::field::ModelField;

pub(crate) fn expand(input: DeriveInput) -> Result<TokenStream> {
    if !input.generics.params.is_empty() {
        return Err(Error::new(
            input.generics.span(),
            "a model cannot be generic",
        ));
    }
    let schema_calls = struct_options(&input)?;
    let description = docs::text(&input.attrs);
    let name = input.ident;
    let mut fields = named_fields(input.data, name.span())?
        .into_iter()
        .map(ModelField::parse)
        .collect::<Result<Vec<_>>>()?;
    // Values of objects are sorted by name; in this order they are read and written by position.
    fields.sort_by(|a, b| a.name.cmp(&b.name));

    for pair in fields.windows(2) {
        if pair[0].name == pair[1].name {
            let message = format!("another field is named `{}` too", pair[1].name);
            return Err(Error::new(pair[1].ident.span(), message));
        }
    }

    let members = fields.iter().map(ModelField::member);
    let reading = fields
        .iter()
        .enumerate()
        .map(|(index, ModelField { ident, name, .. })| quote!(#ident: fields.take(#index, #name)?));
    let idents = fields.iter().map(|field| &field.ident);
    let names: Vec<_> = fields.iter().map(|field| &field.name).collect();
    Ok(quote! {
        impl ::tfplugin_rs::model::Field for #name {
            fn shape() -> ::tfplugin_rs::model::Shape {
                let members = ::tfplugin_rs::schema::Members::new()#(.with(#members))*;
                ::tfplugin_rs::model::Shape::single(members)
            }

            fn from_value(
                value: ::tfplugin_rs::value::Value,
            ) -> ::core::result::Result<Self, ::tfplugin_rs::model::ConversionError> {
                #[allow(unused_mut, unused_variables)]
                let mut fields = ::tfplugin_rs::model::Fields::open(value)?;
                ::core::result::Result::Ok(Self { #(#reading),* })
            }

            fn to_value(&self) -> ::tfplugin_rs::value::Value {
                static NAMES: ::std::sync::LazyLock<::tfplugin_rs::value::Names> =
                    ::std::sync::LazyLock::new(|| {
                        ::tfplugin_rs::value::Names::new::<&str>([#(#names),*])
                    });
                ::tfplugin_rs::value::Value::Object(::tfplugin_rs::value::Object::new(
                    ::core::clone::Clone::clone(&*NAMES),
                    ::std::vec![#(::tfplugin_rs::model::Field::to_value(&self.#idents)),*],
                ))
            }
        }

        impl ::tfplugin_rs::model::Model for #name {
            fn schema() -> ::tfplugin_rs::schema::Schema {
                ::tfplugin_rs::schema::Schema::of(
                    <Self as ::tfplugin_rs::model::Field>::shape().into_members(),
                ).describe(#description)#(#schema_calls)*
            }
        }
    })
}

/// `#[model(…)]` as builder calls.
fn struct_options(input: &DeriveInput) -> Result<Vec<TokenStream>> {
    let mut calls = Vec::new();
    for attribute in input.attrs.iter().filter(|a| a.path().is_ident("model")) {
        attribute.parse_nested_meta(|meta| {
            let option = meta.path.require_ident()?;
            if option != "version" && option != "deprecated" {
                return Err(meta.error("unknown option; known are version and deprecated"));
            }
            let value: Expr = meta.value()?.parse()?;
            calls.push(quote!(.#option(#value)));
            Ok(())
        })?;
    }
    Ok(calls)
}

/// The fields of a struct that has names for them.
pub(crate) fn named_fields(
    data: Data,
    span: proc_macro2::Span,
) -> Result<impl IntoIterator<Item = syn::Field>> {
    match data {
        Data::Struct(data) => match data.fields {
            Fields::Named(fields) => Ok(fields.named),
            Fields::Unit => Ok(syn::punctuated::Punctuated::<_, syn::Token![,]>::new()),
            Fields::Unnamed(_) => Err(Error::new(span, "the fields need names")),
        },
        _ => Err(Error::new(
            span,
            "only structs with named fields can be derived",
        )),
    }
}
