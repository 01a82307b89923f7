//! `ferrymq_vhost`.

use std::collections::BTreeSet;

use agent_api::v1::{self, DeleteVhostRequest, GetVhostRequest, PutVhostRequest};
use tfplugin_rs::prelude::*;
use tfplugin_rs::validate::Validator;
use tfplugin_rs::value::Value;

use crate::agents::Agents;
use crate::deletion::{self, DeletionPolicy};
use crate::failure::{CallError, Doing};
use crate::id::{self, BrokerId, VhostId};
use crate::object::{self, ObjectId as _};
use crate::{generation, name};

/// The resource.
pub(crate) struct Vhost;

/// A virtual host: a namespace with its own exchanges, queues, bindings and permissions. Every
/// broker comes with one named `/`, which need not be declared.
///
/// Destroying a virtual host destroys everything in it.
#[derive(Debug, Clone, Model)]
pub(crate) struct VhostModel {
    /// Id of the broker, `ferrymq_broker.<label>.id`. Other addresses of the same broker update in
    /// place; another broker, or one not known at plan, replaces the virtual host.
    #[attr(replace_if = id::names_another_broker)]
    broker: Text<BrokerId>,

    /// Type of durable queues whose declaration does not say: `"classic"`, `"quorum"` or `"stream"`.
    /// Queues that are there stay what they are. Default: `"classic"`.
    #[attr(default = CLASSIC, validate = validate::one_of(["classic", "quorum", "stream"]))]
    default_queue_type: String,

    /// What destroying or replacing the virtual host does while queues in it hold messages, its
    /// `ferrymq_queue`s included: `"if_empty"` fails, at plan already, with their number; `"force"`
    /// loses them. What counts is the value applied last. Default: `"if_empty"`.
    #[attr(default = DeletionPolicy::DEFAULT)]
    deletion_policy: Text<DeletionPolicy>,

    /// True: a plan that destroys or replaces the virtual host fails, and so does everybody else who
    /// wants to delete it. What counts is the value applied last. Default: `false`.
    #[attr(default = false)]
    deletion_protection: bool,

    /// Free text for people, at most 1,024 bytes of UTF-8. Default: empty.
    #[attr(default = "", validate = description())]
    description: String,

    /// `<broker>/vhost/<name>`, the last percent-encoded. Known at plan when its parts are.
    id: Attr<String>,

    /// Name, 1 to 255 bytes of UTF-8 without control characters. Changing it replaces the virtual
    /// host.
    #[attr(replace, validate = name::plain())]
    name: String,

    /// Free words for people and their programs, each 1 to 255 bytes. Default: none.
    #[attr(default = Value::set(Vec::<Value>::new()), validate = validate::each([name::plain()]))]
    tags: BTreeSet<String>,
}

/// The type of queues that say nothing, unless the virtual host says another.
const CLASSIC: &str = "classic";

impl Resource for Vhost {
    const NAME: &'static str = "vhost";
    type Data = Agents;
    type Model = VhostModel;

    async fn modify_plan(&self, plan: &mut ResourcePlan, cx: &mut Context<Agents>) -> Result<()> {
        id::plan(plan, cx.data(), VhostId::planned)?;
        if !deletion::is_planned(plan) {
            return Ok(());
        }
        let state: VhostModel = plan.prior().model()?;
        if state.deletion_protection {
            let detail = format!(
                "The virtual host {:?} is protected. Set deletion_protection = false and apply that \
                 first.",
                state.name
            );
            let protected = Diagnostic::error("Plan would delete what is protected", detail);
            return Err(protected.at("deletion_protection").into());
        }
        if state.deletion_policy.is_force() {
            return Ok(());
        }
        let id = state.id();
        let loss = deletion::loss_within(cx.data(), &id.broker, &id.name).await;
        deletion::judge(&id.task(Doing::Delete), loss, plan, cx)
    }

    async fn create(&self, mut plan: VhostModel, cx: &mut Apply<Agents>) -> Result<VhostModel> {
        let id = plan.id();
        plan.id = id.to_string().into();
        let request = PutVhostRequest {
            broker: id.broker.name().to_owned(),
            vhost: Some(plan.to_api()),
            expect: generation::absent(),
            idempotency_token: generation::token()?,
        };
        object::create(&id, &plan, cx, |agent| {
            let request = request.clone();
            async move { agent.vhosts().put_vhost(request).await }
        })
        .await?;
        Ok(plan)
    }

    async fn read(
        &self,
        state: VhostModel,
        cx: &mut Context<Agents>,
    ) -> Result<Option<VhostModel>> {
        let id = state.id();
        let vhost = object::read(&id, fetch(cx.data(), &id).await, cx)?;
        Ok(vhost.map(|vhost| state.seen(&id, vhost)))
    }

    async fn update(
        &self,
        prior: VhostModel,
        mut plan: VhostModel,
        cx: &mut Apply<Agents>,
    ) -> Result<VhostModel> {
        let id = plan.id();
        let agents = cx.shared_data();
        object::follow(&id, &prior.broker.0, || fetch(&agents, &id), cx).await?;
        let vhost = plan.to_api();
        if vhost != prior.to_api() {
            let request = PutVhostRequest {
                broker: id.broker.name().to_owned(),
                vhost: Some(vhost),
                expect: generation::expected(cx)?,
                idempotency_token: String::new(),
            };
            object::update(&id, cx, request, |agent, request| async move {
                agent.vhosts().put_vhost(request).await
            })
            .await?;
        }
        plan.id = id.to_string().into();
        Ok(plan)
    }

    async fn delete(&self, state: VhostModel, cx: &mut Context<Agents>) -> Result<()> {
        let id = state.id();
        let request = DeleteVhostRequest {
            broker: id.broker.name().to_owned(),
            name: id.name.clone(),
            expect: generation::expected(cx)?,
            force: state.deletion_policy.is_force(),
        };
        object::delete(&id, cx, request, |agent, request| async move {
            agent.vhosts().delete_vhost(request).await
        })
        .await
    }

    async fn import(&self, id: &str, cx: &mut Context<Agents>) -> Result<VhostModel> {
        let id: VhostId = id.parse()?;
        let vhost = object::found(&id, Doing::Import, fetch(cx.data(), &id).await, cx)?;
        let blank = VhostModel {
            broker: id.broker.clone().into(),
            default_queue_type: CLASSIC.to_owned(),
            deletion_policy: DeletionPolicy::IfEmpty.into(),
            deletion_protection: false,
            description: String::new(),
            id: Attr::Unknown,
            name: id.name.clone(),
            tags: BTreeSet::new(),
        };
        Ok(blank.seen(&id, vhost))
    }
}

/// The virtual host as the agent has it.
async fn fetch(agents: &Agents, id: &VhostId) -> Result<v1::Vhost, CallError> {
    let request = GetVhostRequest {
        broker: id.broker.name().to_owned(),
        name: id.name.clone(),
    };
    agents
        .ask(&id.broker, request, |agent, request| async move {
            agent.vhosts().get_vhost(request).await
        })
        .await
}

impl VhostModel {
    fn id(&self) -> VhostId {
        VhostId {
            broker: self.broker.0.clone(),
            name: self.name.clone(),
        }
    }

    fn to_api(&self) -> v1::Vhost {
        v1::Vhost {
            name: self.name.clone(),
            description: self.description.clone(),
            tags: self.tags.iter().cloned().collect(),
            default_queue_type: Some(self.default_queue_type.clone())
                .filter(|kind| kind != CLASSIC)
                .unwrap_or_default(),
            deletion_protection: self.deletion_protection,
            ..Default::default()
        }
    }

    /// With everything the agent has.
    fn seen(self, id: &VhostId, vhost: v1::Vhost) -> Self {
        let default_queue_type = Some(vhost.default_queue_type).filter(|kind| !kind.is_empty());
        Self {
            default_queue_type: default_queue_type.unwrap_or_else(|| CLASSIC.to_owned()),
            deletion_protection: vhost.deletion_protection,
            description: vhost.description,
            id: id.to_string().into(),
            tags: vhost.tags.into_iter().collect(),
            ..self
        }
    }
}

fn description() -> Validator {
    validate::string(|text| match text.len() {
        0..=1024 => Ok(()),
        _ => Err("must be at most 1,024 bytes of UTF-8".to_owned()),
    })
}
