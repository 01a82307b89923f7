//! GetProviderSchema, GetMetadata, GetFunctions.

use std::collections::HashMap;

use super::catalog::Entries;
use super::{Server, capabilities};
use crate::diagnostics::Diagnostics;
use crate::function::{Parameter, Signature};
use crate::proto::tfplugin6 as proto;
use crate::proto::tfplugin6::{get_functions, get_metadata, get_provider_schema};
use crate::provider::Provider;
use crate::value::Type;

#[expect(clippy::unused_async, reason = "called like the others")]
impl<P: Provider> Server<P> {
    pub(super) async fn metadata(&self, _: get_metadata::Request) -> get_metadata::Response {
        use get_metadata as message;
        let catalog = &self.catalog;
        message::Response {
            server_capabilities: Some(capabilities()),
            diagnostics: self.schema_diagnostics(),
            data_sources: names(&catalog.data_sources)
                .map(|type_name| message::DataSourceMetadata { type_name })
                .collect(),
            resources: names(&catalog.resources)
                .map(|type_name| message::ResourceMetadata { type_name })
                .collect(),
            functions: catalog
                .functions
                .keys()
                .map(|name| message::FunctionMetadata {
                    name: (*name).to_owned(),
                })
                .collect(),
            ephemeral_resources: names(&catalog.ephemeral_resources)
                .map(|type_name| message::EphemeralResourceMetadata { type_name })
                .collect(),
            list_resources: names(&catalog.list_resources)
                .map(|type_name| message::ListResourceMetadata { type_name })
                .collect(),
            state_stores: Vec::new(),
            actions: names(&catalog.actions)
                .map(|type_name| message::ActionMetadata { type_name })
                .collect(),
        }
    }

    pub(crate) async fn provider_schema(
        &self,
        _: get_provider_schema::Request,
    ) -> get_provider_schema::Response {
        let catalog = &self.catalog;
        let actions = schemas(&catalog.actions).into_iter().map(|(name, schema)| {
            let schema = Some(schema);
            (name, proto::ActionSchema { schema })
        });
        get_provider_schema::Response {
            provider: Some(catalog.provider.schema.to_proto()),
            resource_schemas: schemas(&catalog.resources),
            data_source_schemas: schemas(&catalog.data_sources),
            diagnostics: self.schema_diagnostics(),
            provider_meta: catalog.meta.as_ref().map(|meta| meta.schema.to_proto()),
            server_capabilities: Some(capabilities()),
            functions: self.function_schemas(),
            ephemeral_resource_schemas: schemas(&catalog.ephemeral_resources),
            list_resource_schemas: schemas(&catalog.list_resources),
            state_store_schemas: HashMap::new(),
            action_schemas: actions.collect(),
        }
    }

    pub(super) async fn functions(&self, _: get_functions::Request) -> get_functions::Response {
        get_functions::Response {
            functions: self.function_schemas(),
            diagnostics: Vec::new(),
        }
    }

    pub(super) fn schema_diagnostics(&self) -> Vec<proto::Diagnostic> {
        self.catalog
            .usable()
            .err()
            .map(Diagnostics::into_proto)
            .unwrap_or_default()
    }

    fn function_schemas(&self) -> HashMap<String, proto::Function> {
        let functions = self.catalog.functions.iter();
        functions
            .map(|(name, entry)| {
                (
                    (*name).to_owned(),
                    function(&entry.signature, &entry.output),
                )
            })
            .collect()
    }
}

fn names<O: ?Sized>(entries: &Entries<O>) -> impl Iterator<Item = String> {
    entries.keys().cloned()
}

fn schemas<O: ?Sized>(entries: &Entries<O>) -> HashMap<String, proto::Schema> {
    let schemas = entries.iter();
    schemas
        .map(|(name, entry)| (name.clone(), entry.prepared.schema.to_proto()))
        .collect()
}

fn function(signature: &Signature, output: &Type) -> proto::Function {
    proto::Function {
        parameters: signature.parameters.iter().map(parameter).collect(),
        variadic_parameter: signature.variadic.as_ref().map(parameter),
        r#return: Some(proto::function::Return {
            r#type: output.to_json_bytes().into(),
        }),
        summary: signature.summary.clone(),
        description: signature.description.clone(),
        description_kind: proto::StringKind::Markdown.into(),
        deprecation_message: signature.deprecated.clone().unwrap_or_default(),
    }
}

fn parameter(parameter: &Parameter) -> proto::function::Parameter {
    proto::function::Parameter {
        name: parameter.name.clone(),
        r#type: parameter.ty.to_json_bytes().into(),
        allow_null_value: parameter.allow_null,
        allow_unknown_values: parameter.allow_unknown,
        description: parameter.description.clone(),
        description_kind: proto::StringKind::Markdown.into(),
    }
}
