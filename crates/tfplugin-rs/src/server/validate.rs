//! The validation calls: one for each kind of thing that has a configuration block.

use super::catalog::Entry;
use super::prepared::Prepared;
use super::{Server, caught};
use crate::context::Validation;
use crate::diagnostics::{Diagnostics, Result};
use crate::erased::Configurable;
use crate::proto::tfplugin6::{
    DynamicValue, validate_action_config, validate_data_resource_config,
    validate_ephemeral_resource_config, validate_list_resource_config, validate_provider_config,
    validate_resource_config,
};
use crate::provider::Provider;
use crate::validate::{Surroundings, check};

impl<P: Provider> Server<P> {
    pub(super) async fn validate_provider(
        &self,
        request: validate_provider_config::Request,
    ) -> validate_provider_config::Response {
        let diagnostics = match start(&self.catalog.provider, request.config.as_ref(), false) {
            Ok(mut cx) => {
                let own = caught(self.provider.validate(&mut cx)).await;
                finish(cx, own)
            }
            Err(diagnostics) => diagnostics,
        };
        validate_provider_config::Response {
            diagnostics: diagnostics.into_proto(),
        }
    }

    pub(super) async fn validate_resource(
        &self,
        request: validate_resource_config::Request,
    ) -> validate_resource_config::Response {
        let takes_write_only = request
            .client_capabilities
            .is_some_and(|client| client.write_only_attributes_allowed);
        let entry = self.catalog.resource(&request.type_name);
        validate_resource_config::Response {
            diagnostics: validate(entry, request.config.as_ref(), takes_write_only)
                .await
                .into_proto(),
        }
    }

    pub(super) async fn validate_data_source(
        &self,
        request: validate_data_resource_config::Request,
    ) -> validate_data_resource_config::Response {
        let entry = self.catalog.data_source(&request.type_name);
        validate_data_resource_config::Response {
            diagnostics: validate(entry, request.config.as_ref(), false)
                .await
                .into_proto(),
        }
    }

    pub(super) async fn validate_ephemeral(
        &self,
        request: validate_ephemeral_resource_config::Request,
    ) -> validate_ephemeral_resource_config::Response {
        let entry = self.catalog.ephemeral_resource(&request.type_name);
        validate_ephemeral_resource_config::Response {
            diagnostics: validate(entry, request.config.as_ref(), false)
                .await
                .into_proto(),
        }
    }

    pub(super) async fn validate_list(
        &self,
        request: validate_list_resource_config::Request,
    ) -> validate_list_resource_config::Response {
        let entry = self.catalog.list_resource(&request.type_name);
        validate_list_resource_config::Response {
            diagnostics: validate(entry, request.config.as_ref(), false)
                .await
                .into_proto(),
        }
    }

    /// Actions came after write-only attributes, so every caller that has the one knows the other.
    pub(super) async fn validate_action(
        &self,
        request: validate_action_config::Request,
    ) -> validate_action_config::Response {
        let entry = self.catalog.action(&request.action_type);
        validate_action_config::Response {
            diagnostics: validate(entry, request.config.as_ref(), true)
                .await
                .into_proto(),
        }
    }
}

/// Validates the configuration of one thing, if there is such a thing.
async fn validate<O: Configurable + ?Sized>(
    entry: Result<&Entry<O>>,
    config: Option<&DynamicValue>,
    takes_write_only: bool,
) -> Diagnostics {
    let started =
        entry.and_then(|entry| Ok((entry, start(&entry.prepared, config, takes_write_only)?)));
    match started {
        Ok((entry, mut cx)) => {
            let own = caught(entry.object.validate(&mut cx)).await;
            finish(cx, own)
        }
        Err(diagnostics) => diagnostics,
    }
}

/// Reads the configuration and applies what its schema demands. A caller that does not take
/// write-only attributes would store them.
fn start(
    prepared: &Prepared,
    config: Option<&DynamicValue>,
    takes_write_only: bool,
) -> Result<Validation> {
    let config = prepared.decode(config, "the configuration")?;
    let surroundings = Surroundings::new(&prepared.schema, &config, takes_write_only);
    let found = check(&prepared.schema, &surroundings);
    Ok(Validation::new(
        prepared.values(config),
        surroundings,
        found,
    ))
}

/// Everything found, the outcome of the provider's own validation last.
fn finish(cx: Validation, own: Result<()>) -> Diagnostics {
    let mut diagnostics = cx.diagnostics;
    diagnostics.absorb(own);
    diagnostics
}
