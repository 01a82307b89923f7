//! `Policies`: policies and operator policies of a virtual host.

use agent_api::Failure;
use agent_api::v1::policies_server::Policies;
use agent_api::v1::{
    AppliedPolicies, DeletePolicyRequest, DeletePolicyResponse, GetPolicyRequest,
    ListPoliciesRequest, ListPoliciesResponse, Policy, PutPolicyRequest, Reason,
};
use broker_core::definitions::{self, ApplyTo, PolicySpec, Stored};
use tonic::{Request, Response};
use tracing::info;

use super::arguments::{to_contract, to_engine_at};
use super::paging::page;
use super::refusal::{Subject, in_vhost};
use super::{Agent, Answer, durable, expect, required, settled, token, vhosts_of};
use crate::logs::audit::{about, nothing_changes};

#[tonic::async_trait]
impl Policies for Agent {
    async fn get_policy(&self, request: Request<GetPolicyRequest>) -> Answer<Policy> {
        let GetPolicyRequest {
            broker,
            vhost,
            name,
            operator,
        } = request.into_inner();
        let (_, host) = self.engine(&broker).await?;
        let admin = host.admin();
        let found = admin.policy(&vhost, &name, operator).map_err(|refusal| {
            let failure = subject(&name, operator).refused(&refusal);
            in_vhost(admin, &vhost, &refusal, failure)
        })?;
        Ok(Response::new(shown(found)))
    }

    async fn list_policies(
        &self,
        request: Request<ListPoliciesRequest>,
    ) -> Answer<ListPoliciesResponse> {
        let request = request.into_inner();
        let (_, host) = self.engine(&request.broker).await?;
        let found = vhosts_of(host.admin(), &request.vhost, |admin, vhost| {
            admin.policies(vhost, request.operator)
        })?;
        let key = |spec: &PolicySpec| vec![spec.vhost.clone(), spec.name.clone()];
        let found = found
            .into_iter()
            .map(|policy| (key(&policy.value), policy))
            .collect();
        let page = page(found, request.page_size, &request.page_token, shown)?;
        let (policies, next_page_token) = (page.objects, page.next);
        Ok(Response::new(ListPoliciesResponse {
            policies,
            next_page_token,
        }))
    }

    async fn put_policy(&self, request: Request<PutPolicyRequest>) -> Answer<Policy> {
        let request = request.into_inner();
        let token = token(&request.idempotency_token)?;
        let expect = expect(request.expect);
        let spec = spec(required(request.policy, "policy")?)?;
        let object = format!("policy {:?} in {:?}", spec.name, spec.vhost);
        about(&request.broker, object);
        let (_, host) = self.engine(&request.broker).await?;
        let admin = host.admin();
        let existing = || admin.policy(&spec.vhost, &spec.name, spec.operator).ok();
        let subject = subject(&spec.name, spec.operator);
        if request.check_only {
            nothing_changes();
            let checked = admin.check_policy(&spec);
            checked.map_err(|refusal| subject.refused(&refusal))?;
            let asked = Stored {
                value: spec.clone(),
                generation: 0,
            };
            return Ok(Response::new(shown(asked)));
        }
        let changed = host.tokens().create(
            token,
            &format!("{} {:?} {:?}", subject.kind, spec.vhost, spec.name),
            || admin.put_policy(&spec, expect),
            || existing().filter(|existing| existing.value == spec),
        );
        let changed = changed.map_err(|refusal| {
            let generation = existing().map(|existing| existing.generation);
            let failure = subject.not_put(&refusal, expect, generation);
            in_vhost(admin, &spec.vhost, &refusal, failure)
        })?;
        let object = settled(&host, changed).await?;
        info!(
            broker = request.broker,
            vhost = spec.vhost,
            policy = spec.name,
            operator = spec.operator,
            "policy put"
        );
        Ok(Response::new(shown(object)))
    }

    async fn delete_policy(
        &self,
        request: Request<DeletePolicyRequest>,
    ) -> Answer<DeletePolicyResponse> {
        let DeletePolicyRequest {
            broker,
            vhost,
            name,
            operator,
            expect: state,
        } = request.into_inner();
        about(&broker, format!("policy {name:?} in {vhost:?}"));
        let expect = expect(state);
        let (_, host) = self.engine(&broker).await?;
        let admin = host.admin();
        let deleted = admin.delete_policy(&vhost, &name, operator, expect);
        let lsn = deleted.map_err(|refusal| {
            let existing = admin.policy(&vhost, &name, operator).ok();
            let generation = existing.map(|existing| existing.generation);
            let failure = subject(&name, operator).not_deleted(&refusal, generation);
            in_vhost(admin, &vhost, &refusal, failure)
        })?;
        durable(&host, lsn).await?;
        info!(broker, vhost, policy = name, operator, "policy deleted");
        Ok(Response::new(DeletePolicyResponse {}))
    }
}

fn subject(name: &str, operator: bool) -> Subject<'_> {
    Subject::new(
        if operator {
            "operator_policy"
        } else {
            "policy"
        },
        name,
    )
}

fn spec(asked: Policy) -> Result<PolicySpec, Failure> {
    let apply_to = ApplyTo::parse(&asked.apply_to).ok_or_else(|| {
        let offered = ApplyTo::ALL.map(ApplyTo::name).join(", ");
        let sentence = format!(
            "a policy cannot apply to {:?}; there are: {offered}",
            asked.apply_to
        );
        Failure::new(Reason::Invalid, sentence)
            .at("apply_to")
            .of("policy", &asked.name)
    })?;
    Ok(PolicySpec {
        vhost: asked.vhost,
        name: asked.name,
        operator: asked.operator,
        pattern: asked.pattern,
        apply_to,
        priority: asked.priority,
        definition: to_engine_at(asked.definition, "definition")?,
    })
}

fn shown(policy: Stored<PolicySpec>) -> Policy {
    let spec = policy.value;
    Policy {
        vhost: spec.vhost,
        name: spec.name,
        operator: spec.operator,
        pattern: spec.pattern,
        apply_to: spec.apply_to.name().to_owned(),
        priority: spec.priority,
        definition: Some(to_contract(&spec.definition)),
        generation: policy.generation,
    }
}

/// What applies to a queue or an exchange, in the contract's form.
pub(super) fn applied(policies: definitions::AppliedPolicies) -> AppliedPolicies {
    AppliedPolicies {
        policy: policies.policy.unwrap_or_default(),
        operator_policy: policies.operator_policy.unwrap_or_default(),
        definition: Some(to_contract(&policies.definition)),
    }
}
