//! What the provider offers, as one text: a change of it is a change for every user.

use std::collections::HashMap;
use std::fmt::Write as _;

use serde_json::{Value as Json, json};
use tfplugin_rs::proto::tfplugin6::provider_server::Provider as _;
use tfplugin_rs::proto::tfplugin6::schema::{Attribute, Block};
use tfplugin_rs::proto::tfplugin6::{Function, get_provider_schema};
use tfplugin_rs::testing::Terraform;
use tfplugin_rs::{Server, StopToken};
use tonic::Request;

#[test]
fn the_schemas_make_sense() {
    Terraform::unconfigured(provider::ferrymq()).unwrap();
}

#[tokio::test]
async fn the_schemas_are_these() {
    let server = Server::new(provider::ferrymq(), StopToken::new());
    let request = Request::new(get_provider_schema::Request {});
    let schema = server
        .get_provider_schema(request)
        .await
        .unwrap()
        .into_inner();
    let mut text = String::new();
    let mut section = |title: String, block: Option<&Block>| {
        writeln!(text, "# {title}\n").unwrap();
        let block = block.unwrap();
        writeln!(text, "{}\n", block.description).unwrap();
        attributes(&mut text, &block.attributes, 0);
        writeln!(text).unwrap();
    };
    section("provider".into(), schema.provider.unwrap().block.as_ref());
    for name in sorted(&schema.resource_schemas) {
        section(
            format!("resource {name}"),
            schema.resource_schemas[&name].block.as_ref(),
        );
    }
    for name in sorted(&schema.data_source_schemas) {
        section(
            format!("data {name}"),
            schema.data_source_schemas[&name].block.as_ref(),
        );
    }
    for name in sorted(&schema.functions) {
        signature(&mut text, &name, &schema.functions[&name]);
    }
    insta::assert_snapshot!(text);
}

/// The names in an order that stays.
fn sorted<T>(map: &HashMap<String, T>) -> Vec<String> {
    let mut names: Vec<String> = map.keys().cloned().collect();
    names.sort();
    names
}

/// Every attribute with its type, flags and description.
fn attributes(text: &mut String, members: &[Attribute], depth: usize) {
    let indent = "  ".repeat(depth);
    for attribute in members {
        let flags = [
            (attribute.required, "required"),
            (attribute.optional, "optional"),
            (attribute.computed, "computed"),
            (attribute.sensitive, "sensitive"),
            (attribute.write_only, "write-only"),
        ];
        let flags: Vec<&str> = flags
            .iter()
            .filter(|(on, _)| *on)
            .map(|(_, flag)| *flag)
            .collect();
        let ty = match &attribute.nested_type {
            Some(object) => object.nesting().as_str_name().to_lowercase(),
            None => String::from_utf8(attribute.r#type.to_vec()).unwrap(),
        };
        let (name, description) = (&attribute.name, &attribute.description);
        assert!(!description.trim().is_empty(), "{name} is not described");
        writeln!(text, "{indent}- {name}: {ty}, {}", flags.join(", ")).unwrap();
        for line in description.lines() {
            writeln!(text, "{indent}  {line}").unwrap();
        }
        if let Some(object) = &attribute.nested_type {
            attributes(text, &object.attributes, depth + 1);
        }
    }
}

fn signature(text: &mut String, name: &str, function: &Function) {
    writeln!(text, "# function {name}\n\n{}\n", function.description).unwrap();
    for parameter in &function.parameters {
        let ty = String::from_utf8_lossy(&parameter.r#type);
        writeln!(
            text,
            "- {}: {ty}\n  {}",
            parameter.name, parameter.description
        )
        .unwrap();
    }
}

#[tokio::test]
async fn functions_need_no_configuration() {
    let terraform = Terraform::unconfigured(provider::ferrymq()).unwrap();
    let call = |arguments: [&str; 4]| {
        let arguments: Vec<Json> = arguments.iter().map(|argument| json!(argument)).collect();
        let terraform = &terraform;
        async move { terraform.call("connection_uri", &arguments).await }
    };
    let uri = call(["amqps://h:5671", "me@home", "p/w", "/"])
        .await
        .unwrap();
    assert_eq!(uri, "amqps://me%40home:p%2Fw@h:5671/%2F");
    let error = call(["h:5671", "u", "p", "/"]).await.unwrap_err();
    assert!(error.to_string().contains("no scheme"), "{error}");
}
