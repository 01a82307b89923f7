//! `Queues`: queues of a virtual host, with what is in them.

use agent_api::Failure;
use agent_api::v1;
use agent_api::v1::queues_server::Queues;
use agent_api::v1::{
    DeleteQueueRequest, DeleteQueueResponse, Durability, GetQueueRequest, ListQueuesRequest,
    ListQueuesResponse, PutQueueRequest, Queue, QueueDepth,
};
use broker_core::admin::{Admin, DeleteIf};
use broker_core::definitions::{
    AppliedPolicies, Expect, QueueSpec, QueueStats, QueueStatus, Stored,
};
use broker_core::durability;
use broker_core::refusal::{Reason, Refusal};
use broker_core::value::{Arguments, Value};
use tonic::{Request, Response};
use tracing::info;

use super::arguments::{to_contract, to_engine};
use super::paging::page;
use super::policies::applied;
use super::refusal::{Subject, in_vhost};
use super::{Agent, Answer, durable, expect, required, settled, token, vhosts_of};
use crate::logs::audit::{about, nothing_changes};

#[tonic::async_trait]
impl Queues for Agent {
    async fn get_queue(&self, request: Request<GetQueueRequest>) -> Answer<Queue> {
        let GetQueueRequest {
            broker,
            vhost,
            name,
        } = request.into_inner();
        let (_, host) = self.engine(&broker).await?;
        let found = host.admin().queue(&vhost, &name).map_err(|refusal| {
            in_vhost(
                host.admin(),
                &vhost,
                &refusal,
                subject(&name).refused(&refusal),
            )
        })?;
        Ok(Response::new(shown(found)))
    }

    async fn list_queues(&self, request: Request<ListQueuesRequest>) -> Answer<ListQueuesResponse> {
        let request = request.into_inner();
        let (_, host) = self.engine(&request.broker).await?;
        let found = vhosts_of(host.admin(), &request.vhost, |admin, vhost| {
            admin.queues(vhost)
        })?;
        let key = |spec: &QueueSpec| vec![spec.vhost.clone(), spec.name.clone()];
        let found = found
            .into_iter()
            .map(|queue| (key(&queue.definition.value), queue))
            .collect();
        let page = page(found, request.page_size, &request.page_token, shown)?;
        let (queues, next_page_token) = (page.objects, page.next);
        Ok(Response::new(ListQueuesResponse {
            queues,
            next_page_token,
        }))
    }

    async fn put_queue(&self, request: Request<PutQueueRequest>) -> Answer<Queue> {
        let request = request.into_inner();
        let token = token(&request.idempotency_token)?;
        let expect = expect(request.expect);
        let spec = spec(required(request.queue, "queue")?)?;
        let object = format!("queue {:?} in {:?}", spec.name, spec.vhost);
        about(&request.broker, object);
        let (_, host) = self.engine(&request.broker).await?;
        let admin = host.admin();
        if request.check_only {
            nothing_changes();
            let checked = admin.check_queue(&spec);
            checked.map_err(|refusal| subject(&spec.name).refused(&refusal))?;
            return Ok(Response::new(shown(asked(spec))));
        }
        let existing = || {
            admin
                .queue(&spec.vhost, &spec.name)
                .ok()
                .map(|queue| queue.definition)
        };
        let changed = host.tokens().create(
            token,
            &format!("queue {:?} {:?}", spec.vhost, spec.name),
            || admin.put_queue(&spec, expect),
            // The engine leaves out what only says a default, so it is the one to compare.
            || {
                existing()?;
                let same = admin.put_queue(&spec, Expect::Any).ok()?;
                Some(same.object)
            },
        );
        let changed = changed.map_err(|refusal| {
            let generation = existing().map(|existing| existing.generation);
            let failure = subject(&spec.name).not_put(&refusal, expect, generation);
            in_vhost(admin, &spec.vhost, &refusal, failure)
        })?;
        let definition = settled(&host, changed).await?;
        info!(
            broker = request.broker,
            vhost = spec.vhost,
            queue = spec.name,
            "queue put"
        );
        let now = admin.queue(&spec.vhost, &spec.name).ok();
        let (policies, stats) = now.map(|now| (now.policies, now.stats)).unwrap_or_default();
        Ok(Response::new(shown(QueueStatus {
            definition,
            policies,
            stats,
        })))
    }

    async fn delete_queue(
        &self,
        request: Request<DeleteQueueRequest>,
    ) -> Answer<DeleteQueueResponse> {
        let DeleteQueueRequest {
            broker,
            vhost,
            name,
            expect: state,
            force,
            if_unused,
            drain_to,
        } = request.into_inner();
        about(&broker, format!("queue {name:?} in {vhost:?}"));
        let expect = expect(state);
        let (_, host) = self.engine(&broker).await?;
        let admin = host.admin();
        let only_if = DeleteIf {
            unused: if_unused,
            empty: !force,
        };
        let failed = |refusal: Refusal| {
            let existing = admin.queue(&vhost, &name).ok();
            let generation = existing.map(|existing| existing.definition.generation);
            let failure = subject(&name).not_deleted(&refusal, generation);
            let failure = in_vhost(admin, &vhost, &refusal, failure);
            counted(failure, &refusal, stats(admin, &vhost, &name))
        };
        if !drain_to.is_empty() {
            let mut moved = 0;
            loop {
                let drained = admin.drain_queue(&vhost, &name, &drain_to, expect);
                let drained = drained.map_err(failed)?;
                moved += drained.moved;
                if drained.rest == 0 {
                    break;
                }
                durable(&host, drained.lsn).await?;
            }
            let to = drain_to;
            info!(broker, vhost, queue = name, to, moved, "queue drained");
        }
        let deleted = admin.delete_queue(&vhost, &name, expect, only_if);
        let lsn = deleted.map_err(failed)?;
        durable(&host, lsn).await?;
        info!(broker, vhost, queue = name, force, "queue deleted");
        Ok(Response::new(DeleteQueueResponse {}))
    }
}

/// A queue that is only asked for.
fn asked(value: QueueSpec) -> QueueStatus {
    QueueStatus {
        definition: Stored {
            value,
            generation: 0,
        },
        policies: AppliedPolicies::default(),
        stats: QueueStats::default(),
    }
}

fn subject(name: &str) -> Subject<'_> {
    Subject::new("queue", name)
}

fn stats(admin: &Admin, vhost: &str, name: &str) -> Option<QueueStats> {
    admin.queue(vhost, name).ok().map(|queue| queue.stats)
}

/// Adds the counts to a refusal over messages. They are read after the refusal, so a consumer may
/// have taken some; the engine's sentence has the number that decided.
fn counted(failure: Failure, refusal: &Refusal, stats: Option<QueueStats>) -> Failure {
    match stats {
        Some(stats) if refusal.reason == Reason::NotEmpty => {
            failure.holding((stats.ready + stats.unsettled).max(1), stats.consumers)
        }
        _ => failure,
    }
}

fn spec(asked: Queue) -> Result<QueueSpec, Failure> {
    let arguments = with_durability(to_engine(asked.arguments)?, asked.durability)?;
    Ok(QueueSpec {
        vhost: asked.vhost,
        name: asked.name,
        durable: asked.durable,
        exclusive: false,
        auto_delete: asked.auto_delete,
        arguments,
    })
}

/// The arguments of the engine's queue, which has the level among them. The default is left out, as
/// most clients do.
fn with_durability(mut arguments: Arguments, durability: i32) -> Result<Arguments, Failure> {
    let argument = durability::ARGUMENT;
    if arguments.contains_key(argument) {
        let sentence = format!("the argument {argument} is said by the attribute durability");
        let path = format!("arguments.{argument}");
        return Err(Failure::new(v1::Reason::Invalid, sentence).at(path));
    }
    let level = match Durability::try_from(durability) {
        Ok(Durability::Unspecified | Durability::Fsync) => return Ok(arguments),
        Ok(Durability::Os) => durability::Durability::Os,
        Ok(Durability::Memory) => durability::Durability::Memory,
        Err(_) => {
            let sentence = format!("there is no durability of number {durability}");
            return Err(Failure::new(v1::Reason::Invalid, sentence).at("durability"));
        }
    };
    let level = Value::Text(level.name().to_owned());
    arguments.insert(argument.to_owned(), level);
    Ok(arguments)
}

/// The level and the other arguments, as the contract has them.
fn without_durability(mut arguments: Arguments) -> (Durability, Arguments) {
    let level = match durability::Durability::of(&arguments) {
        durability::Durability::Fsync => Durability::Fsync,
        durability::Durability::Os => Durability::Os,
        durability::Durability::Memory => Durability::Memory,
    };
    arguments.remove(durability::ARGUMENT);
    (level, arguments)
}

fn shown(queue: QueueStatus) -> Queue {
    let QueueStatus {
        definition,
        policies,
        stats,
    } = queue;
    let spec = definition.value;
    let (durability, arguments) = without_durability(spec.arguments);
    Queue {
        vhost: spec.vhost,
        name: spec.name,
        durable: spec.durable,
        auto_delete: spec.auto_delete,
        arguments: Some(to_contract(&arguments)),
        durability: durability.into(),
        generation: definition.generation,
        exclusive: spec.exclusive,
        depth: Some(QueueDepth {
            ready: stats.ready,
            unsettled: stats.unsettled,
            consumers: stats.consumers,
        }),
        policies: Some(applied(policies)),
    }
}
