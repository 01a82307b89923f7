//! ImportResourceState and MoveResourceState: states from elsewhere.

use super::{Server, caught};
use crate::diagnostics::{Diagnostic, Diagnostics, Result};
use crate::plan::{check_known, null_write_only};
use crate::proto::tfplugin6::{
    RawState as RawStateMessage, import_resource_state, move_resource_state,
};
use crate::provider::Provider;
use crate::resource::{MoveSource, RawState};

impl<P: Provider> Server<P> {
    pub(super) async fn import(
        &self,
        request: import_resource_state::Request,
    ) -> import_resource_state::Response {
        let mut diagnostics = Diagnostics::new();
        let result = self.try_import(request, &mut diagnostics).await;
        import_resource_state::Response {
            imported_resources: diagnostics.absorb(result).into_iter().collect(),
            diagnostics: diagnostics.into_proto(),
            deferred: None,
        }
    }

    async fn try_import(
        &self,
        request: import_resource_state::Request,
        diagnostics: &mut Diagnostics,
    ) -> Result<import_resource_state::ImportedResource> {
        let entry = self.resource(&request.type_name)?;
        let prepared = &entry.prepared;
        if request.id.is_empty() && request.identity.is_some() {
            let detail = "Resources of this type have no identity; import by `id` instead.";
            return Err(Diagnostic::error("Import by identity is not supported", detail).into());
        }
        let mut cx = self.context(&[])?;
        let found = caught(entry.object.import(&request.id, &mut cx)).await;
        diagnostics.extend(cx.diagnostics);
        let mut state = found?;
        null_write_only(prepared.members(), &mut state);
        check_known(&state, "import").into_result()?;
        Ok(import_resource_state::ImportedResource {
            type_name: request.type_name,
            state: Some(prepared.encode(&state, "a state")?),
            private: cx.private.to_bytes().into(),
            identity: None,
        })
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
        };
        let name = format!("{} of {}", source.type_name, source.provider_address);
        let Some(mut state) = caught(entry.object.adopt(source)).await? else {
            let detail = format!("{} cannot be made from {name}.", request.target_type_name);
            return Err(Diagnostic::error("Resource cannot be moved", detail).into());
        };
        null_write_only(entry.prepared.members(), &mut state);
        check_known(&state, "the move").into_result()?;
        Ok(move_resource_state::Response {
            target_state: Some(entry.prepared.encode(&state, "a state")?),
            ..Default::default()
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
