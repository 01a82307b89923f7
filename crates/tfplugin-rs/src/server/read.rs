//! ReadResource and ReadDataSource.

use super::identity::Continuity;
use super::{IMPORTED, Server, caught};
use crate::deferral::{Deferral, Outcome, Putting};
use crate::diagnostics::{Diagnostics, Result};
use crate::meaning::keep_spelling;
use crate::plan::{apply_defaults, check_configured, check_known, null_write_only};
use crate::proto::tfplugin6::{read_data_source, read_resource};
use crate::provider::Provider;
use crate::timeouts::Operation;
use crate::value::Value;

impl<P: Provider> Server<P> {
    pub(super) async fn read(&self, request: read_resource::Request) -> read_resource::Response {
        let mut diagnostics = Diagnostics::new();
        let as_before = read_resource::Response {
            new_state: request.current_state.clone(),
            private: request.private.clone(),
            new_identity: request.current_identity.clone(),
            ..Default::default()
        };
        let result = match self.puts_off() {
            Some(reason) => Ok(Outcome::PutOff(reason)),
            None => self.try_read(request, &mut diagnostics).await,
        };
        let mut response = match diagnostics.absorb(result) {
            Some(Outcome::Done(response)) => response,
            Some(Outcome::PutOff(reason)) => read_resource::Response {
                deferred: Some(reason.to_proto()),
                ..as_before
            },
            // After an error Terraform keeps what it had; it is told so all the same.
            None => as_before,
        };
        response.diagnostics = diagnostics.into_proto();
        response
    }

    async fn try_read(
        &self,
        request: read_resource::Request,
        diagnostics: &mut Diagnostics,
    ) -> Result<Outcome<read_resource::Response>> {
        let entry = self.resource(&request.type_name)?;
        let prepared = &entry.prepared;
        let state = prepared.decode(request.current_state.as_ref(), "the state")?;
        if let Some(identity) = self.catalog.identity(&request.type_name) {
            identity.read(request.current_identity.as_ref())?;
        }
        let limit = prepared.members().limit(Operation::Read, &state);
        let mut cx = self
            .context(&request.private)?
            .with_meta(self.meta(request.provider_meta.as_ref())?)
            .limited(limit)
            .putting(Putting::allowed_by(request.client_capabilities));
        // The identity with which an import began may be less than the whole.
        let continuity = match cx.private.unmark(IMPORTED) {
            true => Continuity::Free,
            false => Continuity::Kept,
        };
        let found = caught(entry.object.read(state.clone(), &mut cx)).await;
        let prior = state;
        let mut state = match cx.finish(found, diagnostics)? {
            Outcome::Done(found) => found.unwrap_or(Value::Null),
            Outcome::PutOff(reason) => return Ok(Outcome::PutOff(reason)),
        };
        keep_spelling(prepared.members(), &prior, &mut state);
        null_write_only(prepared.members(), &mut state);
        check_known(&state, "reading").into_result()?;
        let before = request.current_identity;
        let new_identity = match self.catalog.identity(&request.type_name) {
            Some(identity) if state.is_null() => Some(identity.echo(before)?),
            Some(identity) => {
                let found = identity.of(&state, cx.data(), before.as_ref(), continuity);
                Some(found.await?)
            }
            None => None,
        };
        let private = if state.is_null() {
            Vec::new()
        } else {
            cx.private.to_bytes()
        };
        Ok(Outcome::Done(read_resource::Response {
            new_state: Some(prepared.encode(&state, "a state")?),
            private: private.into(),
            new_identity,
            ..Default::default()
        }))
    }

    pub(super) async fn read_data(
        &self,
        request: read_data_source::Request,
    ) -> read_data_source::Response {
        let mut diagnostics = Diagnostics::new();
        let result = self.try_read_data(request, &mut diagnostics).await;
        let mut response = diagnostics.absorb(result).unwrap_or_default();
        response.diagnostics = diagnostics.into_proto();
        response
    }

    async fn try_read_data(
        &self,
        request: read_data_source::Request,
        diagnostics: &mut Diagnostics,
    ) -> Result<read_data_source::Response> {
        let entry = self.catalog.data_source(&request.type_name)?;
        let prepared = &entry.prepared;
        let put_off = |reason: Deferral| {
            Ok(read_data_source::Response {
                state: Some(prepared.encode(&Value::Unknown, "a data source")?),
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
        arguments.settle_sets();
        // The same rules as for a plan: what is set stays, what is computed is the provider's.
        let mut expected = arguments.clone();
        crate::plan::mark_computed(prepared.members(), &config, &mut expected);

        let limit = prepared.members().limit(Operation::Read, &arguments);
        let mut cx = self
            .context(&[])?
            .with_meta(self.meta(request.provider_meta.as_ref())?)
            .limited(limit)
            .putting(Putting::allowed_by(request.client_capabilities));
        let found = caught(entry.object.read(arguments, &mut cx)).await;
        let mut state = match cx.finish(found, diagnostics)? {
            Outcome::Done(state) => state,
            Outcome::PutOff(reason) => return put_off(reason),
        };
        keep_spelling(prepared.members(), &config, &mut state);
        let mut broken = check_configured(&expected, &state, "reading");
        broken.extend(check_known(&state, "reading"));
        broken.into_result()?;
        Ok(read_data_source::Response {
            state: Some(prepared.encode(&state, "a data source")?),
            ..Default::default()
        })
    }
}
