//! Invoking actions.

use futures_util::TryStreamExt;
use serde_json::Value as Json;
use tonic::Request;

use super::{Terraform, config, wire};
use crate::diagnostics::{Diagnostic, Diagnostics, Result};
use crate::proto::tfplugin6 as proto;
use crate::proto::tfplugin6::provider_server::Provider as Service;
use crate::provider::Provider;

/// What an invoked action said.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Invoked {
    /// Its lines of progress.
    pub progress: Vec<String>,
    /// Warnings of its validation, its plan and itself.
    pub warnings: Diagnostics,
}

impl<P: Provider> Terraform<P> {
    /// Validates and plans an action; the warnings. Values may be [`UNKNOWN`](super::UNKNOWN).
    pub async fn plan_action(&self, action_type: &str, config: Json) -> Result<Diagnostics> {
        let config = Some(self.action_config(action_type, &config)?);
        let validated = self
            .server
            .validate_action_config(Request::new(proto::validate_action_config::Request {
                action_type: action_type.to_owned(),
                config: config.clone(),
            }))
            .await;
        let mut warnings = wire::succeeded(wire::body(validated)?.diagnostics)?;
        let planned = self
            .server
            .plan_action(Request::new(proto::plan_action::Request {
                action_type: action_type.to_owned(),
                config,
                client_capabilities: Some(wire::capabilities()),
            }))
            .await;
        warnings.extend(wire::succeeded(wire::body(planned)?.diagnostics)?);
        Ok(warnings)
    }

    /// Plans and invokes an action.
    pub async fn invoke(&self, action_type: &str, config: Json) -> Result<Invoked> {
        let mut invoked = Invoked {
            warnings: self.plan_action(action_type, config.clone()).await?,
            ..Invoked::default()
        };
        let config = self.action_config(action_type, &config)?;
        let events = self
            .server
            .invoke_action(Request::new(proto::invoke_action::Request {
                action_type: action_type.to_owned(),
                config: Some(config),
                client_capabilities: Some(wire::capabilities()),
            }))
            .await;
        let mut events = wire::body(events)?;
        let mut is_completed = false;
        while let Some(event) = events.try_next().await.map_err(wire::crashed)? {
            use proto::invoke_action::event::Type;
            match event.r#type {
                _ if is_completed => return Err(broken("An event came after the last.")),
                Some(Type::Progress(progress)) => invoked.progress.push(progress.message),
                Some(Type::Completed(completed)) => {
                    is_completed = true;
                    invoked
                        .warnings
                        .extend(wire::succeeded(completed.diagnostics)?);
                }
                None => return Err(broken("An event is of no type.")),
            }
        }
        if !is_completed {
            return Err(broken("The stream ended without a last event."));
        }
        Ok(invoked)
    }

    fn action_config(&self, action_type: &str, config: &Json) -> Result<proto::DynamicValue> {
        let prepared = self.server.action_schema(action_type)?;
        let value = config::to_value(config, prepared.members())?;
        config::check(&value, prepared.members())?;
        prepared.encode(&value, "a configuration")
    }
}

fn broken(detail: &str) -> Diagnostics {
    Diagnostic::error("Provider broke the rules of actions", detail).into()
}
