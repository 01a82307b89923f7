//! Listing resources, as `terraform query` does.

use futures_util::TryStreamExt;
use serde_json::Value as Json;
use tonic::Request;

use super::{Terraform, config, wire};
use crate::diagnostics::{Diagnostics, Result};
use crate::proto::tfplugin6 as proto;
use crate::proto::tfplugin6::provider_server::Provider as Service;
use crate::provider::Provider;

/// One event of a listing.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Found {
    /// The name for people.
    pub display_name: String,
    /// The identity as JSON; null for an event that only says something.
    pub identity: Json,
    /// The state as JSON, if it was asked for and sent.
    pub resource: Option<Json>,
    /// What was said about it.
    pub diagnostics: Diagnostics,
}

impl<P: Provider> Terraform<P> {
    /// Lists resources; `limit` and `include_resource` are what a `list` block says.
    pub async fn list(
        &self,
        type_name: &str,
        config: Json,
        limit: i64,
        include_resource: bool,
    ) -> Result<Vec<Found>> {
        let prepared = self.server.list_resource_schema(type_name)?;
        let value = config::to_value(&config, prepared.members())?;
        config::check(&value, prepared.members())?;
        let config = Some(prepared.encode(&value, "a configuration")?);
        let validated = self
            .server
            .validate_list_resource_config(Request::new(
                proto::validate_list_resource_config::Request {
                    type_name: type_name.to_owned(),
                    config: config.clone(),
                    ..Default::default()
                },
            ))
            .await;
        wire::succeeded(wire::body(validated)?.diagnostics)?;
        let events = self
            .server
            .list_resource(Request::new(proto::list_resource::Request {
                type_name: type_name.to_owned(),
                config,
                include_resource_object: include_resource,
                limit,
            }))
            .await;
        let mut events = wire::body(events)?;
        let mut found = Vec::new();
        while let Some(event) = events.try_next().await.map_err(wire::crashed)? {
            found.push(self.found(type_name, event)?);
        }
        Ok(found)
    }

    fn found(&self, type_name: &str, event: proto::list_resource::Event) -> Result<Found> {
        let identity = event.identity.and_then(|identity| identity.identity_data);
        let identity = match self.server.identity_schema(type_name) {
            Some(prepared) => prepared.decode(identity.as_ref(), "the identity")?,
            None => crate::value::Value::Null,
        };
        let state = |sent: proto::DynamicValue| -> Result<Json> {
            let prepared = self.server.resource_schema(type_name)?;
            Ok(config::to_json(&prepared.decode(Some(&sent), "the state")?))
        };
        let diagnostics = event.diagnostic.into_iter().map(wire::diagnostic);
        Ok(Found {
            display_name: event.display_name,
            identity: config::to_json(&identity),
            resource: event.resource_object.map(state).transpose()?,
            diagnostics: diagnostics.collect(),
        })
    }
}
