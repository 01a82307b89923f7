//! GetProviderSchema, GetMetadata, GetFunctions, GetResourceIdentitySchemas.

use std::collections::HashMap;

use super::{Server, capabilities};
use crate::diagnostics::Diagnostics;
use crate::function::{Parameter, Signature};
use crate::proto::tfplugin6 as proto;
use crate::proto::tfplugin6::{
    get_functions, get_metadata, get_provider_schema, get_resource_identity_schemas,
};
use crate::provider::Provider;
use crate::value::Type;

#[expect(clippy::unused_async, reason = "called like the others")]
impl<P: Provider> Server<P> {
    pub(super) async fn metadata(&self, _: get_metadata::Request) -> get_metadata::Response {
        let catalog = &self.catalog;
        get_metadata::Response {
            server_capabilities: Some(capabilities()),
            diagnostics: self.schema_diagnostics(),
            data_sources: catalog
                .data_sources
                .keys()
                .map(|name| get_metadata::DataSourceMetadata {
                    type_name: name.clone(),
                })
                .collect(),
            resources: catalog
                .resources
                .keys()
                .map(|name| get_metadata::ResourceMetadata {
                    type_name: name.clone(),
                })
                .collect(),
            functions: catalog
                .functions
                .keys()
                .map(|name| get_metadata::FunctionMetadata {
                    name: (*name).to_owned(),
                })
                .collect(),
            ..Default::default()
        }
    }

    pub(super) async fn provider_schema(
        &self,
        _: get_provider_schema::Request,
    ) -> get_provider_schema::Response {
        let catalog = &self.catalog;
        get_provider_schema::Response {
            provider: Some(catalog.provider.schema.to_proto()),
            resource_schemas: catalog
                .resources
                .iter()
                .map(|(name, entry)| (name.clone(), entry.prepared.schema.to_proto()))
                .collect(),
            data_source_schemas: catalog
                .data_sources
                .iter()
                .map(|(name, entry)| (name.clone(), entry.prepared.schema.to_proto()))
                .collect(),
            diagnostics: self.schema_diagnostics(),
            server_capabilities: Some(capabilities()),
            functions: self.function_schemas(),
            ..Default::default()
        }
    }

    pub(super) async fn functions(&self, _: get_functions::Request) -> get_functions::Response {
        get_functions::Response {
            functions: self.function_schemas(),
            diagnostics: Vec::new(),
        }
    }

    /// None yet; newer callers ask every provider and take an empty answer for "no identities".
    pub(super) async fn identity_schemas(
        &self,
        _: get_resource_identity_schemas::Request,
    ) -> get_resource_identity_schemas::Response {
        get_resource_identity_schemas::Response::default()
    }

    fn schema_diagnostics(&self) -> Vec<proto::Diagnostic> {
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
        deprecation_message: String::new(),
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
