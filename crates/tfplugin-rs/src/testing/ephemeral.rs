//! One ephemeral resource under test, from open to close.

use std::time::SystemTime;

use serde_json::Value as Json;
use tonic::Request;

use super::{Terraform, config, wire};
use crate::diagnostics::{Diagnostic, Diagnostics, Result};
use crate::plan::check_known;
use crate::private::Private;
use crate::proto::tfplugin6 as proto;
use crate::proto::tfplugin6::provider_server::Provider as Service;
use crate::provider::Provider;
use crate::value::Value;

/// An ephemeral resource that is open.
pub struct TestEphemeral<'a, P: Provider> {
    terraform: &'a Terraform<P>,
    type_name: String,
    result: Value,
    private: Option<bytes::Bytes>,
    renew_at: Option<SystemTime>,
    warnings: Diagnostics,
}

impl<P: Provider> std::fmt::Debug for TestEphemeral<'_, P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The result is a secret as a rule.
        f.debug_tuple("TestEphemeral")
            .field(&self.type_name)
            .field(&self.renew_at)
            .finish()
    }
}

impl<'a, P: Provider> TestEphemeral<'a, P> {
    pub(super) async fn open(
        terraform: &'a Terraform<P>,
        type_name: &str,
        config: &Json,
    ) -> Result<Self> {
        let server = &terraform.server;
        let prepared = server.ephemeral_resource_schema(type_name)?;
        let value = config::to_value(config, prepared.members())?;
        config::check(&value, prepared.members())?;
        let config = Some(prepared.encode(&value, "a configuration")?);
        let validated = server
            .validate_ephemeral_resource_config(Request::new(
                proto::validate_ephemeral_resource_config::Request {
                    type_name: type_name.to_owned(),
                    config: config.clone(),
                },
            ))
            .await;
        let mut warnings = wire::succeeded(wire::body(validated)?.diagnostics)?;
        let opened = server
            .open_ephemeral_resource(Request::new(proto::open_ephemeral_resource::Request {
                type_name: type_name.to_owned(),
                config,
                client_capabilities: Some(wire::capabilities()),
            }))
            .await;
        let opened = wire::body(opened)?;
        warnings.extend(wire::succeeded(opened.diagnostics)?);
        let result = prepared.decode(opened.result.as_ref(), "the result")?;
        check_known(&result, "opening").into_result()?;
        Ok(Self {
            terraform,
            type_name: type_name.to_owned(),
            result,
            private: opened.private,
            renew_at: opened.renew_at.map(time).transpose()?,
            warnings,
        })
    }

    /// Arguments and results as JSON.
    pub fn result(&self) -> Json {
        config::to_json(&self.result)
    }

    /// When the provider wants it to be renewed.
    pub fn renew_at(&self) -> Option<SystemTime> {
        self.renew_at
    }

    /// The private state, for provider keys.
    pub fn private(&self) -> Private {
        let private = self.private.as_deref().unwrap_or_default();
        // The server has just made these bytes.
        Private::from_bytes(private).unwrap_or_default()
    }

    /// Warnings so far.
    pub fn warnings(&self) -> &Diagnostics {
        &self.warnings
    }

    /// Renews it, whether it is time or not.
    pub async fn renew(&mut self) -> Result<()> {
        let renewed = self
            .terraform
            .server
            .renew_ephemeral_resource(Request::new(proto::renew_ephemeral_resource::Request {
                type_name: self.type_name.clone(),
                private: self.private.clone(),
            }))
            .await;
        let renewed = wire::body(renewed)?;
        self.private = renewed.private;
        self.warnings.extend(wire::succeeded(renewed.diagnostics)?);
        self.renew_at = renewed.renew_at.map(time).transpose()?;
        Ok(())
    }

    /// Closes it.
    pub async fn close(self) -> Result<Diagnostics> {
        let closed = self
            .terraform
            .server
            .close_ephemeral_resource(Request::new(proto::close_ephemeral_resource::Request {
                type_name: self.type_name,
                private: self.private,
            }))
            .await;
        wire::succeeded(wire::body(closed)?.diagnostics)
    }
}

fn time(sent: prost_types::Timestamp) -> Result<SystemTime> {
    SystemTime::try_from(sent)
        .map_err(|error| Diagnostic::error("Bad time of renewal", error.to_string()).into())
}
