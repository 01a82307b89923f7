//! PlanResourceChange.

use super::{Server, caught};
use crate::diagnostics::{Diagnostics, Result};
use crate::plan::{Proposal, settle};
use crate::proto::tfplugin6::plan_resource_change::{Request, Response};
use crate::provider::Provider;
use crate::resource::ResourcePlan;
use crate::wire::path_to_proto;

impl<P: Provider> Server<P> {
    pub(super) async fn plan(&self, request: Request) -> Response {
        let mut diagnostics = Diagnostics::new();
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
        let mut cx = self.context(&request.prior_private)?;
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
        diagnostics.extend(cx.diagnostics);
        own?;
        settle(members, &mut plan)?;
        Ok(Response {
            planned_state: Some(prepared.encode(plan.planned.value(), "a planned state")?),
            requires_replace: plan.replace.iter().map(path_to_proto).collect(),
            planned_private: cx.private.to_bytes().into(),
            ..Default::default()
        })
    }
}
