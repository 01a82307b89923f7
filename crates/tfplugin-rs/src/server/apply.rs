//! ApplyResourceChange.
//!
//! Whatever happens, the answer's state is what exists as far as is known: Terraform stores it even
//! beside errors, and what it is not told of is lost to it.

use super::catalog::ResourceEntry;
use super::{Server, caught};
use crate::context::{Apply, Context};
use crate::diagnostics::{Diagnostics, Result};
use crate::plan::{check_applied, check_known, fill_write_only, null_write_only};
use crate::proto::tfplugin6::DynamicValue;
use crate::proto::tfplugin6::apply_resource_change::{Request, Response};
use crate::provider::Provider;
use crate::value::Value;

/// What is known to exist after an operation, and what is to be said about it.
struct Outcome {
    state: Value,
    private: Vec<u8>,
    diagnostics: Diagnostics,
}

impl<P: Provider> Server<P> {
    pub(super) async fn apply(&self, request: Request) -> Response {
        let prior_state = request.prior_state.clone();
        let prior_private = request.planned_private.clone();
        match self.try_apply(request).await {
            Ok((state, outcome)) => Response {
                new_state: Some(state),
                private: outcome.private.into(),
                diagnostics: outcome.diagnostics.into_proto(),
                ..Default::default()
            },
            // Nothing has been done, so everything is as it was.
            Err(diagnostics) => Response {
                new_state: prior_state,
                private: prior_private,
                diagnostics: diagnostics.into_proto(),
                ..Default::default()
            },
        }
    }

    async fn try_apply(&self, request: Request) -> Result<(DynamicValue, Outcome)> {
        let entry = self.resource(&request.type_name)?;
        let prepared = &entry.prepared;
        let config = prepared.decode(request.config.as_ref(), "the configuration")?;
        let prior = prepared.decode(request.prior_state.as_ref(), "the prior state")?;
        let planned = prepared.decode(request.planned_state.as_ref(), "the planned state")?;
        let context = self.context(&request.planned_private)?;

        let mut outcome = if planned.is_null() {
            entry.delete(prior, context).await
        } else {
            let apply = Apply::new(context, prepared.values(config.clone()));
            entry.create_or_update(&config, prior, planned, apply).await
        };
        null_write_only(prepared.members(), &mut outcome.state);
        let state = match prepared.encode(&outcome.state, "a state") {
            Ok(state) => state,
            // What exists cannot be told in the schema's terms; the state before is the nearest.
            Err(diagnostics) => {
                outcome.diagnostics.extend(diagnostics);
                request.prior_state.unwrap_or_default()
            }
        };
        Ok((state, outcome))
    }
}

impl<D: Send + Sync> ResourceEntry<D> {
    async fn delete(&self, prior: Value, mut context: Context<D>) -> Outcome {
        let deleted = caught(self.object.delete(prior.clone(), &mut context)).await;
        let mut diagnostics = context.diagnostics;
        diagnostics.absorb(deleted);
        if diagnostics.has_error() {
            return Outcome {
                state: prior,
                private: context.private.to_bytes(),
                diagnostics,
            };
        }
        Outcome {
            state: Value::Null,
            private: Vec::new(),
            diagnostics,
        }
    }

    async fn create_or_update(
        &self,
        config: &Value,
        prior: Value,
        planned: Value,
        mut cx: Apply<D>,
    ) -> Outcome {
        let members = self.prepared.members();
        let mut goal = planned.clone();
        fill_write_only(members, config, &mut goal);
        let result = if prior.is_null() {
            caught(self.object.create(goal, &mut cx)).await
        } else {
            caught(self.object.update(prior.clone(), goal, &mut cx)).await
        };
        let (mut diagnostics, private) = (cx.context.diagnostics, cx.context.private);
        let (state, is_complete) = match diagnostics.absorb(result) {
            Some(state) => (state, true),
            None => (cx.saved.unwrap_or(prior), false),
        };
        if is_complete {
            let mut kept = state.clone();
            null_write_only(members, &mut kept);
            diagnostics.extend(check_applied(&planned, &kept));
            diagnostics.extend(check_known(&kept, "apply"));
        }
        let private = if state.is_null() {
            Vec::new()
        } else {
            private.to_bytes()
        };
        // Terraform takes no unknown value into its state, not even beside an error.
        Outcome {
            state: state.unknown_as_null(),
            private,
            diagnostics,
        }
    }
}
