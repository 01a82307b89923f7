//! OpenEphemeralResource, RenewEphemeralResource, CloseEphemeralResource.

use std::sync::Arc;

use super::catalog::Entry;
use super::{Server, caught, to_its_end};
use crate::context::Context;
use crate::deferral::{Outcome, Putting};
use crate::diagnostics::{Diagnostics, Result};
use crate::ephemeral::Lease;
use crate::erased::EphemeralResourceObject;
use crate::meaning::keep_spelling;
use crate::plan::{apply_defaults, check_configured, check_known, mark_computed};
use crate::private::Private;
use crate::proto::tfplugin6::{
    close_ephemeral_resource, open_ephemeral_resource, renew_ephemeral_resource,
};
use crate::provider::Provider;
use crate::timeouts::Operation;
use crate::value::Value;

impl<P: Provider> Server<P> {
    pub(super) async fn open_ephemeral(
        &self,
        request: open_ephemeral_resource::Request,
    ) -> open_ephemeral_resource::Response {
        let mut diagnostics = Diagnostics::new();
        let result = self.try_open(request, &mut diagnostics).await;
        let mut response = diagnostics.absorb(result).unwrap_or_default();
        response.diagnostics = diagnostics.into_proto();
        response
    }

    async fn try_open(
        &self,
        request: open_ephemeral_resource::Request,
        diagnostics: &mut Diagnostics,
    ) -> Result<open_ephemeral_resource::Response> {
        let entry = self.catalog.ephemeral_resource(&request.type_name)?;
        let prepared = &entry.prepared;
        let put_off = |reason: crate::Deferral| {
            Ok(open_ephemeral_resource::Response {
                result: Some(prepared.encode(&Value::Unknown, "a result")?),
                deferred: Some(reason.to_proto()),
                ..Default::default()
            })
        };
        if let Some(reason) = self.puts_off() {
            return put_off(reason);
        }
        let config = prepared.decode(request.config.as_ref(), "the configuration")?;
        let mut arguments = config.clone();
        apply_defaults(prepared.members(), &config, &mut arguments);
        let mut expected = arguments.clone();
        mark_computed(prepared.members(), &config, &mut expected);

        let putting = Putting::allowed_by(request.client_capabilities);
        let limit = prepared.members().limit(Operation::Open, &arguments);
        let cx = Lease::new(self.context(&[])?.limited(limit).putting(putting));
        let (stop, entry) = (cx.stop().clone(), entry.clone());
        let work = async move {
            let mut said = Diagnostics::new();
            let opened = entry.open(arguments, &expected, cx, &mut said).await;
            (opened, said)
        };
        let (opened, said) = to_its_end(stop, work).await?;
        diagnostics.extend(said);
        match opened? {
            Outcome::Done(response) => Ok(response),
            Outcome::PutOff(reason) => put_off(reason),
        }
    }

    pub(super) async fn renew_ephemeral(
        &self,
        request: renew_ephemeral_resource::Request,
    ) -> renew_ephemeral_resource::Response {
        let mut diagnostics = Diagnostics::new();
        let private = request.private.clone();
        let result = self.try_renew(request, &mut diagnostics).await;
        // Whatever happened, it will be closed, with what was known before.
        let mut response =
            diagnostics
                .absorb(result)
                .unwrap_or_else(|| renew_ephemeral_resource::Response {
                    private,
                    ..Default::default()
                });
        response.diagnostics = diagnostics.into_proto();
        response
    }

    async fn try_renew(
        &self,
        request: renew_ephemeral_resource::Request,
        diagnostics: &mut Diagnostics,
    ) -> Result<renew_ephemeral_resource::Response> {
        let entry = self.catalog.ephemeral_resource(&request.type_name)?;
        let mut cx = Lease::new(self.context(&request.private.unwrap_or_default())?);
        let (stop, object) = (cx.stop().clone(), Arc::clone(&entry.object));
        let work = async move { (caught(object.renew(&mut cx)).await, cx) };
        let (renewed, mut cx) = to_its_end(stop, work).await?;
        cx.finish(renewed, diagnostics)?;
        Ok(renew_ephemeral_resource::Response {
            renew_at: cx.renew_at.map(Into::into),
            private: kept(&cx.private),
            ..Default::default()
        })
    }

    pub(super) async fn close_ephemeral(
        &self,
        request: close_ephemeral_resource::Request,
    ) -> close_ephemeral_resource::Response {
        let mut diagnostics = Diagnostics::new();
        let result = self.try_close(request, &mut diagnostics).await;
        diagnostics.absorb(result);
        close_ephemeral_resource::Response {
            diagnostics: diagnostics.into_proto(),
        }
    }

    async fn try_close(
        &self,
        request: close_ephemeral_resource::Request,
        diagnostics: &mut Diagnostics,
    ) -> Result<()> {
        let entry = self.catalog.ephemeral_resource(&request.type_name)?;
        let mut cx = self.context(&request.private.unwrap_or_default())?;
        let (stop, object) = (cx.stop().clone(), Arc::clone(&entry.object));
        let work = async move { (caught(object.close(&mut cx)).await, cx) };
        let (closed, mut cx) = to_its_end(stop, work).await?;
        cx.finish(closed, diagnostics)?;
        Ok(())
    }
}

impl<D: Send + Sync> Entry<dyn EphemeralResourceObject<D>> {
    /// Opens, and closes again at once what cannot be used.
    async fn open(
        &self,
        arguments: Value,
        expected: &Value,
        mut cx: Lease<D>,
        diagnostics: &mut Diagnostics,
    ) -> Result<Outcome<open_ephemeral_resource::Response>> {
        let prepared = &self.prepared;
        let opened = caught(self.object.open(arguments, &mut cx)).await;
        let mut result = match cx.finish(opened, diagnostics)? {
            Outcome::Done(result) => result,
            Outcome::PutOff(reason) => return Ok(Outcome::PutOff(reason)),
        };
        keep_spelling(prepared.members(), expected, &mut result);
        prepared.mask(&result);
        let mut broken = check_configured(expected, &result, "opening");
        broken.extend(check_known(&result, "opening"));
        let encoded = broken
            .into_result()
            .and_then(|()| prepared.encode(&result, "a result"));
        if encoded.is_err() || diagnostics.has_error() {
            close_at_once(&*self.object, &cx, diagnostics).await;
        }
        Ok(Outcome::Done(open_ephemeral_resource::Response {
            result: Some(encoded?),
            renew_at: cx.renew_at.map(Into::into),
            private: kept(&cx.private),
            ..Default::default()
        }))
    }
}

/// Terraform drops what comes with an error, and with it what could close this later. The time that
/// opening had, and may have used up, is not that of closing.
async fn close_at_once<D>(
    object: &dyn EphemeralResourceObject<D>,
    opened: &Context<D>,
    diagnostics: &mut Diagnostics,
) {
    let private = opened.private().clone();
    let mut closing = Context::new(opened.shared_data(), opened.stop().clone(), private);
    let closed = caught(object.close(&mut closing)).await;
    let closed = closing.finish(closed, diagnostics);
    diagnostics.absorb(closed);
}

fn kept(private: &Private) -> Option<bytes::Bytes> {
    let bytes = private.to_bytes();
    (!bytes.is_empty()).then(|| bytes.into())
}
