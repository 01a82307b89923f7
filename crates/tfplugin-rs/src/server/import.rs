//! ImportResourceState and MoveResourceState: states from elsewhere.

use super::catalog::ResourceEntry;
use super::identity::Continuity;
use super::{IMPORTED, Server, caught};
use crate::context::Context;
use crate::deferral::{Deferral, Outcome, Putting};
use crate::diagnostics::{Diagnostic, Diagnostics, Result};
use crate::plan::{check_known, null_write_only};
use crate::private::Private;
use crate::proto::tfplugin6::{
    RawState as RawStateMessage, import_resource_state, move_resource_state,
};
use crate::provider::Provider;
use crate::resource::{MoveSource, RawState};
use crate::value::Value;

impl<P: Provider> Server<P> {
    pub(super) async fn import(
        &self,
        request: import_resource_state::Request,
    ) -> import_resource_state::Response {
        let mut diagnostics = Diagnostics::new();
        let result = self.try_import(request, &mut diagnostics).await;
        let mut response = diagnostics.absorb(result).unwrap_or_default();
        response.diagnostics = diagnostics.into_proto();
        response
    }

    async fn try_import(
        &self,
        request: import_resource_state::Request,
        diagnostics: &mut Diagnostics,
    ) -> Result<import_resource_state::Response> {
        let entry = self.resource(&request.type_name)?;
        let prepared = &entry.prepared;
        let put_off = |reason: Deferral| {
            let imported = import_resource_state::ImportedResource {
                type_name: request.type_name.clone(),
                state: Some(prepared.encode(&Value::Unknown, "a state")?),
                identity: request.identity.clone(),
                ..Default::default()
            };
            Ok(import_resource_state::Response {
                imported_resources: vec![imported],
                deferred: Some(reason.to_proto()),
                ..Default::default()
            })
        };
        if let Some(reason) = self.puts_off() {
            return put_off(reason);
        }
        let putting = Putting::allowed_by(request.client_capabilities);
        let mut cx = self.context(&[])?.putting(putting);
        let found = self.find(entry, &request, &mut cx).await;
        let mut state = match cx.finish(found, diagnostics)? {
            Outcome::Done(state) => state,
            Outcome::PutOff(reason) => return put_off(reason),
        };
        null_write_only(prepared.members(), &mut state);
        check_known(&state, "import").into_result()?;
        cx.private.mark(IMPORTED);
        let identity = match self.catalog.identity(&request.type_name) {
            Some(identity) => {
                let found = identity.of(&state, cx.data(), None, Continuity::Free);
                Some(found.await?)
            }
            None => None,
        };
        let imported = import_resource_state::ImportedResource {
            state: Some(prepared.encode(&state, "a state")?),
            private: cx.private.to_bytes().into(),
            identity,
            type_name: request.type_name,
        };
        Ok(import_resource_state::Response {
            imported_resources: vec![imported],
            ..Default::default()
        })
    }

    /// By identity if the caller names one, else by id.
    async fn find(
        &self,
        entry: &ResourceEntry<P::Data>,
        request: &import_resource_state::Request,
        cx: &mut Context<P::Data>,
    ) -> Result<Value> {
        if !request.id.is_empty() || request.identity.is_none() {
            return caught(entry.object.import(&request.id, cx)).await;
        }
        let identity = self.identity(&request.type_name)?;
        let sought = identity.read(request.identity.as_ref())?;
        caught(identity.object.import(sought, cx)).await
    }

    pub(super) async fn adopt(
        &self,
        request: move_resource_state::Request,
    ) -> move_resource_state::Response {
        match self.try_adopt(request).await {
            Ok(response) => response,
            Err(diagnostics) => move_resource_state::Response {
                diagnostics: diagnostics.into_proto(),
                ..Default::default()
            },
        }
    }

    async fn try_adopt(
        &self,
        request: move_resource_state::Request,
    ) -> Result<move_resource_state::Response> {
        let entry = self.resource(&request.target_type_name)?;
        let source = MoveSource {
            provider_address: request.source_provider_address,
            type_name: request.source_type_name,
            schema_version: request.source_schema_version,
            state: raw_state(request.source_state)?,
            private: request.source_private.into(),
            identity: request
                .source_identity
                .map(|identity| RawState(identity.json.into())),
            identity_schema_version: request.source_identity_schema_version,
        };
        let name = format!("{} of {}", source.type_name, source.provider_address);
        let mut private = Private::default();
        let adopted = caught(entry.object.adopt(source, &mut private)).await?;
        let Some(mut state) = adopted else {
            let detail = format!("{} cannot be made from {name}.", request.target_type_name);
            return Err(Diagnostic::error("Resource cannot be moved", detail).into());
        };
        null_write_only(entry.prepared.members(), &mut state);
        check_known(&state, "the move").into_result()?;
        // Moves come before the provider is configured as a rule; the next reading tells then.
        let target_identity = match (self.identity(&request.target_type_name), self.context(&[])) {
            (Ok(identity), Ok(cx)) => {
                let found = identity.of(&state, cx.data(), None, Continuity::Free);
                Some(found.await?)
            }
            _ => None,
        };
        Ok(move_resource_state::Response {
            target_state: Some(entry.prepared.encode(&state, "a state")?),
            target_private: private.to_bytes().into(),
            target_identity,
            diagnostics: Vec::new(),
        })
    }
}

/// The JSON of a stored state; the form of Terraform before 0.12 is not read.
pub(super) fn raw_state(message: Option<RawStateMessage>) -> Result<RawState> {
    let message = message.unwrap_or_default();
    if message.json.is_empty() {
        let detail = "The state holds no JSON. States from before Terraform 0.12 must be upgraded \
                      with a Terraform of that time first.";
        return Err(Diagnostic::error("State cannot be read", detail).into());
    }
    Ok(RawState(message.json.into()))
}
