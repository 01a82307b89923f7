//! PlanResourceChange.

use super::{Server, caught};
use crate::deferral::{Deferral, Outcome, Putting};
use crate::diagnostics::{Diagnostics, Result};
use crate::plan::{Proposal, settle};
use crate::proto::tfplugin6::plan_resource_change::{Request, Response};
use crate::provider::Provider;
use crate::resource::ResourcePlan;
use crate::wire::path_to_proto;

impl<P: Provider> Server<P> {
    pub(super) async fn plan(&self, request: Request) -> Response {
        let mut diagnostics = Diagnostics::new();
        if let Some(reason) = self.puts_off() {
            return as_proposed(request, reason);
        }
        let result = self.try_plan(request, &mut diagnostics).await;
        let mut response = diagnostics.absorb(result).unwrap_or_default();
        response.diagnostics = diagnostics.into_proto();
        response
    }

    async fn try_plan(&self, request: Request, diagnostics: &mut Diagnostics) -> Result<Response> {
        let entry = self.resource(&request.type_name)?;
        let (prepared, members) = (&entry.prepared, entry.prepared.members());
        let mut proposal = Proposal {
            config: prepared.decode(request.config.as_ref(), "the configuration")?,
            prior: prepared.decode(request.prior_state.as_ref(), "the prior state")?,
            planned: prepared.decode(request.proposed_new_state.as_ref(), "the proposed state")?,
        };
        let mut cx = self
            .context(&request.prior_private)?
            .with_meta(self.meta(request.provider_meta.as_ref())?)
            .putting(Putting::allowed_by(request.client_capabilities));
        // What a resource is known by is decided by what comes of it, not by its plan.
        let identity = self.catalog.identity(&request.type_name);
        let planned_identity = identity
            .map(|identity| identity.echo(request.prior_identity))
            .transpose()?;
        let replace = match proposal.planned.is_null() {
            true => Vec::new(),
            false => proposal.prepare(members, diagnostics)?,
        };
        let mut plan = ResourcePlan {
            config: prepared.values(proposal.config),
            prior: prepared.values(proposal.prior),
            planned: prepared.values(proposal.planned),
            replace,
        };
        let own = caught(entry.object.modify_plan(&mut plan, &mut cx)).await;
        let deferred = match cx.finish(own, diagnostics)? {
            Outcome::Done(()) => None,
            Outcome::PutOff(reason) => Some(reason.to_proto()),
        };
        settle(members, &mut plan)?;
        Ok(Response {
            planned_state: Some(prepared.encode(plan.planned.value(), "a planned state")?),
            requires_replace: plan.replace.iter().map(path_to_proto).collect(),
            planned_private: cx.private.to_bytes().into(),
            planned_identity,
            deferred,
            ..Default::default()
        })
    }
}

/// The plan of a provider that is not configured: Terraform's own guess.
fn as_proposed(request: Request, reason: Deferral) -> Response {
    Response {
        planned_state: request.proposed_new_state,
        planned_private: request.prior_private,
        planned_identity: request.prior_identity,
        deferred: Some(reason.to_proto()),
        ..Default::default()
    }
}
