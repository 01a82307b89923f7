//! ConfigureProvider and StopProvider.

use std::sync::{Arc, PoisonError};

use super::{Server, caught};
use crate::diagnostics::{Diagnostics, Result};
use crate::model::Field;
use crate::proto::tfplugin6::{configure_provider, stop_provider};
use crate::provider::{Configure, Provider};

impl<P: Provider> Server<P> {
    pub(super) async fn configure(
        &self,
        request: configure_provider::Request,
    ) -> configure_provider::Response {
        let mut diagnostics = Diagnostics::new();
        let result = self.try_configure(request, &mut diagnostics).await;
        if let Some(data) = diagnostics.absorb(result) {
            let mut slot = self.data.write().unwrap_or_else(PoisonError::into_inner);
            *slot = Some(Arc::new(data));
        }
        configure_provider::Response {
            diagnostics: diagnostics.into_proto(),
        }
    }

    async fn try_configure(
        &self,
        request: configure_provider::Request,
        diagnostics: &mut Diagnostics,
    ) -> Result<P::Data> {
        self.catalog.usable()?;
        let prepared = &self.catalog.provider;
        let config = prepared.decode(request.config.as_ref(), "the provider configuration")?;
        let mut cx = Configure {
            terraform_version: request.terraform_version,
            config: prepared.values(config.clone()),
            stop: self.stop.clone(),
            diagnostics: Diagnostics::new(),
        };
        let model = P::Config::from_value(config)?;
        let data = caught(self.provider.configure(model, &mut cx)).await;
        diagnostics.extend(cx.diagnostics);
        data
    }

    /// Running operations see the token and end in their own way; the server stays.
    #[expect(clippy::unused_async, reason = "called like the others")]
    pub(super) async fn stop_all(&self, _: stop_provider::Request) -> stop_provider::Response {
        self.stop.stop();
        stop_provider::Response::default()
    }
}
