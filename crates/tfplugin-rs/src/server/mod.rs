//! The gRPC service: protocol messages in, the provider's code in the middle, messages out.

use std::process::ExitCode;

use crate::proto::tfplugin6::provider_server::Provider as Service;
use crate::provider::Provider;
use crate::serve::{ServeOptions, serve};
use crate::transport::StopToken;

/// A provider as a gRPC service.
#[derive(Debug)]
pub struct Server<P: Provider> {
    provider: P,
    stop: StopToken,
}

impl<P: Provider> Server<P> {
    /// Makes a service of a provider. `stop` is fired by Terraform's wish to stop.
    pub fn new(provider: P, stop: StopToken) -> Self {
        Self { provider, stop }
    }
}

#[tonic::async_trait]
impl<P: Provider> Service for Server<P> {}

/// Serves a provider to the Terraform that started this process; the whole of `main`. Pass
/// `env!("CARGO_CRATE_NAME")`, so that the provider's own log lines are shown.
pub fn run<P: Provider>(provider: P, log_crate: &'static str) -> ExitCode {
    let options = ServeOptions::new(P::NAME, log_crate);
    serve(Server::new(provider, options.stop.clone()), options)
}
