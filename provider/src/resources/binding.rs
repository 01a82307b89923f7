//! `ferrymq_binding`.

use agent_api::v1::{self, DeleteBindingRequest, GetBindingRequest, PutBindingRequest};
use tfplugin_rs::prelude::*;
use tfplugin_rs::value::Dynamic;

use crate::agents::Agents;
use crate::arguments::BadArguments;
use crate::failure::{CallError, Doing};
use crate::id::{self, BindingId, BrokerId, DestinationType, ExchangeId, QueueId};
use crate::resources::{exchange, queue};
use crate::{arguments, check, generation, name, object};

/// The resource.
pub(crate) struct Binding;

/// A binding: lets an exchange pass messages on to a queue or another exchange.
///
/// A binding has no name: everything it says is its identity, and every change replaces it.
#[derive(Debug, Clone, Model)]
pub(crate) struct BindingModel {
    /// Optional arguments, as an object; numbers stay numbers. Default: none. Changing what they
    /// say replaces the binding.
    #[attr(validate = arguments::valid(), replace_if = arguments::differ)]
    arguments: Option<Dynamic>,

    /// Id of the broker, `ferrymq_broker.<label>.id`. Other addresses of the same broker update in
    /// place; another broker, or one not known at plan, replaces the binding.
    #[attr(replace_if = id::names_another_broker)]
    broker: Text<BrokerId>,

    /// Name of the queue or exchange that is fed. Changing it replaces the binding.
    #[attr(replace, validate = name::referable())]
    destination: String,

    /// What is fed: `"queue"` or `"exchange"`. Default: `"queue"`. Changing it replaces the
    /// binding.
    #[attr(default = "queue", replace)]
    destination_type: Text<DestinationType>,

    /// `<broker>/binding/<vhost>/<source>/<destination_type>/<destination>/<routing_key>`, followed
    /// by `/` and the arguments as JSON when there are some; all but the type percent-encoded.
    /// Known at plan when its parts are.
    id: Attr<String>,

    /// What the exchange compares a message's routing key with; its meaning is the exchange's. At
    /// most 255 bytes of UTF-8. Default: empty. Changing it replaces the binding.
    #[attr(default = "", replace, validate = name::routing_key())]
    routing_key: String,

    /// Name of the exchange that feeds. The default exchange needs no bindings and takes none.
    /// Changing it replaces the binding.
    #[attr(replace, validate = name::referable())]
    source: String,

    /// Virtual host. Default: `/`. Changing it replaces the binding.
    #[attr(default = "/", replace, validate = name::plain())]
    vhost: String,
}

impl Resource for Binding {
    const NAME: &'static str = "binding";
    type Data = Agents;
    type Model = BindingModel;

    async fn modify_plan(&self, plan: &mut ResourcePlan, cx: &mut Context<Agents>) -> Result<()> {
        id::plan(plan, cx.data(), |planned| {
            planned.model()?.as_ref().map(BindingModel::id).transpose()
        })?;
        check_ends(plan, cx).await
    }

    async fn create(&self, mut plan: BindingModel, cx: &mut Apply<Agents>) -> Result<BindingModel> {
        let id = plan.id()?;
        plan.id = id.to_string().into();
        let request = PutBindingRequest {
            broker: id.broker.name().to_owned(),
            binding: Some(plan.to_api()?),
            expect: generation::absent(),
            idempotency_token: generation::token()?,
        };
        object::create(&id, &plan, cx, |agent| {
            let request = request.clone();
            async move { agent.bindings().put_binding(request).await }
        })
        .await?;
        Ok(plan)
    }

    async fn read(
        &self,
        mut state: BindingModel,
        cx: &mut Context<Agents>,
    ) -> Result<Option<BindingModel>> {
        let id = state.id()?;
        let fetched = fetch(cx.data(), &id.broker, state.to_api()?).await;
        state.id = id.to_string().into();
        Ok(object::read(&id, fetched, cx)?.map(|_| state))
    }

    async fn update(
        &self,
        prior: BindingModel,
        mut plan: BindingModel,
        cx: &mut Apply<Agents>,
    ) -> Result<BindingModel> {
        // A binding itself never changes; where its broker's agent is does.
        let id = plan.id()?;
        let agents = cx.shared_data();
        let binding = plan.to_api()?;
        let fetch = || fetch(&agents, &id.broker, binding);
        object::follow(&id, &prior.broker.0, fetch, cx).await?;
        plan.id = id.to_string().into();
        Ok(plan)
    }

    async fn delete(&self, state: BindingModel, cx: &mut Context<Agents>) -> Result<()> {
        let id = state.id()?;
        let request = DeleteBindingRequest {
            broker: id.broker.name().to_owned(),
            binding: Some(state.to_api()?),
            expect: generation::expected(cx)?,
        };
        object::delete(&id, cx, request, |agent, request| async move {
            agent.bindings().delete_binding(request).await
        })
        .await
    }

    async fn import(&self, id: &str, cx: &mut Context<Agents>) -> Result<BindingModel> {
        let id: BindingId = id.parse()?;
        let model = BindingModel {
            arguments: arguments::from_id_text(&id.arguments),
            broker: id.broker.clone().into(),
            destination: id.destination.clone(),
            destination_type: id.destination_type.into(),
            id: id.to_string().into(),
            routing_key: id.routing_key.clone(),
            source: id.source.clone(),
            vhost: id.vhost.clone(),
        };
        let fetched = fetch(cx.data(), &id.broker, model.to_api()?).await;
        object::found(&id, Doing::Import, fetched, cx)?;
        Ok(model)
    }
}

/// Warns of a new binding when one of its ends is not there and this plan does not make it either.
async fn check_ends(plan: &ResourcePlan, cx: &mut Context<Agents>) -> Result<()> {
    let comes = matches!(
        plan.action(),
        ResourceAction::Create | ResourceAction::Replace
    );
    let Some(binding) = id::known::<BindingModel>(plan.planned().clone())?.filter(|_| comes) else {
        return Ok(());
    };
    let agents = cx.shared_data();
    if agents.renewals().renews(&binding.id()?) {
        return Ok(());
    }
    let exchange_id = |name: &str| ExchangeId {
        broker: binding.broker.0.clone(),
        vhost: binding.vhost.clone(),
        name: name.to_owned(),
    };
    let source = exchange_id(&binding.source);
    let found = exchange::fetch(&agents, &source).await;
    check::found(&source, found, "source", cx);
    match binding.destination_type.0 {
        DestinationType::Exchange => {
            let destination = exchange_id(&binding.destination);
            let found = exchange::fetch(&agents, &destination).await;
            check::found(&destination, found, "destination", cx);
        }
        DestinationType::Queue => {
            let destination = QueueId {
                broker: binding.broker.0.clone(),
                vhost: binding.vhost.clone(),
                name: binding.destination.clone(),
            };
            let found = queue::fetch(&agents, &destination).await;
            check::found(&destination, found, "destination", cx);
        }
    }
    Ok(())
}

/// The binding as the agent has it.
async fn fetch(
    agents: &Agents,
    broker: &BrokerId,
    binding: v1::Binding,
) -> Result<v1::Binding, CallError> {
    let request = GetBindingRequest {
        broker: broker.name().to_owned(),
        binding: Some(binding),
    };
    agents
        .ask(broker, request, |agent, request| async move {
            agent.bindings().get_binding(request).await
        })
        .await
}

impl BindingModel {
    fn id(&self) -> Result<BindingId> {
        Ok(BindingId {
            broker: self.broker.0.clone(),
            vhost: self.vhost.clone(),
            source: self.source.clone(),
            destination_type: self.destination_type.0,
            destination: self.destination.clone(),
            routing_key: self.routing_key.clone(),
            arguments: arguments::id_text(&self.arguments()?),
        })
    }

    fn arguments(&self) -> Result<v1::Arguments> {
        let sent = arguments::sent(self.arguments.as_ref());
        Ok(sent.map_err(BadArguments::into_diagnostic)?)
    }

    fn to_api(&self) -> Result<v1::Binding> {
        Ok(v1::Binding {
            vhost: self.vhost.clone(),
            source: self.source.clone(),
            destination_type: v1::DestinationType::from(self.destination_type.0).into(),
            destination: self.destination.clone(),
            routing_key: self.routing_key.clone(),
            arguments: Some(self.arguments()?),
            generation: 0,
        })
    }
}
