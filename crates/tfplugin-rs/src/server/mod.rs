//! The gRPC service: protocol messages in, values and the provider's code in the middle, messages
//! out. One file per group of calls; only `wire` and these files know the protocol.
//!
//! Whatever goes wrong for the person at the terminal is a diagnostic, in calls for what is not
//! offered, too: a gRPC error would read as a crash of the plugin.

mod action;
mod apply;
mod catalog;
mod configure;
mod ephemeral;
mod function;
mod generate;
mod identity;
mod import;
mod list;
mod plan;
mod prepared;
mod read;
mod schema;
mod unsupported;
mod upgrade;
mod validate;

use std::future::Future;
use std::process::ExitCode;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use futures_util::StreamExt;
use tokio::task::JoinError;
use tonic::codegen::BoxStream;
use tonic::{Request, Response, Status, Streaming};

use self::catalog::{Catalog, ResourceEntry};
use self::configure::Configured;
pub(crate) use self::prepared::Prepared;
use crate::context::Context;
use crate::deferral::Deferral;
use crate::diagnostics::{Diagnostic, Diagnostics, Result};
use crate::private::Private;
use crate::proto::tfplugin6::provider_server::Provider as Service;
use crate::proto::tfplugin6::{self as proto, ServerCapabilities};
use crate::provider::Provider;
use crate::serve::{ServeOptions, serve};
use crate::transport::StopToken;
use crate::transport::guard::guard;
use crate::values::Values;

/// A provider as a gRPC service.
///
/// Calls run in parallel. What they share is the provider's data, set once by configuration.
pub struct Server<P: Provider> {
    provider: P,
    catalog: Catalog<P::Data>,
    stop: StopToken,
    /// Fires with `stop`, and when this run is interrupted. Under a debugger others follow.
    run: RwLock<StopToken>,
    /// A lock and no `OnceLock`, since a caller may configure again, as re-attached providers see.
    configured: RwLock<Configured<P::Data>>,
}

impl<P: Provider> std::fmt::Debug for Server<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("provider", &P::NAME)
            .finish_non_exhaustive()
    }
}

impl<P: Provider> Server<P> {
    /// Makes a service of a provider. Operations see in their context when `stop` fires or
    /// Terraform asks to stop.
    pub fn new(provider: P, stop: StopToken) -> Self {
        let catalog = Catalog::new(&provider);
        Self {
            provider,
            catalog,
            run: RwLock::new(stop.child()),
            stop,
            configured: RwLock::new(Configured::NotYet),
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
            .map(|entry| &*entry.prepared)
    }

    pub(crate) fn identity_schema(&self, type_name: &str) -> Option<&Prepared> {
        self.catalog
            .identity(type_name)
            .map(|entry| &*entry.prepared)
    }

    pub(crate) fn data_source_schema(&self, type_name: &str) -> Result<&Prepared> {
        self.catalog
            .data_source(type_name)
            .map(|entry| &*entry.prepared)
    }

    pub(crate) fn ephemeral_resource_schema(&self, type_name: &str) -> Result<&Prepared> {
        self.catalog
            .ephemeral_resource(type_name)
            .map(|entry| &*entry.prepared)
    }

    pub(crate) fn list_resource_schema(&self, type_name: &str) -> Result<&Prepared> {
        self.catalog
            .list_resource(type_name)
            .map(|entry| &*entry.prepared)
    }

    pub(crate) fn action_schema(&self, type_name: &str) -> Result<&Prepared> {
        self.catalog.action(type_name).map(|entry| &*entry.prepared)
    }

    fn resource(&self, type_name: &str) -> Result<&ResourceEntry<P::Data>> {
        self.catalog.resource(type_name)
    }

    /// What an operation gets, if the provider is configured.
    fn context(&self, private: &[u8]) -> Result<Context<P::Data>> {
        let configured = self.configured();
        let data = match &*configured {
            Configured::Done(data) => Arc::clone(data),
            Configured::NotYet => {
                let detail = "The provider must be configured before it is asked to do this.";
                return Err(Diagnostic::error("The provider is not configured", detail).into());
            }
            Configured::PutOff(_) => {
                let detail = "The provider's configuration has values that are not known yet, so \
                              this cannot be done in this run.";
                return Err(Diagnostic::error("The provider is deferred", detail).into());
            }
        };
        Ok(Context::new(
            data,
            self.run_stop().child(),
            Private::from_bytes(private)?,
        ))
    }

    /// The signal to stop of the present run.
    fn run_stop(&self) -> StopToken {
        let run = self.run.read().unwrap_or_else(PoisonError::into_inner);
        run.clone()
    }

    /// What the module says to the provider, if it says anything.
    fn meta(&self, sent: Option<&proto::DynamicValue>) -> Result<Option<Values>> {
        let Some(prepared) = &self.catalog.meta else {
            return Ok(None);
        };
        let meta = prepared.values(prepared.decode(sent, "the provider_meta block")?);
        Ok(Some(meta).filter(|meta| !meta.is_null()))
    }

    /// Why the provider puts off all that it is asked, if it does.
    fn puts_off(&self) -> Option<Deferral> {
        match &*self.configured() {
            Configured::PutOff(reason) => Some(*reason),
            _ => None,
        }
    }

    fn configured(&self) -> RwLockReadGuard<'_, Configured<P::Data>> {
        self.configured
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// In private state: the resource was imported and has not been read since. The name is that of
/// Terraform's own framework, so that a provider may move from it to this one at any time.
const IMPORTED: &str = ".import_before_read";

/// Runs the provider's own code; a panic in it becomes a diagnostic.
async fn caught<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    match guard(work).await {
        Ok(result) => result,
        Err(panicked) => {
            let detail = format!(
                "It said: {}. This is a bug in the provider; the log has the place where it \
                 happened.",
                panicked.message
            );
            Err(Diagnostic::error("The provider panicked", detail).into())
        }
    }
}

/// Runs work that makes or unmakes something as a task of its own: a caller that hangs up asks it to
/// stop, as the person at the terminal does, and does not cut it off in the middle.
async fn to_its_end<T: Send + 'static>(
    stop: StopToken,
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T> {
    let _heard = stop.stop_on_drop();
    tokio::spawn(work).await.map_err(lost)
}

/// Panics are caught inside, so only the end of the runtime can take a task away.
fn lost(error: JoinError) -> Diagnostics {
    Diagnostic::error("The operation did not end", error.to_string()).into()
}

/// What every caller is told this server can do.
fn capabilities() -> ServerCapabilities {
    ServerCapabilities {
        plan_destroy: true,
        get_provider_schema_optional: true,
        move_resource_state: true,
        generate_resource_config: true,
    }
}

/// Serves a provider to the Terraform that started this process; the whole of `main`. Pass
/// `env!("CARGO_CRATE_NAME")`, so that the provider's own log lines are shown.
///
/// Started with `--debug`, by a debugger or by hand, it says what to set in the environment for
/// Terraform to use this very process, and ends on Ctrl-C. [`Provider::SOURCE`] must then be the
/// address that the configuration requires.
pub fn run<P: Provider>(provider: P, log_crate: &'static str) -> ExitCode {
    let mut options = ServeOptions::new(P::NAME, log_crate);
    options.source = P::SOURCE.unwrap_or(P::NAME);
    options.debug = std::env::args_os()
        .skip(1)
        .any(|argument| argument == "--debug" || argument == "-debug");
    serve(Server::new(provider, options.stop.clone()), options)
}

/// The methods of the service: `rpc_name: module => method;`, and those that answer with a stream,
/// `rpc_name: module, event => method;`.
macro_rules! service {
    (
        calls { $($rpc:ident: $module:ident => $method:ident;)* }
        streams {
            $($stream_rpc:ident: $stream_module:ident, $event:ident => $stream_method:ident;)*
        }
    ) => {
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
            $(
                async fn $stream_rpc(
                    &self,
                    request: Request<proto::$stream_module::Request>,
                ) -> Result<Response<BoxStream<proto::$stream_module::$event>>, Status> {
                    let events = self.$stream_method(request.into_inner()).map(Ok);
                    Ok(Response::new(Box::pin(events)))
                }
            )*

            async fn write_state_bytes(
                &self,
                request: Request<Streaming<proto::write_state_bytes::RequestChunk>>,
            ) -> Result<Response<proto::write_state_bytes::Response>, Status> {
                Ok(Response::new(self.no_state_write(request.into_inner()).await))
            }
        }
    };
}

service! {
    calls {
        get_metadata: get_metadata => metadata;
        get_provider_schema: get_provider_schema => provider_schema;
        get_functions: get_functions => functions;
        get_resource_identity_schemas: get_resource_identity_schemas => identity_schemas;
        validate_provider_config: validate_provider_config => validate_provider;
        validate_resource_config: validate_resource_config => validate_resource;
        validate_data_resource_config: validate_data_resource_config => validate_data_source;
        validate_ephemeral_resource_config: validate_ephemeral_resource_config => validate_ephemeral;
        validate_list_resource_config: validate_list_resource_config => validate_list;
        validate_action_config: validate_action_config => validate_action;
        configure_provider: configure_provider => configure;
        upgrade_resource_state: upgrade_resource_state => upgrade;
        upgrade_resource_identity: upgrade_resource_identity => upgrade_identity;
        read_resource: read_resource => read;
        plan_resource_change: plan_resource_change => plan;
        apply_resource_change: apply_resource_change => apply;
        import_resource_state: import_resource_state => import;
        move_resource_state: move_resource_state => adopt;
        generate_resource_config: generate_resource_config => generate;
        read_data_source: read_data_source => read_data;
        open_ephemeral_resource: open_ephemeral_resource => open_ephemeral;
        renew_ephemeral_resource: renew_ephemeral_resource => renew_ephemeral;
        close_ephemeral_resource: close_ephemeral_resource => close_ephemeral;
        plan_action: plan_action => action_plan;
        call_function: call_function => call;
        stop_provider: stop_provider => stop_all;
        validate_state_store_config: validate_state_store_config => no_state_store_config;
        configure_state_store: configure_state_store => no_state_store;
        lock_state: lock_state => no_state_lock;
        unlock_state: unlock_state => no_state_unlock;
        get_states: get_states => no_states;
        delete_state: delete_state => no_state_delete;
    }
    streams {
        list_resource: list_resource, Event => list;
        invoke_action: invoke_action, Event => invoke;
        read_state_bytes: read_state_bytes, ResponseChunk => no_state_read;
    }
}

#[cfg(test)]
mod tests;
