//! `ferrymq_queue`.

use agent_api::v1::{self, DeleteQueueRequest, GetQueueRequest, PutQueueRequest};
use tfplugin_rs::model::Field as _;
use tfplugin_rs::prelude::*;
use tfplugin_rs::validate::Validator;
use tfplugin_rs::value::Dynamic;

use crate::agents::Agents;
use crate::arguments::BadArguments;
use crate::deletion::{self, DeletionPolicy, Loss, QueueDeletion};
use crate::durability::Durability;
use crate::failure::{CallError, Doing};
use crate::id::{self, BrokerId, QueueId};
use crate::object::{self, ObjectId as _};
use crate::typed::{self, Seen};
use crate::{arguments, check, generation, name};

/// The resource.
pub(crate) struct Queue;

/// A queue: messages in order, waiting for consumers.
///
/// A plan that destroys or replaces a queue fails while the queue holds messages, unless
/// `deletion_policy` says otherwise. What limits a queue and where its dead letters go changes in
/// place, with its messages and consumers as they are.
#[derive(Debug, Clone, Model)]
#[model(rule = typed::said_once(typed::QUEUE))]
pub(crate) struct QueueModel {
    /// Arguments beyond those with an attribute of their own, such as `{ x-queue-mode = "lazy" }`;
    /// numbers stay numbers. Those that have an attribute may be said here instead. Default: none.
    /// Changing what they say replaces the queue, except for hints and for what would change in
    /// place by its attribute.
    #[attr(validate = arguments::valid_for_queue())]
    arguments: Option<Dynamic>,

    /// True: deleted when its last consumer goes. Default: `false`. Changing it replaces the queue.
    #[attr(default = false, replace)]
    auto_delete: bool,

    /// Id of the broker, `ferrymq_broker.<label>.id`. Other addresses of the same broker update in
    /// place; another broker, or one not known at plan, replaces the queue.
    #[attr(replace_if = id::names_another_broker)]
    broker: Text<BrokerId>,

    /// How long a consumer may keep a delivery without settling it, in milliseconds; its channel is
    /// closed then and the message goes to others. Looked at once a minute. Default: what the agent's
    /// `consumer_timeout_s` says, 30 minutes.
    #[attr(validate = validate::range(0..))]
    consumer_timeout: Option<i64>,

    /// Name of the exchange to which messages go that die in the queue: rejected, expired, too many,
    /// or come back too often; `""` is the default exchange. Default: none, and they are gone.
    dead_letter_exchange: Option<String>,

    /// Routing key that dead letters get. Default: they keep their own.
    #[attr(validate = name::routing_key(), validate = validate::also_requires(["dead_letter_exchange"]))]
    dead_letter_routing_key: Option<String>,

    /// How sure dead letters are to arrive: `"at-most-once"` (one that no queue takes is gone) or, of
    /// type `"quorum"` and with `overflow = "reject-publish"`, `"at-least-once"` (they stay until
    /// every queue they are for has them). Default: `"at-most-once"`.
    #[attr(
        validate = validate::one_of(["at-least-once", "at-most-once"]),
        validate = validate::also_requires(["dead_letter_exchange"])
    )]
    dead_letter_strategy: Option<String>,

    /// What destroying or replacing the queue does while it is in use: `"if_empty"` fails while it
    /// holds messages, at plan already, with their number; `"if_unused"` fails while it holds
    /// messages or has consumers; `"force"` loses them; `"drain_to"` moves the messages ready to the
    /// queue that `drain_to` names, and fails while others are delivered and not settled. What counts
    /// is the value applied last. Default: `"if_empty"`.
    #[attr(default = DeletionPolicy::DEFAULT)]
    deletion_policy: Text<QueueDeletion>,

    /// How often a message may come back to a queue of type `"quorum"` before it dies; negative: as
    /// often as it likes. Default: 20.
    delivery_limit: Option<i64>,

    /// Name of the queue of the same virtual host to which messages move before this one is deleted;
    /// goes with `deletion_policy = "drain_to"`.
    #[attr(validate = name::referable())]
    drain_to: Option<String>,

    /// How safe a persistent message is before it is confirmed and delivered: `"fsync"` is on the
    /// disk, `"os"` is with the operating system and survives a crash of the broker but not of the
    /// machine, `"memory"` is lost when the broker ends. Default: `"fsync"`, which means nothing
    /// unless `durable` is true. Changing it replaces the queue.
    #[attr(default = Durability::DEFAULT, replace)]
    durability: Text<Durability>,

    /// True: survives a restart of the broker. Default: `true`. Changing it replaces the queue.
    #[attr(default = true, replace)]
    durable: bool,

    /// How long the queue may be unused before it is deleted, in milliseconds; up to 315360000000,
    /// some 49 days. Default: for ever.
    #[attr(validate = validate::range(1..=MAX_MS))]
    expires: Option<i64>,

    /// `<broker>/queue/<vhost>/<name>`, the last two percent-encoded. Known at plan when its parts
    /// are.
    id: Attr<String>,

    /// How long messages stay in a queue of type `"stream"`: a number and a unit, of `s`, `m`, `h`,
    /// `D`, `M` (30 days) and `Y`, such as `"7D"`. The newest message stays whatever its age. Default:
    /// for ever.
    #[attr(validate = max_age())]
    max_age: Option<String>,

    /// Most messages ready for delivery; `overflow` tells what happens to more. Default: any number.
    #[attr(validate = validate::range(0..))]
    max_length: Option<i64>,

    /// Most bytes of bodies of messages ready for delivery; of all messages in a queue of type
    /// `"stream"`, whose oldest go when there are more. Default: any number.
    #[attr(validate = validate::range(0..))]
    max_length_bytes: Option<i64>,

    /// Messages have priorities up to this one, at most 255; those of higher priority come first.
    /// Default: no priorities. Changing it replaces the queue.
    #[attr(validate = validate::range(0..=255))]
    max_priority: Option<i64>,

    /// Size of RabbitMQ's files of a queue of type `"stream"`. Accepted for its sake, without effect.
    #[attr(validate = validate::range(0..=MAX_SEGMENT_BYTES))]
    max_segment_size_bytes: Option<i64>,

    /// How long a message may wait in the queue, in milliseconds; up to 315360000000, ten years. A
    /// change concerns messages that come from then on. Default: for ever.
    #[attr(validate = validate::range(0..=MAX_MS))]
    message_ttl: Option<i64>,

    /// Name, 1 to 255 bytes of UTF-8; names that begin with `amq.` are reserved. Changing it
    /// replaces the queue.
    #[attr(replace, validate = name::declarable())]
    name: String,

    /// What happens to a message that is too much: `"drop-head"` (the oldest goes),
    /// `"reject-publish"` (the newest is refused to its publisher) or `"reject-publish-dlx"` (the
    /// same, and it becomes a dead letter). Default: `"drop-head"`.
    #[attr(validate = validate::one_of(["drop-head", "reject-publish", "reject-publish-dlx"]))]
    overflow: Option<String>,

    /// True: one consumer is served at a time, the others stand by. Default: `false`. Changing it
    /// replaces the queue.
    #[attr(default = false)]
    single_active_consumer: bool,

    /// `"classic"`, `"quorum"`, of which messages that come back too often die, or `"stream"`, which
    /// keeps its messages for many consumers to read, again and again, each from where it wants.
    /// Default: `"classic"`. Changing it replaces the queue.
    #[attr(
        name = "type",
        optional,
        computed,
        validate = validate::one_of(["classic", "quorum", "stream"])
    )]
    ty: Attr<String>,

    /// Virtual host. Default: `/`. Changing it replaces the queue.
    #[attr(default = "/", replace, validate = name::plain())]
    vhost: String,
}

/// Longest time a queue or a message may be given, in milliseconds.
const MAX_MS: i64 = 315_360_000_000;

impl Resource for Queue {
    const NAME: &'static str = "queue";
    type Data = Agents;
    type Model = QueueModel;

    async fn validate(&self, cx: &mut Validation) -> Result<()> {
        let policy: Attr<String> = cx.get("deletion_policy")?;
        let target: Attr<String> = cx.get("drain_to")?;
        let drains = policy.known().is_some_and(|policy| policy == "drain_to");
        if drains && target.is_null() {
            let detail = "deletion_policy \"drain_to\" moves messages to the queue that drain_to \
                          names. Name one.";
            cx.push(Diagnostic::error("No queue to drain to", detail).at("drain_to"));
        }
        Ok(())
    }

    async fn modify_plan(&self, plan: &mut ResourcePlan, cx: &mut Context<Agents>) -> Result<()> {
        plan_type(plan)?;
        typed::plan_replacement(typed::QUEUE, plan);
        id::plan(plan, cx.data(), QueueId::planned)?;
        check_plan(plan, cx).await?;
        if !deletion::is_planned(plan) {
            return Ok(());
        }
        let state: QueueModel = plan.prior().model()?;
        if state.deletion_policy.0 == QueueDeletion::Force {
            return Ok(());
        }
        let id = state.id();
        let queue = fetch(cx.data(), &id).await;
        if state.deletion_policy.0 == QueueDeletion::IfUnused {
            check_unused(queue.as_ref().ok(), &id)?;
        }
        let loss = queue.map(|queue| state.loss(&queue));
        deletion::judge(&id.task(Doing::Delete), loss, plan, cx)
    }

    async fn create(&self, mut plan: QueueModel, cx: &mut Apply<Agents>) -> Result<QueueModel> {
        let id = plan.id();
        plan.id = id.to_string().into();
        let request = PutQueueRequest {
            broker: id.broker.name().to_owned(),
            queue: Some(plan.to_api()?),
            expect: generation::absent(),
            idempotency_token: generation::token()?,
            check_only: false,
        };
        let queue = object::create(&id, &plan, cx, |agent| {
            let request = request.clone();
            async move { agent.queues().put_queue(request).await }
        })
        .await?;
        Ok(plan.seen(&id, &queue))
    }

    async fn read(
        &self,
        state: QueueModel,
        cx: &mut Context<Agents>,
    ) -> Result<Option<QueueModel>> {
        let id = state.id();
        let queue = object::read(&id, fetch(cx.data(), &id).await, cx)?;
        Ok(queue.map(|queue| state.seen(&id, &queue)))
    }

    async fn update(
        &self,
        prior: QueueModel,
        mut plan: QueueModel,
        cx: &mut Apply<Agents>,
    ) -> Result<QueueModel> {
        let id = plan.id();
        let agents = cx.shared_data();
        object::follow(&id, &prior.broker.0, || fetch(&agents, &id), cx).await?;
        plan.id = id.to_string().into();
        let queue = plan.to_api()?;
        if queue == prior.to_api()? {
            return Ok(plan);
        }
        let request = PutQueueRequest {
            broker: id.broker.name().to_owned(),
            queue: Some(queue),
            expect: generation::expected(cx)?,
            ..Default::default()
        };
        let queue = object::update(&id, cx, request, |agent, request| async move {
            agent.queues().put_queue(request).await
        })
        .await?;
        Ok(plan.seen(&id, &queue))
    }

    async fn delete(&self, state: QueueModel, cx: &mut Context<Agents>) -> Result<()> {
        let id = state.id();
        let request = DeleteQueueRequest {
            broker: id.broker.name().to_owned(),
            vhost: id.vhost.clone(),
            name: id.name.clone(),
            expect: generation::expected(cx)?,
            force: state.deletion_policy.0 == QueueDeletion::Force,
            if_unused: state.deletion_policy.0 == QueueDeletion::IfUnused,
            drain_to: match state.deletion_policy.0 {
                QueueDeletion::DrainTo => state.drain_to.unwrap_or_default(),
                _ => String::new(),
            },
        };
        object::delete(&id, cx, request, |agent, request| async move {
            agent.queues().delete_queue(request).await
        })
        .await
    }

    async fn import(&self, id: &str, cx: &mut Context<Agents>) -> Result<QueueModel> {
        let id: QueueId = id.parse()?;
        let queue = object::found(&id, Doing::Import, fetch(cx.data(), &id).await, cx)?;
        let blank = QueueModel {
            arguments: None,
            auto_delete: false,
            broker: id.broker.clone().into(),
            dead_letter_exchange: None,
            dead_letter_routing_key: None,
            dead_letter_strategy: None,
            deletion_policy: QueueDeletion::IfEmpty.into(),
            consumer_timeout: None,
            delivery_limit: None,
            drain_to: None,
            durability: Durability::Fsync.into(),
            durable: true,
            expires: None,
            id: Attr::Unknown,
            max_age: None,
            max_length: None,
            max_length_bytes: None,
            max_priority: None,
            max_segment_size_bytes: None,
            message_ttl: None,
            name: id.name.clone(),
            overflow: None,
            single_active_consumer: false,
            ty: Attr::Unknown,
            vhost: id.vhost.clone(),
        };
        Ok(blank.seen(&id, &queue))
    }
}

/// The queue as the agent has it.
pub(crate) async fn fetch(agents: &Agents, id: &QueueId) -> Result<v1::Queue, CallError> {
    let request = GetQueueRequest {
        broker: id.broker.name().to_owned(),
        vhost: id.vhost.clone(),
        name: id.name.clone(),
    };
    agents
        .ask(&id.broker, request, |agent, request| async move {
            agent.queues().get_queue(request).await
        })
        .await
}

/// The queue's type, wherever it is said.
pub(crate) fn type_of(queue: &v1::Queue) -> &str {
    let arguments = queue.arguments.as_ref();
    let said = arguments.and_then(|arguments| arguments.values.get(TYPE)?.kind.as_ref());
    match said {
        Some(v1::value::Kind::Text(ty)) => ty,
        _ => CLASSIC,
    }
}

/// Refuses to destroy a queue that somebody consumes from.
fn check_unused(queue: Option<&v1::Queue>, id: &QueueId) -> Result<()> {
    let consumers = queue.and_then(|queue| queue.depth).unwrap_or_default();
    match consumers.consumers {
        0 => Ok(()),
        count => {
            let name = &id.name;
            let detail = format!(
                "The queue {name:?} has {count} consumers, and its deletion_policy is \
                 \"if_unused\". Stop them first, or set another deletion_policy and apply that \
                 first."
            );
            let summary = "Plan would take a queue from its consumers";
            Err(Diagnostic::error(summary, detail)
                .at("deletion_policy")
                .into())
        }
    }
}

impl QueueModel {
    fn id(&self) -> QueueId {
        QueueId {
            broker: self.broker.0.clone(),
            vhost: self.vhost.clone(),
            name: self.name.clone(),
        }
    }

    /// What its deletion would lose.
    fn loss(&self, queue: &v1::Queue) -> Loss {
        let depth = queue.depth.unwrap_or_default();
        let moved = match self.deletion_policy.0 {
            QueueDeletion::DrainTo => depth.ready,
            _ => 0,
        };
        Loss {
            messages: depth.ready + depth.unsettled - moved,
            queues: 1,
        }
    }

    fn to_api(&self) -> Result<v1::Queue> {
        // A type that is not known yet is the agent's to choose.
        let said = Self {
            ty: self.ty.clone().known().into(),
            ..self.clone()
        };
        let arguments = typed::all(typed::QUEUE, &said.to_value());
        let arguments = arguments.map_err(BadArguments::into_diagnostic)?;
        Ok(v1::Queue {
            vhost: self.vhost.clone(),
            name: self.name.clone(),
            durable: self.durable,
            auto_delete: self.auto_delete,
            arguments: Some(arguments),
            durability: self.durability.to_api().into(),
            ..Default::default()
        })
    }

    /// With everything the agent has.
    fn seen(self, id: &QueueId, queue: &v1::Queue) -> Self {
        let mut seen = Seen::new(queue.arguments.clone(), self.arguments);
        seen.default(TYPE, CLASSIC);
        seen.text(TYPE);
        Self {
            auto_delete: queue.auto_delete,
            dead_letter_exchange: seen.text("x-dead-letter-exchange"),
            dead_letter_routing_key: seen.text("x-dead-letter-routing-key"),
            dead_letter_strategy: seen.text("x-dead-letter-strategy"),
            consumer_timeout: seen.number("x-consumer-timeout"),
            delivery_limit: seen.number("x-delivery-limit"),
            durability: Durability::of(queue).into(),
            durable: queue.durable,
            expires: seen.number("x-expires"),
            id: id.to_string().into(),
            max_age: seen.text("x-max-age"),
            max_length: seen.number("x-max-length"),
            max_length_bytes: seen.number("x-max-length-bytes"),
            max_priority: seen.number("x-max-priority"),
            max_segment_size_bytes: seen.number("x-stream-max-segment-size-bytes"),
            message_ttl: seen.number("x-message-ttl"),
            overflow: seen.text("x-overflow"),
            single_active_consumer: seen.truth("x-single-active-consumer"),
            ty: type_of(queue).to_owned().into(),
            arguments: seen.rest(),
            ..self
        }
    }
}

/// The argument that names a queue's type, and the type of a queue without it.
const TYPE: &str = "x-queue-type";
const CLASSIC: &str = "classic";

/// Largest size of RabbitMQ's files of a stream.
const MAX_SEGMENT_BYTES: i64 = 3_000_000_000;

fn max_age() -> Validator {
    validate::string(|age| {
        let digits = age.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = age.split_at(digits);
        let units = ["s", "m", "h", "D", "M", "Y"];
        if number.bytes().any(|digit| digit != b'0') && units.contains(&unit) {
            return Ok(());
        }
        Err("must be a number and a unit of s, m, h, D, M or Y, such as 7D".to_owned())
    })
}

/// Has the agent look at what is planned, as soon as all of it is known.
async fn check_plan(plan: &ResourcePlan, cx: &mut Context<Agents>) -> Result<()> {
    if plan.planned().is_null() {
        return Ok(());
    }
    let mut planned = plan.planned().clone();
    if planned.get::<Attr<String>>("type")?.is_unknown() {
        planned.set("type", &Attr::<String>::Null)?;
    }
    let Some(queue) = id::known::<QueueModel>(planned)? else {
        return Ok(());
    };
    let id = queue.id();
    if !check::is_due(&id, plan, cx.data()) {
        return Ok(());
    }
    let request = PutQueueRequest {
        broker: id.broker.name().to_owned(),
        queue: Some(queue.to_api()?),
        check_only: true,
        ..Default::default()
    };
    check::ask(&id, cx, request, |agent, request| async move {
        agent.queues().put_queue(request).await
    })
    .await
}

/// Plans the attribute `type`: what is said here or in `arguments`, else what the queue is already.
/// What a new queue becomes, the agent decides.
fn plan_type(plan: &mut ResourcePlan) -> Result<()> {
    if plan.planned().is_null() || !plan.config().get::<Attr<String>>("type")?.is_null() {
        return Ok(());
    }
    let arguments: Attr<Dynamic> = plan.config().get("arguments")?;
    let sent = match &arguments {
        Attr::Unknown => return plan.set_unknown("type"),
        Attr::Null => Ok(v1::Arguments::default()),
        Attr::Known(arguments) => arguments::sent(Some(arguments)),
    };
    let said = sent
        .ok()
        .and_then(|sent| match sent.values.get(TYPE)?.kind.as_ref()? {
            v1::value::Kind::Text(text) => Some(text.clone()),
            _ => None,
        });
    let prior: Attr<String> = plan.prior().get("type")?;
    match (said, prior.known()) {
        (Some(said), _) => plan.set("type", &said),
        (None, Some(prior)) => plan.set("type", &prior),
        (None, None) => plan.set_unknown("type"),
    }
}
