//! What the providers say they offer: schemas, functions, metadata.

use std::collections::{BTreeMap, HashMap};

use anyhow::Result;
use tfplugin_rs::proto::tfplugin6::schema::{Attribute, Block};
use tfplugin_rs::proto::tfplugin6::{
    Function, Schema, get_functions, get_metadata, get_provider_schema,
    get_resource_identity_schemas,
};
use tfplugin_rs::value::Type;

use crate::plugin::Plugin;

/// Every item that one of the two announces otherwise than the other.
pub(crate) async fn differences(reference: &Plugin, ours: &Plugin) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let (a, b) = (&reference.schema, &ours.schema);
    for (who, schema) in [("the reference", a), ("ours", b)] {
        for diagnostic in &schema.diagnostics {
            found.push(format!(
                "{who}: {}: {}",
                diagnostic.summary, diagnostic.detail
            ));
        }
    }
    let (a_kinds, b_kinds) = (kinds(a), kinds(b));
    for ((what, a), (_, b)) in a_kinds.iter().zip(&b_kinds) {
        compare(what, &schemas(a), &schemas(b), &mut found);
    }
    compare(
        "function",
        &functions(&a.functions),
        &functions(&b.functions),
        &mut found,
    );

    let request = get_functions::Request {};
    let a = reference
        .client()
        .get_functions(request)
        .await?
        .into_inner();
    let b = ours.client().get_functions(request).await?.into_inner();
    compare(
        "function of GetFunctions",
        &functions(&a.functions),
        &functions(&b.functions),
        &mut found,
    );
    let a = identities(reference).await?;
    let b = identities(ours).await?;
    compare("identity", &a, &b, &mut found);
    let a = names(reference).await?;
    let b = names(ours).await?;
    compare("kind of GetMetadata", &a, &b, &mut found);
    Ok(found)
}

/// The schemas of a provider by kind.
fn kinds(answer: &get_provider_schema::Response) -> [(&'static str, HashMap<String, Schema>); 7] {
    let provider =
        |schema: &Option<Schema>| schema.iter().map(|s| (String::new(), s.clone())).collect();
    let actions = answer.action_schemas.iter();
    let actions = actions.filter_map(|(name, action)| Some((name.clone(), action.schema.clone()?)));
    [
        ("provider", provider(&answer.provider)),
        ("provider_meta", provider(&answer.provider_meta)),
        ("list resource", answer.list_resource_schemas.clone()),
        ("resource", answer.resource_schemas.clone()),
        ("data source", answer.data_source_schemas.clone()),
        (
            "ephemeral resource",
            answer.ephemeral_resource_schemas.clone(),
        ),
        ("action", actions.collect()),
    ]
}

fn compare(
    what: &str,
    reference: &BTreeMap<String, String>,
    ours: &BTreeMap<String, String>,
    found: &mut Vec<String>,
) {
    let names: std::collections::BTreeSet<_> = reference.keys().chain(ours.keys()).collect();
    for name in names {
        let (a, b) = (reference.get(name), ours.get(name));
        if a == b {
            continue;
        }
        let lines = |text: Option<&String>| -> Vec<String> {
            text.map(|t| t.lines().map(str::to_owned).collect())
                .unwrap_or_default()
        };
        let (a, b) = (lines(a), lines(b));
        let only = |a: &[String], b: &[String]| {
            let only: Vec<_> = a.iter().filter(|line| !b.contains(line)).cloned().collect();
            only.join("\n      ")
        };
        found.push(format!(
            "  {what} {name:?}\n    reference alone:\n      {}\n    ours alone:\n      {}",
            only(&a, &b),
            only(&b, &a)
        ));
    }
}

/// Each identity as lines, one for each attribute.
async fn identities(plugin: &Plugin) -> Result<BTreeMap<String, String>> {
    let request = get_resource_identity_schemas::Request {};
    let mut client = plugin.client();
    let answer = client.get_resource_identity_schemas(request).await?;
    let schemas = answer.into_inner().identity_schemas.into_iter();
    let schemas = schemas.map(|(name, schema)| {
        let attributes = schema.identity_attributes.iter().map(|attribute| {
            let ty = Type::from_json_bytes(&attribute.r#type).map(|ty| ty.to_string());
            format!(
                "{} {} required:{} optional:{}",
                attribute.name,
                ty.unwrap_or_default(),
                attribute.required_for_import,
                attribute.optional_for_import
            )
        });
        let mut lines: Vec<_> = attributes.collect();
        lines.sort();
        lines.push(format!("version {}", schema.version));
        (name, lines.join("\n"))
    });
    Ok(schemas.collect())
}

async fn names(plugin: &Plugin) -> Result<BTreeMap<String, String>> {
    let request = get_metadata::Request {};
    let answer = plugin.client().get_metadata(request).await?.into_inner();
    let sorted = |mut names: Vec<String>| {
        names.sort();
        names.join("\n")
    };
    let resources = answer.resources.into_iter().map(|r| r.type_name);
    let data = answer.data_sources.into_iter().map(|d| d.type_name);
    let functions = answer.functions.into_iter().map(|f| f.name);
    let ephemeral = answer.ephemeral_resources.into_iter().map(|e| e.type_name);
    let lists = answer.list_resources.into_iter().map(|l| l.type_name);
    let actions = answer.actions.into_iter().map(|a| a.type_name);
    Ok([
        ("resources", sorted(resources.collect())),
        ("data sources", sorted(data.collect())),
        ("functions", sorted(functions.collect())),
        ("ephemeral resources", sorted(ephemeral.collect())),
        ("list resources", sorted(lists.collect())),
        ("actions", sorted(actions.collect())),
    ]
    .map(|(kind, names)| (kind.to_owned(), names))
    .into())
}

/// Each schema as lines, one for each attribute and block.
fn schemas(schemas: &HashMap<String, Schema>) -> BTreeMap<String, String> {
    let schemas = schemas.iter().map(|(name, schema)| {
        let mut lines = vec![format!("version {}", schema.version)];
        if let Some(block) = &schema.block {
            self::block("", block, &mut lines);
        }
        (name.clone(), lines.join("\n"))
    });
    schemas.collect()
}

fn block(at: &str, block: &Block, lines: &mut Vec<String>) {
    lines.push(format!(
        "{at}{{}} {:?} {} {:?}",
        block.description, block.deprecated, block.deprecation_message
    ));
    let mut attributes: Vec<_> = block.attributes.iter().collect();
    attributes.sort_by(|a, b| a.name.cmp(&b.name));
    for each in attributes {
        attribute(at, each, lines);
    }
    let mut blocks: Vec<_> = block.block_types.iter().collect();
    blocks.sort_by(|a, b| a.type_name.cmp(&b.type_name));
    for nested in blocks {
        let inner = format!("{at}{}/", nested.type_name);
        let (nesting, min, max) = (nested.nesting(), nested.min_items, nested.max_items);
        lines.push(format!("{inner} {nesting:?} {min} {max}"));
        if let Some(block) = &nested.block {
            self::block(&inner, block, lines);
        }
    }
}

fn attribute(at: &str, attribute: &Attribute, lines: &mut Vec<String>) {
    let flags = [
        (attribute.required, "required"),
        (attribute.optional, "optional"),
        (attribute.computed, "computed"),
        (attribute.sensitive, "sensitive"),
        (attribute.deprecated, "deprecated"),
        (attribute.write_only, "write-only"),
    ];
    let flags: Vec<_> = flags
        .iter()
        .filter(|(is, _)| *is)
        .map(|(_, name)| *name)
        .collect();
    let (name, flags) = (&attribute.name, flags.join(" "));
    let ty = Type::from_json_bytes(&attribute.r#type).map(|ty| ty.to_string());
    lines.push(format!(
        "{at}{name} {flags} {:?} {:?} {}",
        attribute.description,
        attribute.deprecation_message,
        ty.unwrap_or_default()
    ));
    if let Some(object) = &attribute.nested_type {
        lines.push(format!("{at}{name} {:?}", object.nesting()));
        let inner = format!("{at}{name}.");
        let mut attributes: Vec<_> = object.attributes.iter().collect();
        attributes.sort_by(|a, b| a.name.cmp(&b.name));
        for each in attributes {
            self::attribute(&inner, each, lines);
        }
    }
}

fn functions(functions: &HashMap<String, Function>) -> BTreeMap<String, String> {
    let ty = |json: &[u8]| {
        Type::from_json_bytes(json)
            .map(|ty| ty.to_string())
            .unwrap_or_default()
    };
    let functions = functions.iter().map(|(name, function)| {
        let parameters = function
            .parameters
            .iter()
            .chain(&function.variadic_parameter);
        let mut lines: Vec<_> = parameters
            .map(|p| {
                let (null, unknown) = (p.allow_null_value, p.allow_unknown_values);
                format!("{} {} null:{null} unknown:{unknown}", p.name, ty(&p.r#type))
            })
            .collect();
        let output = function.r#return.as_ref().map(|output| ty(&output.r#type));
        let (variadic, message) = (
            function.variadic_parameter.is_some(),
            &function.deprecation_message,
        );
        lines.push(format!(
            "variadic:{variadic} returns {output:?} {message:?}"
        ));
        (name.clone(), lines.join("\n"))
    });
    functions.collect()
}
