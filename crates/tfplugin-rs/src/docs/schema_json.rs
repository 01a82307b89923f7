//! The schema as `terraform providers schema -json` prints it, format 1.0.

use std::collections::HashMap;

use serde_json::{Map, Value as Json, json};

use crate::proto::tfplugin6::schema::{Attribute, Block, NestedBlock, Object};
use crate::proto::tfplugin6::{
    Function, Schema, function, get_provider_schema, get_resource_identity_schemas, schema,
};

pub(super) fn render(
    response: &get_provider_schema::Response,
    identities: &get_resource_identity_schemas::Response,
    address: &str,
) -> Json {
    let mut provider = Map::new();
    if let Some(schema) = &response.provider {
        provider.insert("provider".to_owned(), schema_of(schema));
    }
    let mut section = |name: &str, entries: Map<String, Json>| {
        if !entries.is_empty() {
            provider.insert(name.to_owned(), Json::Object(entries));
        }
    };
    section(
        "resource_schemas",
        each(&response.resource_schemas, schema_of),
    );
    section(
        "data_source_schemas",
        each(&response.data_source_schemas, schema_of),
    );
    section(
        "ephemeral_resource_schemas",
        each(&response.ephemeral_resource_schemas, schema_of),
    );
    section(
        "list_resource_schemas",
        each(&response.list_resource_schemas, schema_of),
    );
    section("functions", each(&response.functions, function_of));
    section(
        "action_schemas",
        each(&response.action_schemas, |action| {
            let block = action
                .schema
                .as_ref()
                .and_then(|schema| schema.block.as_ref());
            json!({"block": block.map(block_of)})
        }),
    );
    section(
        "resource_identity_schemas",
        each(&identities.identity_schemas, |identity| {
            let attributes = identity.identity_attributes.iter().map(|attribute| {
                let mut entry = Map::new();
                put(&mut entry, "type", type_of(&attribute.r#type));
                put_text(&mut entry, "description", &attribute.description);
                put_flag(
                    &mut entry,
                    "required_for_import",
                    attribute.required_for_import,
                );
                put_flag(
                    &mut entry,
                    "optional_for_import",
                    attribute.optional_for_import,
                );
                (attribute.name.clone(), Json::Object(entry))
            });
            json!({"version": identity.version, "attributes": attributes.collect::<Map<_, _>>()})
        }),
    );
    json!({"format_version": "1.0", "provider_schemas": {address: provider}})
}

fn each<T>(entries: &HashMap<String, T>, render: impl Fn(&T) -> Json) -> Map<String, Json> {
    entries
        .iter()
        .map(|(name, entry)| (name.clone(), render(entry)))
        .collect()
}

fn schema_of(schema: &Schema) -> Json {
    json!({"version": schema.version, "block": schema.block.as_ref().map(block_of)})
}

fn block_of(block: &Block) -> Json {
    let mut entry = Map::new();
    put_all(&mut entry, "attributes", attributes_of(&block.attributes));
    let nested = block.block_types.iter();
    let nested = nested.map(|nested| (nested.type_name.clone(), nested_block_of(nested)));
    put_all(&mut entry, "block_types", nested.collect());
    put_text(&mut entry, "description", &block.description);
    put(&mut entry, "description_kind", "markdown".into());
    put_flag(&mut entry, "deprecated", block.deprecated);
    Json::Object(entry)
}

fn attributes_of(attributes: &[Attribute]) -> Map<String, Json> {
    let entry = |attribute: &Attribute| (attribute.name.clone(), attribute_of(attribute));
    attributes.iter().map(entry).collect()
}

fn attribute_of(attribute: &Attribute) -> Json {
    let mut entry = Map::new();
    match &attribute.nested_type {
        Some(object) => put(&mut entry, "nested_type", nested_type_of(object)),
        None => put(&mut entry, "type", type_of(&attribute.r#type)),
    }
    put_text(&mut entry, "description", &attribute.description);
    put(&mut entry, "description_kind", "markdown".into());
    put_flag(&mut entry, "deprecated", attribute.deprecated);
    put_flag(&mut entry, "required", attribute.required);
    put_flag(&mut entry, "optional", attribute.optional);
    put_flag(&mut entry, "computed", attribute.computed);
    put_flag(&mut entry, "sensitive", attribute.sensitive);
    put_flag(&mut entry, "write_only", attribute.write_only);
    Json::Object(entry)
}

fn nested_type_of(object: &Object) -> Json {
    use schema::object::NestingMode;
    let mode = match object.nesting() {
        NestingMode::Invalid => "invalid",
        NestingMode::Single => "single",
        NestingMode::List => "list",
        NestingMode::Set => "set",
        NestingMode::Map => "map",
    };
    json!({"attributes": attributes_of(&object.attributes), "nesting_mode": mode})
}

fn nested_block_of(nested: &NestedBlock) -> Json {
    use schema::nested_block::NestingMode;
    let mode = match nested.nesting() {
        NestingMode::Invalid => "invalid",
        NestingMode::Single => "single",
        NestingMode::List => "list",
        NestingMode::Set => "set",
        NestingMode::Map => "map",
        NestingMode::Group => "group",
    };
    let mut entry = Map::new();
    put(&mut entry, "nesting_mode", mode.into());
    put(
        &mut entry,
        "block",
        nested.block.as_ref().map_or(Json::Null, block_of),
    );
    for (name, limit) in [
        ("min_items", nested.min_items),
        ("max_items", nested.max_items),
    ] {
        if limit > 0 {
            put(&mut entry, name, limit.into());
        }
    }
    Json::Object(entry)
}

fn function_of(function: &Function) -> Json {
    let mut entry = Map::new();
    put_text(&mut entry, "description", &function.description);
    put_text(&mut entry, "summary", &function.summary);
    put_text(
        &mut entry,
        "deprecation_message",
        &function.deprecation_message,
    );
    let output = function.r#return.as_ref();
    put(
        &mut entry,
        "return_type",
        output.map_or(Json::Null, |output| type_of(&output.r#type)),
    );
    if !function.parameters.is_empty() {
        let parameters = function.parameters.iter().map(parameter_of).collect();
        put(&mut entry, "parameters", parameters);
    }
    if let Some(parameter) = &function.variadic_parameter {
        put(&mut entry, "variadic_parameter", parameter_of(parameter));
    }
    Json::Object(entry)
}

fn parameter_of(parameter: &function::Parameter) -> Json {
    let mut entry = Map::new();
    put(&mut entry, "name", parameter.name.as_str().into());
    put_text(&mut entry, "description", &parameter.description);
    put_flag(&mut entry, "is_nullable", parameter.allow_null_value);
    put(&mut entry, "type", type_of(&parameter.r#type));
    Json::Object(entry)
}

/// Types are JSON on the wire already.
fn type_of(bytes: &[u8]) -> Json {
    serde_json::from_slice(bytes).unwrap_or(Json::Null)
}

fn put(entry: &mut Map<String, Json>, name: &str, value: Json) {
    entry.insert(name.to_owned(), value);
}

/// Like all that follow, leaves out what says nothing.
fn put_all(entry: &mut Map<String, Json>, name: &str, values: Map<String, Json>) {
    if !values.is_empty() {
        put(entry, name, Json::Object(values));
    }
}

fn put_text(entry: &mut Map<String, Json>, name: &str, text: &str) {
    if !text.is_empty() {
        put(entry, name, text.into());
    }
}

fn put_flag(entry: &mut Map<String, Json>, name: &str, flag: bool) {
    if flag {
        put(entry, name, true.into());
    }
}
