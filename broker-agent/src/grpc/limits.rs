//! `LimitsService`: limits of single users and virtual hosts.

use agent_api::Failure;
use agent_api::v1::limited::Kind;
use agent_api::v1::limits_service_server::LimitsService;
use agent_api::v1::{
    self, DeleteLimitsRequest, DeleteLimitsResponse, GetLimitsRequest, Limits, ListLimitsRequest,
    ListLimitsResponse, PutLimitsRequest,
};
use broker_core::admin::Admin;
use broker_core::definitions::{Limited, LimitsSpec, Stored};
use broker_core::refusal::{Reason, Refusal};
use tonic::{Request, Response};
use tracing::info;

use super::paging::page;
use super::refusal::{Subject, lacks};
use super::{Agent, Answer, durable, expect, missing, required, settled, token};
use crate::logs::audit::about;

#[tonic::async_trait]
impl LimitsService for Agent {
    async fn get_limits(&self, request: Request<GetLimitsRequest>) -> Answer<Limits> {
        let request = request.into_inner();
        let of = limited(request.of)?;
        let (_, host) = self.engine(&request.broker).await?;
        let found = host.admin().limits(&of);
        let found = found.map_err(|refusal| subject(&of).refused(&refusal))?;
        Ok(Response::new(shown(found)))
    }

    async fn list_limits(&self, request: Request<ListLimitsRequest>) -> Answer<ListLimitsResponse> {
        let request = request.into_inner();
        let (_, host) = self.engine(&request.broker).await?;
        let found = host.admin().all_limits().into_iter();
        let found = found
            .map(|stored| (key(&stored.value.of), stored))
            .collect();
        let page = page(found, request.page_size, &request.page_token, shown)?;
        let (limits, next_page_token) = (page.objects, page.next);
        Ok(Response::new(ListLimitsResponse {
            limits,
            next_page_token,
        }))
    }

    async fn put_limits(&self, request: Request<PutLimitsRequest>) -> Answer<Limits> {
        let request = request.into_inner();
        let token = token(&request.idempotency_token)?;
        let expect = expect(request.expect);
        let asked = required(request.limits, "limits")?;
        about(&request.broker, format!("limits of {:?}", asked.of));
        let spec = LimitsSpec {
            of: limited(asked.of)?,
            max_connections: asked.max_connections,
            max_channels: asked.max_channels,
            max_queues: asked.max_queues,
        };
        let (_, host) = self.engine(&request.broker).await?;
        let admin = host.admin();
        let existing = || admin.limits(&spec.of).ok();
        let changed = host.tokens().create(
            token,
            &format!("limits {:?}", spec.of),
            || admin.put_limits(&spec, expect),
            || existing().filter(|existing| existing.value == spec),
        );
        let changed = changed.map_err(|refusal| {
            let generation = existing().map(|existing| existing.generation);
            let failure = subject(&spec.of).not_put(&refusal, expect, generation);
            of_missing_end(admin, &spec.of, &refusal, failure)
        })?;
        let object = settled(&host, changed).await?;
        info!(broker = request.broker, of = ?spec.of, "limits put");
        Ok(Response::new(shown(object)))
    }

    async fn delete_limits(
        &self,
        request: Request<DeleteLimitsRequest>,
    ) -> Answer<DeleteLimitsResponse> {
        let request = request.into_inner();
        about(&request.broker, format!("limits of {:?}", request.of));
        let of = limited(request.of)?;
        let expect = expect(request.expect);
        let (_, host) = self.engine(&request.broker).await?;
        let deleted = host.admin().delete_limits(&of, expect);
        let lsn = deleted.map_err(|refusal| {
            let existing = host.admin().limits(&of).ok();
            subject(&of).not_deleted(&refusal, existing.map(|existing| existing.generation))
        })?;
        durable(&host, lsn).await?;
        info!(broker = request.broker, ?of, "limits deleted");
        Ok(Response::new(DeleteLimitsResponse {}))
    }
}

fn subject(of: &Limited) -> Subject<'_> {
    let (Limited::User(name) | Limited::Vhost(name)) = of;
    Subject::new("limits", name)
}

fn key(of: &Limited) -> Vec<String> {
    let (kind, name) = match of {
        Limited::User(name) => ("user", name),
        Limited::Vhost(name) => ("vhost", name),
    };
    vec![kind.to_owned(), name.clone()]
}

fn limited(of: Option<v1::Limited>) -> Result<Limited, Failure> {
    match of.and_then(|of| of.kind) {
        Some(Kind::User(name)) => Ok(Limited::User(name)),
        Some(Kind::Vhost(name)) => Ok(Limited::Vhost(name)),
        None => Err(missing("of")),
    }
}

/// Limits need whom they are for.
fn of_missing_end(admin: &Admin, of: &Limited, refusal: &Refusal, failure: Failure) -> Failure {
    match of {
        _ if refusal.reason != Reason::NotFound => failure,
        Limited::User(name) if admin.user(name).is_err() => lacks(failure, "user", "user", name),
        Limited::Vhost(name) if admin.vhost(name).is_err() => {
            lacks(failure, "vhost", "vhost", name)
        }
        Limited::User(_) | Limited::Vhost(_) => failure,
    }
}

fn shown(stored: Stored<LimitsSpec>) -> Limits {
    let spec = stored.value;
    let kind = match spec.of {
        Limited::User(name) => Kind::User(name),
        Limited::Vhost(name) => Kind::Vhost(name),
    };
    Limits {
        of: Some(v1::Limited { kind: Some(kind) }),
        max_connections: spec.max_connections,
        max_channels: spec.max_channels,
        max_queues: spec.max_queues,
        generation: stored.generation,
    }
}
