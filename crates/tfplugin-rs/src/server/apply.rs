//! ApplyResourceChange.
//!
//! Whatever happens, the answer's state is what exists as far as is known: Terraform stores it even
//! beside errors, and what it is not told of is lost to it.

use super::catalog::{IdentityEntry, ResourceEntry};
use super::identity::Continuity;
use super::{Server, caught, to_its_end};
use crate::context::{Apply, Context};
use crate::deferral::Outcome;
use crate::diagnostics::{Diagnostics, Result};
use crate::meaning::keep_spelling;
use crate::plan::{check_applied, check_known, fill_write_only, null_write_only};
use crate::proto::tfplugin6::ResourceIdentityData;
use crate::proto::tfplugin6::apply_resource_change::{Request, Response};
use crate::provider::Provider;
use crate::timeouts::Operation;
use crate::value::Value;

/// What is known to exist after an operation, and what is to be said about it.
struct Applied {
    state: Value,
    private: Vec<u8>,
    diagnostics: Diagnostics,
}

impl<P: Provider> Server<P> {
    pub(super) async fn apply(&self, request: Request) -> Response {
        let as_before = Response {
            new_state: request.prior_state.clone(),
            private: request.planned_private.clone(),
            new_identity: request.planned_identity.clone(),
            ..Default::default()
        };
        match self.try_apply(request).await {
            Ok(response) => response,
            // Nothing has been done.
            Err(diagnostics) => Response {
                diagnostics: diagnostics.into_proto(),
                ..as_before
            },
        }
    }

    async fn try_apply(&self, request: Request) -> Result<Response> {
        let entry = self.resource(&request.type_name)?;
        let prepared = &entry.prepared;
        let config = prepared.decode(request.config.as_ref(), "the configuration")?;
        let prior = prepared.decode(request.prior_state.as_ref(), "the prior state")?;
        let planned = prepared.decode(request.planned_state.as_ref(), "the planned state")?;
        let (operation, values) = match (prior.is_null(), planned.is_null()) {
            (_, true) => (Operation::Delete, &prior),
            (true, false) => (Operation::Create, &planned),
            (false, false) => (Operation::Update, &planned),
        };
        if let Some(identity) = self.catalog.identity(&request.type_name) {
            identity.read(request.planned_identity.as_ref())?;
        }
        let limit = prepared.members().limit(operation, values);
        let context = self
            .context(&request.planned_private)?
            .with_meta(self.meta(request.provider_meta.as_ref())?)
            .limited(limit);

        // From here on something may have been done, so every error goes beside a state.
        let (stop, entry) = (context.stop().clone(), entry.clone());
        let identity = self.catalog.identity(&request.type_name).cloned();
        let planned_identity = request.planned_identity;
        let work = async move {
            let (data, is_new) = (context.shared_data(), prior.is_null());
            let mut outcome = entry.change(config, prior, planned, context).await;
            let new_identity = match identity {
                Some(entry) => {
                    let told = outcome.identity(&entry, &*data, planned_identity, is_new);
                    told.await
                }
                None => None,
            };
            (outcome, new_identity)
        };
        let (mut outcome, new_identity) = to_its_end(stop, work).await?;
        let new_state = match prepared.encode(&outcome.state, "a state") {
            Ok(state) => Some(state),
            // What exists cannot be told in the schema's terms; the state before is the nearest.
            Err(diagnostics) => {
                outcome.diagnostics.extend(diagnostics);
                request.prior_state
            }
        };
        Ok(Response {
            new_state,
            private: outcome.private.into(),
            diagnostics: outcome.diagnostics.into_proto(),
            new_identity,
            ..Default::default()
        })
    }
}

impl Applied {
    /// The identity of what is known to exist.
    async fn identity<D: Sync>(
        &mut self,
        entry: &IdentityEntry<D>,
        data: &D,
        planned: Option<ResourceIdentityData>,
        is_new: bool,
    ) -> Option<ResourceIdentityData> {
        if self.state.is_null() {
            return if self.diagnostics.has_error() {
                entry.echo(planned).ok()
            } else {
                entry.none().ok()
            };
        }
        let continuity = if is_new {
            Continuity::Free
        } else {
            Continuity::Kept
        };
        match entry
            .of(&self.state, data, planned.as_ref(), continuity)
            .await
        {
            Ok(identity) => Some(identity),
            Err(found) => {
                // A state that an error has left may lack what the identity is made of.
                if !self.diagnostics.has_error() {
                    self.diagnostics.extend(found);
                }
                entry.echo(planned).ok()
            }
        }
    }
}

impl<D: Send + Sync> ResourceEntry<D> {
    /// Deletes, creates or updates, as the states say.
    async fn change(
        &self,
        config: Value,
        prior: Value,
        planned: Value,
        context: Context<D>,
    ) -> Applied {
        let mut applied = if planned.is_null() {
            self.delete(prior, context).await
        } else {
            let apply = Apply::new(context, self.prepared.values(config.clone()));
            self.create_or_update(&config, prior, planned, apply).await
        };
        null_write_only(self.prepared.members(), &mut applied.state);
        applied
    }

    async fn delete(&self, prior: Value, mut context: Context<D>) -> Applied {
        let deleted = caught(self.object.delete(prior.clone(), &mut context)).await;
        let mut diagnostics = Diagnostics::new();
        let deleted = context.finish(deleted, &mut diagnostics);
        diagnostics.absorb(deleted);
        if diagnostics.has_error() {
            return Applied {
                state: prior,
                private: context.private.to_bytes(),
                diagnostics,
            };
        }
        Applied {
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
    ) -> Applied {
        let members = self.prepared.members();
        let mut goal = planned.clone();
        fill_write_only(members, config, &mut goal);
        let result = if prior.is_null() {
            caught(self.object.create(goal, &mut cx)).await
        } else {
            caught(self.object.update(prior.clone(), goal, &mut cx)).await
        };
        let mut diagnostics = Diagnostics::new();
        let result = cx.context.finish(result, &mut diagnostics);
        let private = cx.context.private;
        let (mut state, is_complete) = match diagnostics.absorb(result) {
            Some(Outcome::Done(state)) => (state, true),
            // An apply is never put off: its context does not allow it.
            Some(Outcome::PutOff(_)) | None => (cx.saved.unwrap_or(prior), false),
        };
        if is_complete {
            keep_spelling(members, &planned, &mut state);
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
        Applied {
            state: state.unknown_as_null(),
            private,
            diagnostics,
        }
    }
}
