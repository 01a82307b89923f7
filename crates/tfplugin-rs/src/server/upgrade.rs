//! UpgradeResourceState, which Terraform calls for every resource before anything else, also when
//! the schema's version is still the same.

use super::import::raw_state;
use super::{Server, caught};
use crate::diagnostics::{Diagnostic, Result};
use crate::plan::{check_known, null_write_only};
use crate::proto::tfplugin6::DynamicValue;
use crate::proto::tfplugin6::upgrade_resource_state::{Request, Response};
use crate::provider::Provider;
use crate::value::json;
use crate::wire::codec_diagnostic;

impl<P: Provider> Server<P> {
    pub(super) async fn upgrade(&self, request: Request) -> Response {
        match self.try_upgrade(request).await {
            Ok(state) => Response {
                upgraded_state: Some(state),
                diagnostics: Vec::new(),
            },
            Err(diagnostics) => Response {
                upgraded_state: None,
                diagnostics: diagnostics.into_proto(),
            },
        }
    }

    async fn try_upgrade(&self, request: Request) -> Result<DynamicValue> {
        let entry = self.resource(&request.type_name)?;
        let prepared = &entry.prepared;
        let raw = raw_state(request.raw_state)?;
        let own_version = prepared.schema.version;
        let mut state = if request.version == own_version {
            // What has been added since is null here even where it has a default, so that the next
            // plan tells the change and an update carries it out.
            json::decode_lenient(raw.as_bytes(), &prepared.ty)
                .map_err(|error| codec_diagnostic(error, "The state does not fit the schema"))?
        } else if request.version > own_version {
            let detail = format!(
                "The state was written by version {} of the schema, this provider has version \
                 {own_version}. Use a newer version of the provider.",
                request.version
            );
            return Err(Diagnostic::error("State is from a newer provider", detail).into());
        } else {
            caught(entry.object.upgrade(request.version, raw)).await?
        };
        null_write_only(prepared.members(), &mut state);
        check_known(&state, "the upgrade").into_result()?;
        prepared.encode(&state, "a state")
    }
}
