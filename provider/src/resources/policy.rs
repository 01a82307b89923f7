//! `ferrymq_policy` and `ferrymq_operator_policy`.

use agent_api::v1::{self, DeletePolicyRequest, GetPolicyRequest, PutPolicyRequest};
use tfplugin_rs::prelude::*;
use tfplugin_rs::schema::Schema;
use tfplugin_rs::validate::Validator;
use tfplugin_rs::value::{Dynamic, Value};

use crate::agents::Agents;
use crate::arguments::BadArguments;
use crate::failure::{CallError, Doing};
use crate::id::{self, BrokerId, PolicyId};
use crate::{arguments, check, generation, name, object};

/// The resources: policies, and operator policies.
pub(crate) struct Policy<const OPERATOR: bool>;

/// A policy: rules given to queues and exchanges by their names, while these work. Of those that
/// match something the one with the highest priority applies, of several such the first by name.
/// What a queue or exchange says itself goes before, but the smaller limit holds.
#[derive(Debug, Clone, Model)]
pub(crate) struct PolicyModel {
    /// What it applies to: `"all"`, `"queues"`, `"classic_queues"`, `"quorum_queues"`, `"streams"`
    /// or `"exchanges"`. Default: `"all"`.
    #[attr(default = "all", validate = validate::one_of(APPLY_TO))]
    apply_to: String,

    /// Id of the broker, `ferrymq_broker.<label>.id`. Other addresses of the same broker update in
    /// place; another broker, or one not known at plan, replaces the policy.
    #[attr(replace_if = id::names_another_broker)]
    broker: Text<BrokerId>,

    /// What it says, such as `{ max-length = 1000, overflow = "reject-publish" }`; numbers stay
    /// numbers. For queues: `consumer-timeout`, `dead-letter-exchange`, `dead-letter-routing-key`,
    /// `dead-letter-strategy`, `delivery-limit`, `expires`, `max-age`, `max-length`,
    /// `max-length-bytes`, `message-ttl`, `overflow`; for exchanges: `alternate-exchange`. An
    /// operator policy may say `delivery-limit`, `expires`, `max-age`, `max-length`,
    /// `max-length-bytes`, `message-ttl` and `overflow`.
    #[attr(validate = says_something())]
    definition: Dynamic,

    /// `<broker>/policy/<vhost>/<name>`, or `<broker>/operator_policy/<vhost>/<name>`, the last two
    /// percent-encoded. Known at plan when its parts are.
    id: Attr<String>,

    /// Name, 1 to 255 bytes of UTF-8. Changing it replaces the policy.
    #[attr(replace, validate = name::plain())]
    name: String,

    /// Regular expression over names, in the syntax of the Rust crate `regex`: matched in linear
    /// time, without back-references and look-around. It matches anywhere in the name unless
    /// anchored with `^` and `$`; the empty one matches every name.
    #[attr(validate = name::expression())]
    pattern: String,

    /// Of several that match, the one with the highest priority applies. Default: 0.
    #[attr(default = 0)]
    priority: i64,

    /// Virtual host. Default: `/`. Changing it replaces the policy.
    #[attr(default = "/", replace, validate = name::plain())]
    vhost: String,
}

/// What a policy may apply to.
const APPLY_TO: [&str; 6] = [
    "all",
    "classic_queues",
    "exchanges",
    "queues",
    "quorum_queues",
    "streams",
];

const OPERATOR_POLICIES: &str = "An operator policy: limits that hold whatever policies and \
    declarations say. Where both limit the same, the smaller limit holds. Of those that match \
    something the one with the highest priority applies, of several such the first by name.";

impl<const OPERATOR: bool> Resource for Policy<OPERATOR> {
    const NAME: &'static str = if OPERATOR {
        "operator_policy"
    } else {
        "policy"
    };
    type Data = Agents;
    type Model = PolicyModel;

    fn schema(&self) -> Schema {
        let schema = PolicyModel::schema();
        if OPERATOR {
            schema.describe(OPERATOR_POLICIES)
        } else {
            schema
        }
    }

    async fn modify_plan(&self, plan: &mut ResourcePlan, cx: &mut Context<Agents>) -> Result<()> {
        id::plan(plan, cx.data(), PolicyId::<OPERATOR>::planned)?;
        check_plan::<OPERATOR>(plan, cx).await
    }

    async fn create(&self, mut plan: PolicyModel, cx: &mut Apply<Agents>) -> Result<PolicyModel> {
        let id = plan.id::<OPERATOR>();
        plan.id = id.to_string().into();
        let request = PutPolicyRequest {
            broker: id.broker.name().to_owned(),
            policy: Some(plan.to_api(OPERATOR)?),
            expect: generation::absent(),
            idempotency_token: generation::token()?,
            check_only: false,
        };
        object::create(&id, &plan, cx, |agent| {
            let request = request.clone();
            async move { agent.policies().put_policy(request).await }
        })
        .await?;
        Ok(plan)
    }

    async fn read(
        &self,
        state: PolicyModel,
        cx: &mut Context<Agents>,
    ) -> Result<Option<PolicyModel>> {
        let id = state.id::<OPERATOR>();
        let policy = object::read(&id, fetch(cx.data(), &id).await, cx)?;
        Ok(policy.map(|policy| state.seen(&id, policy)))
    }

    async fn update(
        &self,
        prior: PolicyModel,
        mut plan: PolicyModel,
        cx: &mut Apply<Agents>,
    ) -> Result<PolicyModel> {
        let id = plan.id::<OPERATOR>();
        let agents = cx.shared_data();
        object::follow(&id, &prior.broker.0, || fetch(&agents, &id), cx).await?;
        plan.id = id.to_string().into();
        let policy = plan.to_api(OPERATOR)?;
        if policy == prior.to_api(OPERATOR)? {
            return Ok(plan);
        }
        let request = PutPolicyRequest {
            broker: id.broker.name().to_owned(),
            policy: Some(policy),
            expect: generation::expected(cx)?,
            ..Default::default()
        };
        object::update(&id, cx, request, |agent, request| async move {
            agent.policies().put_policy(request).await
        })
        .await?;
        Ok(plan)
    }

    async fn delete(&self, state: PolicyModel, cx: &mut Context<Agents>) -> Result<()> {
        let id = state.id::<OPERATOR>();
        let request = DeletePolicyRequest {
            broker: id.broker.name().to_owned(),
            vhost: id.vhost.clone(),
            name: id.name.clone(),
            operator: OPERATOR,
            expect: generation::expected(cx)?,
        };
        object::delete(&id, cx, request, |agent, request| async move {
            agent.policies().delete_policy(request).await
        })
        .await
    }

    async fn import(&self, id: &str, cx: &mut Context<Agents>) -> Result<PolicyModel> {
        let id: PolicyId<OPERATOR> = id.parse()?;
        let policy = object::found(&id, Doing::Import, fetch(cx.data(), &id).await, cx)?;
        let blank = PolicyModel {
            apply_to: String::new(),
            broker: id.broker.clone().into(),
            definition: Dynamic::from_json(&serde_json::Value::Null),
            id: Attr::Unknown,
            name: id.name.clone(),
            pattern: String::new(),
            priority: 0,
            vhost: id.vhost.clone(),
        };
        Ok(blank.seen(&id, policy))
    }
}

/// Has the agent look at what is planned, as soon as all of it is known.
async fn check_plan<const OPERATOR: bool>(
    plan: &ResourcePlan,
    cx: &mut Context<Agents>,
) -> Result<()> {
    let Some(policy) = id::known::<PolicyModel>(plan.planned().clone())? else {
        return Ok(());
    };
    let id = policy.id::<OPERATOR>();
    if !check::is_due(&id, plan, cx.data()) {
        return Ok(());
    }
    let request = PutPolicyRequest {
        broker: id.broker.name().to_owned(),
        policy: Some(policy.to_api(OPERATOR)?),
        check_only: true,
        ..Default::default()
    };
    check::ask(&id, cx, request, |agent, request| async move {
        agent.policies().put_policy(request).await
    })
    .await
}

/// The policy as the agent has it.
async fn fetch<const OPERATOR: bool>(
    agents: &Agents,
    id: &PolicyId<OPERATOR>,
) -> Result<v1::Policy, CallError> {
    let request = GetPolicyRequest {
        broker: id.broker.name().to_owned(),
        vhost: id.vhost.clone(),
        name: id.name.clone(),
        operator: OPERATOR,
    };
    agents
        .ask(&id.broker, request, |agent, request| async move {
            agent.policies().get_policy(request).await
        })
        .await
}

impl PolicyModel {
    fn id<const OPERATOR: bool>(&self) -> PolicyId<OPERATOR> {
        PolicyId {
            broker: self.broker.0.clone(),
            vhost: self.vhost.clone(),
            name: self.name.clone(),
        }
    }

    fn to_api(&self, operator: bool) -> Result<v1::Policy> {
        let definition = arguments::sent(Some(&self.definition));
        let definition = definition.map_err(|error| error.about("definition"))?;
        Ok(v1::Policy {
            vhost: self.vhost.clone(),
            name: self.name.clone(),
            operator,
            pattern: self.pattern.clone(),
            apply_to: self.apply_to.clone(),
            priority: self.priority,
            definition: Some(definition),
            ..Default::default()
        })
    }

    /// With everything the agent has.
    fn seen<const OPERATOR: bool>(self, id: &PolicyId<OPERATOR>, policy: v1::Policy) -> Self {
        let definition = arguments::seen(policy.definition.as_ref(), Some(self.definition));
        Self {
            apply_to: policy.apply_to,
            definition: definition.unwrap_or_else(nothing),
            id: id.to_string().into(),
            pattern: policy.pattern,
            priority: policy.priority,
            ..self
        }
    }
}

/// The definition of a policy that says nothing.
fn nothing() -> Dynamic {
    Dynamic::from_json(&serde_json::json!({}))
}

/// Refuses what could not be sent, and a policy that says nothing.
fn says_something() -> Validator {
    validate::value(|value: &Value| match arguments::to_api(value) {
        Ok(sent) if sent.values.is_empty() => {
            Err("must say something, such as { max-length = 1000 }".to_owned())
        }
        Ok(_) | Err(BadArguments::Unknown) => Ok(()),
        Err(error) => Err(error.to_string()),
    })
}
