//! `#[derive(Model)]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::meta::ParseNestedMeta;
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
    let StructOptions {
        schema_calls,
        rules,
    } = struct_options(&input)?;
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

    let shape = shape(&fields, &rules);
    let conversions = conversions(&fields);
    Ok(quote! {
        impl ::tfplugin_rs::model::Field for #name {
            #shape
            #conversions
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

/// The fields as members of a schema, and the rules over them.
fn shape(fields: &[ModelField], rules: &[Expr]) -> TokenStream {
    let members = fields.iter().map(ModelField::member);
    quote! {
        fn shape() -> ::tfplugin_rs::model::Shape {
            let members = ::tfplugin_rs::schema::Members::new()
                #(.with(#members))*#(.rule(#rules))*;
            ::tfplugin_rs::model::Shape::single(members)
        }
    }
}

/// From a value and to one, field by field in the order of names.
fn conversions(fields: &[ModelField]) -> TokenStream {
    let reading = fields.iter().enumerate().map(|(index, field)| {
        let (ident, value) = (&field.ident, field.reading(index));
        quote!(#ident: #value)
    });
    let idents = fields.iter().map(|field| &field.ident);
    let names = fields.iter().map(|field| &field.name);
    quote! {
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
}

/// What `#[model(…)]` says.
#[derive(Default)]
struct StructOptions {
    /// Builder calls on the schema.
    schema_calls: Vec<TokenStream>,
    /// Rules over the members.
    rules: Vec<Expr>,
}

fn struct_options(input: &DeriveInput) -> Result<StructOptions> {
    let mut options = StructOptions::default();
    for attribute in input.attrs.iter().filter(|a| a.path().is_ident("model")) {
        attribute.parse_nested_meta(|meta| {
            let option = meta.path.require_ident()?;
            if option == "rule" {
                options.rules.extend(list(&meta)?);
                return Ok(());
            }
            if option != "version" && option != "deprecated" {
                return Err(meta.error("unknown option; known are version, deprecated and rule"));
            }
            let value: Expr = meta.value()?.parse()?;
            options.schema_calls.push(quote!(.#option(#value)));
            Ok(())
        })?;
    }
    Ok(options)
}

/// `option = a` or `option = [a, b]`.
pub(crate) fn list(meta: &ParseNestedMeta<'_>) -> Result<Vec<Expr>> {
    Ok(match meta.value()?.parse()? {
        Expr::Array(array) => array.elems.into_iter().collect(),
        single => vec![single],
    })
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
