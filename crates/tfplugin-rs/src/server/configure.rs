//! ConfigureProvider and StopProvider.

use std::sync::{Arc, PoisonError};

use super::{Server, caught};
use crate::deferral::{Deferral, Outcome, Putting};
use crate::diagnostics::{Diagnostics, Result};
use crate::model::Field;
use crate::proto::tfplugin6::{configure_provider, stop_provider};
use crate::provider::{Configure, Provider};

/// How far the provider's configuration has come.
pub(super) enum Configured<D> {
    /// With this result.
    Done(Arc<D>),
    /// Nobody has asked for it.
    NotYet,
    /// It waits for a later run, and with it everything that needs it.
    PutOff(Deferral),
}

impl<P: Provider> Server<P> {
    pub(super) async fn configure(
        &self,
        request: configure_provider::Request,
    ) -> configure_provider::Response {
        let mut diagnostics = Diagnostics::new();
        let result = self.try_configure(request, &mut diagnostics).await;
        if let Some(configured) = diagnostics.absorb(result) {
            *self
                .configured
                .write()
                .unwrap_or_else(PoisonError::into_inner) = configured;
        }
        configure_provider::Response {
            diagnostics: diagnostics.into_proto(),
        }
    }

    async fn try_configure(
        &self,
        request: configure_provider::Request,
        diagnostics: &mut Diagnostics,
    ) -> Result<Configured<P::Data>> {
        self.catalog.usable()?;
        self.begin_run();
        let prepared = &self.catalog.provider;
        let config = prepared.decode(request.config.as_ref(), "the provider configuration")?;
        let mut cx = Configure {
            terraform_version: request.terraform_version,
            config: prepared.values(config.clone()),
            stop: self.run_stop(),
            putting: Putting::allowed_by(request.client_capabilities),
            diagnostics: Diagnostics::new(),
        };
        let model = P::Config::from_value(config)?;
        let data = caught(self.provider.configure(model, &mut cx)).await;
        diagnostics.extend(cx.diagnostics);
        Ok(match cx.putting.outcome(data)? {
            Outcome::Done(data) => Configured::Done(Arc::new(data)),
            Outcome::PutOff(reason) => Configured::PutOff(reason),
        })
    }

    /// One that was interrupted must not be the last of a process that serves a debugger.
    fn begin_run(&self) {
        let mut run = self.run.write().unwrap_or_else(PoisonError::into_inner);
        if run.is_stopped() {
            *run = self.stop.child();
        }
    }

    /// Running operations see the token and end in their own way; the server stays.
    #[expect(clippy::unused_async, reason = "called like the others")]
    pub(super) async fn stop_all(&self, _: stop_provider::Request) -> stop_provider::Response {
        self.run_stop().stop();
        stop_provider::Response::default()
    }
}
