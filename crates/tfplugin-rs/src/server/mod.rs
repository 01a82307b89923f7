//! The gRPC service: protocol messages in, values and the provider's code in the middle, messages
//! out. One file per group of calls; only `wire` and these files know the protocol.
//!
//! Whatever goes wrong for the person at the terminal is a diagnostic. A gRPC error would read as
//! a crash of the plugin, so it is left to calls that no caller makes without asking first.

mod apply;
mod catalog;
mod configure;
mod function;
mod import;
mod plan;
mod read;
mod schema;
mod unsupported;
mod upgrade;
mod validate;

use std::future::Future;
use std::process::ExitCode;
use std::sync::{Arc, PoisonError, RwLock};

use tonic::{Request, Response, Status};

pub(crate) use self::catalog::Prepared;
use self::catalog::{Catalog, ResourceEntry};
use crate::context::Context;
use crate::diagnostics::{Diagnostic, Result};
use crate::private::Private;
use crate::proto::tfplugin6::provider_server::Provider as Service;
use crate::proto::tfplugin6::{self as proto, ServerCapabilities};
use crate::provider::Provider;
use crate::serve::{ServeOptions, serve};
use crate::transport::StopToken;
use crate::transport::guard::guard;

/// A provider as a gRPC service.
///
/// Calls run in parallel. What they share is the provider's data, set once by configuration.
pub struct Server<P: Provider> {
    provider: P,
    catalog: Catalog<P::Data>,
    stop: StopToken,
    /// A lock and no `OnceLock`, since a caller may configure again, as re-attached providers see.
    data: RwLock<Option<Arc<P::Data>>>,
}

impl<P: Provider> std::fmt::Debug for Server<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("provider", &P::NAME)
            .finish_non_exhaustive()
    }
}

impl<P: Provider> Server<P> {
    /// Makes a service of a provider. `stop` fires when Terraform asks to stop, and operations
    /// see it in their context.
    pub fn new(provider: P, stop: StopToken) -> Self {
        let catalog = Catalog::new(&provider);
        Self {
            provider,
            catalog,
            stop,
            data: RwLock::new(None),
        }
    }

    /// What is wrong with the provider's schemas, each with the type and the attribute. Terraform
    /// is shown the same, and nothing else works until there are none.
    pub fn problems(&self) -> &[String] {
        &self.catalog.problems
    }

    pub(crate) fn provider_schema_entry(&self) -> &Prepared {
        &self.catalog.provider
    }

    pub(crate) fn resource_schema(&self, type_name: &str) -> Result<&Prepared> {
        self.catalog
            .resource(type_name)
            .map(|entry| &entry.prepared)
    }

    pub(crate) fn data_source_schema(&self, type_name: &str) -> Result<&Prepared> {
        self.catalog
            .data_source(type_name)
            .map(|entry| &entry.prepared)
    }

    fn resource(&self, type_name: &str) -> Result<&ResourceEntry<P::Data>> {
        self.catalog.resource(type_name)
    }

    /// What an operation gets, if the provider is configured.
    fn context(&self, private: &[u8]) -> Result<Context<P::Data>> {
        let data = self
            .data
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let Some(data) = data else {
            let detail = "The provider must be configured before it is asked to do this.";
            return Err(Diagnostic::error("The provider is not configured", detail).into());
        };
        Ok(Context::new(
            data,
            self.stop.clone(),
            Private::from_bytes(private)?,
        ))
    }
}

/// Runs the provider's own code; a panic in it becomes a diagnostic.
async fn caught<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    match guard(work).await {
        Ok(result) => result,
        Err(panicked) => {
            let detail = format!(
                "{panicked}. This is a bug in the provider; the log has the place where it happened."
            );
            Err(Diagnostic::error("The provider panicked", detail).into())
        }
    }
}

/// What every caller is told this server can do.
fn capabilities() -> ServerCapabilities {
    ServerCapabilities {
        plan_destroy: true,
        get_provider_schema_optional: true,
        move_resource_state: true,
        generate_resource_config: false,
    }
}

/// Serves a provider to the Terraform that started this process; the whole of `main`. Pass
/// `env!("CARGO_CRATE_NAME")`, so that the provider's own log lines are shown.
pub fn run<P: Provider>(provider: P, log_crate: &'static str) -> ExitCode {
    let options = ServeOptions::new(P::NAME, log_crate);
    serve(Server::new(provider, options.stop.clone()), options)
}

/// One method of the service: `rpc_name: module => method;`.
macro_rules! service {
    ($($rpc:ident: $module:ident => $method:ident;)*) => {
        #[tonic::async_trait]
        impl<P: Provider> Service for Server<P> {
            $(
                async fn $rpc(
                    &self,
                    request: Request<proto::$module::Request>,
                ) -> Result<Response<proto::$module::Response>, Status> {
                    Ok(Response::new(self.$method(request.into_inner()).await))
                }
            )*
        }
    };
}

service! {
    get_metadata: get_metadata => metadata;
    get_provider_schema: get_provider_schema => provider_schema;
    get_functions: get_functions => functions;
    get_resource_identity_schemas: get_resource_identity_schemas => identity_schemas;
    validate_provider_config: validate_provider_config => validate_provider;
    validate_resource_config: validate_resource_config => validate_resource;
    validate_data_resource_config: validate_data_resource_config => validate_data_source;
    configure_provider: configure_provider => configure;
    upgrade_resource_state: upgrade_resource_state => upgrade;
    read_resource: read_resource => read;
    plan_resource_change: plan_resource_change => plan;
    apply_resource_change: apply_resource_change => apply;
    import_resource_state: import_resource_state => import;
    move_resource_state: move_resource_state => adopt;
    read_data_source: read_data_source => read_data;
    call_function: call_function => call;
    stop_provider: stop_provider => stop_all;
    upgrade_resource_identity: upgrade_resource_identity => no_identity_upgrade;
    generate_resource_config: generate_resource_config => no_generated_config;
    validate_ephemeral_resource_config: validate_ephemeral_resource_config => no_ephemeral_config;
    open_ephemeral_resource: open_ephemeral_resource => no_ephemeral_open;
    renew_ephemeral_resource: renew_ephemeral_resource => no_ephemeral_renew;
    close_ephemeral_resource: close_ephemeral_resource => no_ephemeral_close;
    validate_list_resource_config: validate_list_resource_config => no_list_config;
    validate_action_config: validate_action_config => no_action_config;
    plan_action: plan_action => no_action_plan;
    validate_state_store_config: validate_state_store_config => no_state_store_config;
    configure_state_store: configure_state_store => no_state_store;
    lock_state: lock_state => no_state_lock;
    unlock_state: unlock_state => no_state_unlock;
    get_states: get_states => no_states;
    delete_state: delete_state => no_state_delete;
}

#[cfg(test)]
mod tests;
