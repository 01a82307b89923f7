//! Drives a provider in process, the way Terraform does: for tests of providers.
//!
//! [`Terraform`] sends the provider's server the same messages as Terraform, in the same order, and
//! holds it to the same rules, without a socket or a second process. An apply validates, plans,
//! plans again, applies, refreshes, and expects the next plan to be empty.
//!
//! ```
//! use serde_json::json;
//! use tfplugin_rs::prelude::*;
//! use tfplugin_rs::testing::Terraform;
//!
//! # struct Echo;
//! # #[derive(Model)]
//! # struct Nothing {}
//! # impl Provider for Echo {
//! #     const NAME: &'static str = "echo";
//! #     type Config = Nothing;
//! #     type Data = ();
//! #     async fn configure(&self, _: Nothing, _: &mut Configure) -> Result<()> { Ok(()) }
//! #     fn contents(&self) -> Contents<()> { Contents::new().resource(Word) }
//! # }
//! # #[derive(Model)]
//! # struct WordModel {
//! #     /// Text.
//! #     text: String,
//! #     /// Its length.
//! #     length: Attr<u32>,
//! # }
//! # impl WordModel {
//! #     fn measured(mut self) -> Self {
//! #         self.length = u32::try_from(self.text.len()).ok().into();
//! #         self
//! #     }
//! # }
//! # struct Word;
//! # impl Resource for Word {
//! #     const NAME: &'static str = "word";
//! #     type Data = ();
//! #     type Model = WordModel;
//! #     async fn create(&self, plan: WordModel, _: &mut Apply<()>) -> Result<WordModel> {
//! #         Ok(plan.measured())
//! #     }
//! #     async fn read(&self, w: WordModel, _: &mut Context<()>) -> Result<Option<WordModel>> {
//! #         Ok(Some(w))
//! #     }
//! #     async fn update(&self, _: WordModel, plan: WordModel, _: &mut Apply<()>) -> Result<WordModel> {
//! #         Ok(plan.measured())
//! #     }
//! #     async fn delete(&self, _: WordModel, _: &mut Context<()>) -> Result<()> { Ok(()) }
//! # }
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! let terraform = Terraform::start(Echo, json!({})).await.unwrap();
//! let mut word = terraform.resource("echo_word");
//! let done = word.apply(json!({"text": "ferry"})).await.unwrap();
//! assert_eq!(done.action, ResourceAction::Create);
//! assert_eq!(word.state(), json!({"text": "ferry", "length": 5}));
//! word.destroy().await.unwrap();
//! # });
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! What goes wrong is returned as [`Diagnostics`](crate::Diagnostics): the provider's own, or one
//! of Terraform's when the provider breaks a rule.

mod action;
mod config;
mod ephemeral;
mod list;
mod proposed;
mod resource;
mod wire;

use serde_json::Value as Json;
use tonic::Request;

pub use self::action::Invoked;
pub use self::config::UNKNOWN;
pub use self::ephemeral::TestEphemeral;
pub use self::list::Found;
#[cfg(test)]
pub(crate) use self::proposed::new_state;
pub use self::resource::{Change, TestResource};
use crate::diagnostics::{Diagnostic, Diagnostics, Result};
use crate::function::FunctionError;
use crate::proto::tfplugin6 as proto;
use crate::proto::tfplugin6::provider_server::Provider as Service;
use crate::provider::Provider;
use crate::server::Server;
use crate::transport::StopToken;
use crate::value::{Type, Value, msgpack};

/// Plays Terraform to one provider.
pub struct Terraform<P: Provider> {
    pub(crate) server: Server<P>,
}

// By hand, so that providers need not be `Debug` for `unwrap_err`.
impl<P: Provider> std::fmt::Debug for Terraform<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Terraform").field(&P::NAME).finish()
    }
}

/// The version that is played.
const VERSION: &str = "1.11.4";

impl<P: Provider> Terraform<P> {
    /// Checks the provider's schemas, then validates and configures it with `config`, the provider
    /// block as JSON.
    pub async fn start(provider: P, config: Json) -> Result<Self> {
        let terraform = Self::unconfigured(provider)?;
        let prepared = terraform.server.provider_schema_entry();
        let value = config::to_value(&config, prepared.members())?;
        config::check(&value, prepared.members())?;
        let config = Some(prepared.encode(&value, "a configuration")?);
        let validated = terraform
            .server
            .validate_provider_config(Request::new(proto::validate_provider_config::Request {
                config: config.clone(),
            }))
            .await;
        wire::succeeded(wire::body(validated)?.diagnostics)?;
        let configured = terraform
            .server
            .configure_provider(Request::new(proto::configure_provider::Request {
                terraform_version: VERSION.to_owned(),
                config,
                client_capabilities: Some(wire::capabilities()),
            }))
            .await;
        wire::succeeded(wire::body(configured)?.diagnostics)?;
        Ok(terraform)
    }

    /// Checks the provider's schemas and leaves it as it is, for functions.
    pub fn unconfigured(provider: P) -> Result<Self> {
        let server = Server::new(provider, StopToken::new());
        let problems = server.problems().iter();
        problems
            .map(|problem| Diagnostic::error("The provider has a broken schema", problem))
            .collect::<Diagnostics>()
            .into_result()?;
        Ok(Self { server })
    }

    /// A resource of this full type name that does not exist yet.
    pub fn resource<'a>(&'a self, type_name: &str) -> TestResource<'a, P> {
        TestResource::new(self, type_name)
    }

    /// A resource whose state was stored as `state` by `version` of the schema: what a user has
    /// before upgrading the provider.
    pub async fn stored<'a>(
        &'a self,
        type_name: &str,
        version: i64,
        state: Json,
    ) -> Result<TestResource<'a, P>> {
        let mut resource = self.resource(type_name);
        resource
            .upgrade_from(version, state.to_string().into_bytes())
            .await?;
        Ok(resource)
    }

    /// Imports the resource that `id` names, and reads it, as `terraform import` does.
    pub async fn import<'a>(&'a self, type_name: &str, id: &str) -> Result<TestResource<'a, P>> {
        let mut resource = self.resource(type_name);
        resource.import(id).await?;
        Ok(resource)
    }

    /// Imports the resource of this identity, as an `import` block with `identity` does.
    pub async fn import_by_identity<'a>(
        &'a self,
        type_name: &str,
        identity: Json,
    ) -> Result<TestResource<'a, P>> {
        let mut resource = self.resource(type_name);
        resource.import_by_identity(&identity).await?;
        Ok(resource)
    }

    /// Opens an ephemeral resource.
    pub async fn open<'a>(&'a self, type_name: &str, config: Json) -> Result<TestEphemeral<'a, P>> {
        TestEphemeral::open(self, type_name, &config).await
    }

    /// Reads a data source; the result as JSON.
    pub async fn data(&self, type_name: &str, config: Json) -> Result<Json> {
        let prepared = self.server.data_source_schema(type_name)?;
        let value = config::to_value(&config, prepared.members())?;
        config::check(&value, prepared.members())?;
        let config = Some(prepared.encode(&value, "a configuration")?);
        let validated = self
            .server
            .validate_data_resource_config(Request::new(
                proto::validate_data_resource_config::Request {
                    type_name: type_name.to_owned(),
                    config: config.clone(),
                },
            ))
            .await;
        wire::succeeded(wire::body(validated)?.diagnostics)?;
        let read = self
            .server
            .read_data_source(Request::new(proto::read_data_source::Request {
                type_name: type_name.to_owned(),
                config,
                client_capabilities: Some(wire::capabilities()),
                ..Default::default()
            }))
            .await;
        let read = wire::body(read)?;
        wire::succeeded(read.diagnostics)?;
        let state = prepared.decode(read.state.as_ref(), "the data source")?;
        Ok(config::to_json(&state))
    }

    /// Calls a function with arguments as JSON.
    pub async fn call(&self, name: &str, arguments: &[Json]) -> Result<Json, FunctionError> {
        let failed = |diagnostics: Diagnostics| FunctionError::new(diagnostics.to_string());
        let response = self
            .server
            .get_functions(Request::new(proto::get_functions::Request {}))
            .await;
        let functions = wire::body(response).map_err(failed)?.functions;
        let function = functions
            .get(name)
            .ok_or_else(|| FunctionError::new(format!("there is no function {name:?}")))?;
        let mut parameters = function.parameters.iter();
        let mut sent = Vec::with_capacity(arguments.len());
        for (index, argument) in (0..).zip(arguments) {
            let parameter = parameters.next().or(function.variadic_parameter.as_ref());
            let parameter = parameter.ok_or_else(|| FunctionError::new("too many arguments"))?;
            let value = config::argument(argument, parameter)
                .map_err(|text| FunctionError::argument(index, text))?;
            sent.push(value);
        }
        let request = proto::call_function::Request {
            name: name.to_owned(),
            arguments: sent,
        };
        let response = self.server.call_function(Request::new(request)).await;
        let response = wire::body(response).map_err(failed)?;
        if let Some(error) = response.error {
            return Err(FunctionError {
                text: error.text,
                argument: error.function_argument,
            });
        }
        let ty = function
            .r#return
            .as_ref()
            .map(|output| Type::from_json_bytes(&output.r#type));
        let ty = ty
            .and_then(std::result::Result::ok)
            .unwrap_or(Type::Dynamic);
        let bytes = response.result.unwrap_or_default().msgpack;
        let value: Value =
            msgpack::decode(&bytes, &ty).map_err(|error| FunctionError::new(error.to_string()))?;
        Ok(config::to_json(&value))
    }

    /// What an interrupt at the terminal does: operations that watch for it end early.
    pub async fn interrupt(&self) -> Result<()> {
        let request = Request::new(proto::stop_provider::Request {});
        let stopped = wire::body(self.server.stop_provider(request).await)?;
        match stopped.error.as_str() {
            "" => Ok(()),
            error => Err(Diagnostic::error("The provider did not stop", error).into()),
        }
    }
}

#[cfg(test)]
mod tests;
