//! ReadResource and ReadDataSource.

use super::{Server, caught};
use crate::diagnostics::{Diagnostics, Result};
use crate::plan::{apply_defaults, check_applied, check_known, null_write_only};
use crate::proto::tfplugin6::{read_data_source, read_resource};
use crate::provider::Provider;
use crate::value::Value;

impl<P: Provider> Server<P> {
    pub(super) async fn read(&self, request: read_resource::Request) -> read_resource::Response {
        let mut diagnostics = Diagnostics::new();
        let before = (request.current_state.clone(), request.private.clone());
        let result = self.try_read(request, &mut diagnostics).await;
        // After an error Terraform keeps what it had; it is told so all the same.
        let mut response = diagnostics
            .absorb(result)
            .unwrap_or_else(|| read_resource::Response {
                new_state: before.0,
                private: before.1,
                ..Default::default()
            });
        response.diagnostics = diagnostics.into_proto();
        response
    }

    async fn try_read(
        &self,
        request: read_resource::Request,
        diagnostics: &mut Diagnostics,
    ) -> Result<read_resource::Response> {
        let entry = self.resource(&request.type_name)?;
        let prepared = &entry.prepared;
        let state = prepared.decode(request.current_state.as_ref(), "the state")?;
        let mut cx = self.context(&request.private)?;
        let found = caught(entry.object.read(state, &mut cx)).await;
        diagnostics.extend(cx.diagnostics);
        let mut state = found?.unwrap_or(Value::Null);
        null_write_only(prepared.members(), &mut state);
        check_known(&state, "reading").into_result()?;
        let private = if state.is_null() {
            Vec::new()
        } else {
            cx.private.to_bytes()
        };
        Ok(read_resource::Response {
            new_state: Some(prepared.encode(&state, "a state")?),
            private: private.into(),
            ..Default::default()
        })
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
        let config = prepared.decode(request.config.as_ref(), "the configuration")?;
        let mut arguments = config.clone();
        apply_defaults(prepared.members(), &config, &mut arguments);
        // The same rules as for a plan: what is set stays, what is computed is the provider's.
        let mut expected = arguments.clone();
        crate::plan::mark_computed(prepared.members(), &config, &mut expected);

        let mut cx = self.context(&[])?;
        let found = caught(entry.object.read(arguments, &mut cx)).await;
        diagnostics.extend(cx.diagnostics);
        let state = found?;
        let mut broken = check_applied(&expected, &state);
        broken.extend(check_known(&state, "reading"));
        broken.into_result()?;
        Ok(read_data_source::Response {
            state: Some(prepared.encode(&state, "a data source")?),
            ..Default::default()
        })
    }
}
