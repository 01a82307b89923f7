//! One field of a model: what its attributes say, and the builder calls that repeat it.

use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt;
use syn::meta::ParseNestedMeta;
use syn::spanned::Spanned;
use syn::{Error, Expr, Field, Ident, LitStr, Result, Type};

use crate::docs;
use crate::model::list;

/// What `timeouts(…)` can limit, and the variant for it.
const OPERATIONS: [(&str, &str); 7] = [
    ("create", "Create"),
    ("delete", "Delete"),
    ("invoke", "Invoke"),
    ("list", "List"),
    ("open", "Open"),
    ("read", "Read"),
    ("update", "Update"),
];

/// A field and its place in the schema.
pub(crate) struct ModelField {
    pub(crate) ident: Ident,
    pub(crate) ty: Type,
    /// The attribute's name in configurations.
    pub(crate) name: String,
    description: String,
    is_block: bool,
    /// True if `required`, `optional` or `computed` was given.
    says_presence: bool,
    /// What it is where the configuration says nothing.
    default: Option<Expr>,
    /// Pairs of operation and default, if the field holds timeouts.
    timeouts: Option<Vec<TokenStream>>,
    /// Builder calls, in the order given.
    calls: Vec<TokenStream>,
}

impl ModelField {
    pub(crate) fn parse(field: Field) -> Result<Self> {
        let span = field.span();
        let Some(ident) = field.ident else {
            return Err(Error::new(span, "a model needs named fields"));
        };
        let mut parsed = Self {
            name: ident.unraw().to_string(),
            ident,
            ty: field.ty,
            description: docs::text(&field.attrs),
            is_block: false,
            says_presence: false,
            default: None,
            timeouts: None,
            calls: Vec::new(),
        };
        let mut is_attribute = false;
        for attribute in &field.attrs {
            if attribute.path().is_ident("attr") {
                is_attribute = true;
                attribute.parse_nested_meta(|meta| parsed.attr_option(&meta))?;
            } else if attribute.path().is_ident("block") {
                parsed.is_block = true;
                if attribute.meta.require_list().is_ok() {
                    attribute.parse_nested_meta(|meta| parsed.block_option(&meta))?;
                }
            }
        }
        if parsed.is_block && is_attribute {
            return Err(Error::new(
                span,
                "a field is an attribute or a block, not both",
            ));
        }
        Ok(parsed)
    }

    fn attr_option(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        if self.common_option(meta)? {
            return Ok(());
        }
        let option = meta.path.require_ident()?;
        match option.to_string().as_str() {
            "required" | "optional" | "computed" => {
                self.says_presence = true;
                self.calls.push(quote!(.#option()));
            }
            "sensitive"
            | "write_only"
            | "replace"
            | "replace_if_configured"
            | "use_state_for_unknown"
            | "use_non_null_state_for_unknown" => {
                self.calls.push(quote!(.#option()));
            }
            "default" => {
                let default: Expr = meta.value()?.parse()?;
                self.calls.push(quote!(.default(#default)));
                self.default = Some(default);
            }
            "replace_if" | "same_if" => self.call_with_value(meta)?,
            other => {
                return Err(meta.error(format!(
                    "unknown option `{other}`; known are required, optional, computed, sensitive, \
                     write_only, replace, replace_if, replace_if_configured, \
                     use_state_for_unknown, use_non_null_state_for_unknown, default, same_if, \
                     validate, plan, deprecated, timeouts and name"
                )));
            }
        }
        Ok(())
    }

    fn block_option(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        if self.common_option(meta)? {
            return Ok(());
        }
        match meta.path.require_ident()?.to_string().as_str() {
            "min" | "max" => self.call_with_value(meta),
            "replace" => {
                self.calls.push(quote!(.replace()));
                Ok(())
            }
            other => Err(meta.error(format!(
                "unknown option `{other}`; known are min, max, replace, validate, plan, \
                 deprecated, timeouts and name"
            ))),
        }
    }

    /// Options that attributes and blocks share. False if it is none of them.
    fn common_option(&mut self, meta: &ParseNestedMeta<'_>) -> Result<bool> {
        match meta.path.require_ident()?.to_string().as_str() {
            "name" => self.name = meta.value()?.parse::<LitStr>()?.value(),
            "deprecated" => self.call_with_value(meta)?,
            "timeouts" => self.timeouts(meta)?,
            "validate" | "plan" => self.call_with_each(meta)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// `timeouts(create = "30m")`.
    fn timeouts(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        let mut timeouts = Vec::new();
        meta.parse_nested_meta(|meta| {
            let operation = meta.path.require_ident()?;
            let Some((_, variant)) = OPERATIONS.iter().find(|(name, _)| operation == name) else {
                let names: Vec<&str> = OPERATIONS.iter().map(|(name, _)| *name).collect();
                let message = format!("unknown operation; known are {}", names.join(", "));
                return Err(meta.error(message));
            };
            let variant = Ident::new(variant, operation.span());
            let default: Expr = meta.value()?.parse()?;
            timeouts.push(quote!((::tfplugin_rs::Operation::#variant, #default)));
            Ok(())
        })?;
        self.timeouts = Some(timeouts);
        Ok(())
    }

    /// `option = expression` becomes `.option(expression)`.
    fn call_with_value(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        let option = meta.path.require_ident()?;
        let value: Expr = meta.value()?.parse()?;
        self.calls.push(quote!(.#option(#value)));
        Ok(())
    }

    /// `option = [a, b]` becomes `.option(a).option(b)`.
    fn call_with_each(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        let option = meta.path.require_ident()?;
        let values = list(meta)?.into_iter();
        self.calls
            .extend(values.map(|value| quote!(.#option(#value))));
        Ok(())
    }

    /// The expression that reads the field at `index` of an object.
    pub(crate) fn reading(&self, index: usize) -> TokenStream {
        let name = &self.name;
        match &self.default {
            Some(default) => quote! {
                fields.take_or(#index, #name, || ::core::convert::Into::into(#default))?
            },
            None => quote!(fields.take(#index, #name)?),
        }
    }

    /// The expression that builds the field's member of the schema.
    pub(crate) fn member(&self) -> TokenStream {
        let Self {
            ty,
            name,
            description,
            calls,
            ..
        } = self;
        let start = if let Some(timeouts) = &self.timeouts {
            let kind = if self.is_block {
                quote!(block)
            } else {
                quote!(attribute)
            };
            quote!(::tfplugin_rs::timeouts::#kind(#name, [#(#timeouts),*]))
        } else if self.is_block {
            quote!(::tfplugin_rs::schema::Block::of::<#ty>(#name))
        } else if self.says_presence {
            quote!(::tfplugin_rs::schema::Attribute::typed::<#ty>(#name))
        } else if self.default.is_some() {
            quote!(::tfplugin_rs::schema::Attribute::typed::<#ty>(#name).optional().computed())
        } else {
            quote!(::tfplugin_rs::schema::Attribute::of::<#ty>(#name))
        };
        quote!(#start.describe(#description)#(#calls)*)
    }
}
