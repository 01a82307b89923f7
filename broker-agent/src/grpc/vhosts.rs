//! `Vhosts`: virtual hosts of a broker.

use agent_api::Failure;
use agent_api::v1::vhosts_server::Vhosts;
use agent_api::v1::{
    DeleteVhostRequest, DeleteVhostResponse, GetVhostRequest, ListVhostsRequest,
    ListVhostsResponse, PutVhostRequest, Reason, Vhost,
};
use broker_core::admin::DeleteIf;
use broker_core::definitions::{Stored, VhostSpec};
use broker_core::refusal::{self, Refusal};
use tonic::{Request, Response};
use tracing::info;

use super::paging::page;
use super::refusal::Subject;
use super::{Agent, Answer, durable, expect, required, settled, token};
use crate::logs::audit::about;
use crate::totals::Totals;

#[tonic::async_trait]
impl Vhosts for Agent {
    async fn get_vhost(&self, request: Request<GetVhostRequest>) -> Answer<Vhost> {
        let GetVhostRequest { broker, name } = request.into_inner();
        let (_, host) = self.engine(&broker).await?;
        let found = host.admin().vhost(&name);
        let found = found.map_err(|refusal| subject(&name).refused(&refusal))?;
        Ok(Response::new(shown(found)))
    }

    async fn list_vhosts(&self, request: Request<ListVhostsRequest>) -> Answer<ListVhostsResponse> {
        let request = request.into_inner();
        let (_, host) = self.engine(&request.broker).await?;
        let found = host.admin().vhosts().into_iter();
        let found = found
            .map(|vhost| (vec![vhost.value.name.clone()], vhost))
            .collect();
        let page = page(found, request.page_size, &request.page_token, shown)?;
        let (vhosts, next_page_token) = (page.objects, page.next);
        Ok(Response::new(ListVhostsResponse {
            vhosts,
            next_page_token,
        }))
    }

    async fn put_vhost(&self, request: Request<PutVhostRequest>) -> Answer<Vhost> {
        let request = request.into_inner();
        let token = token(&request.idempotency_token)?;
        let expect = expect(request.expect);
        let spec = spec(required(request.vhost, "vhost")?)?;
        about(&request.broker, format!("vhost {:?}", spec.name));
        let (_, host) = self.engine(&request.broker).await?;
        let admin = host.admin();
        let existing = || admin.vhost(&spec.name).ok();
        let changed = host.tokens().create(
            token,
            &format!("vhost {:?}", spec.name),
            || admin.put_vhost(&spec, expect),
            || existing().filter(|existing| existing.value == spec),
        );
        let changed = changed.map_err(|refusal| {
            let generation = existing().map(|existing| existing.generation);
            subject(&spec.name).not_put(&refusal, expect, generation)
        })?;
        let object = settled(&host, changed).await?;
        info!(
            broker = request.broker,
            vhost = spec.name,
            "virtual host put"
        );
        Ok(Response::new(shown(object)))
    }

    async fn delete_vhost(
        &self,
        request: Request<DeleteVhostRequest>,
    ) -> Answer<DeleteVhostResponse> {
        let DeleteVhostRequest {
            broker,
            name,
            expect: state,
            force,
        } = request.into_inner();
        about(&broker, format!("vhost {name:?}"));
        let expect = expect(state);
        let (_, host) = self.engine(&broker).await?;
        let admin = host.admin();
        let only_if = DeleteIf {
            unused: false,
            empty: !force,
        };
        let deleted = admin.delete_vhost(&name, expect, only_if);
        let lsn = deleted.map_err(|refusal| {
            let existing = admin.vhost(&name).ok();
            let generation = existing.map(|existing| existing.generation);
            let failure = subject(&name).not_deleted(&refusal, generation);
            counted(failure, &refusal, Totals::of_vhost(admin, &name))
        })?;
        durable(&host, lsn).await?;
        info!(broker, vhost = name, force, "virtual host deleted");
        Ok(Response::new(DeleteVhostResponse {}))
    }
}

fn subject(name: &str) -> Subject<'_> {
    Subject::new("vhost", name)
}

fn spec(asked: Vhost) -> Result<VhostSpec, Failure> {
    check_description(&asked.name, &asked.description)?;
    Ok(VhostSpec {
        name: asked.name,
        description: asked.description,
        tags: asked.tags.into_iter().collect(),
        default_queue_type: Some(asked.default_queue_type).filter(|kind| !kind.is_empty()),
        protected: asked.deletion_protection,
    })
}

fn shown(vhost: Stored<VhostSpec>) -> Vhost {
    let spec = vhost.value;
    Vhost {
        name: spec.name,
        description: spec.description,
        tags: spec.tags.into_iter().collect(),
        default_queue_type: spec.default_queue_type.unwrap_or_default(),
        deletion_protection: spec.protected,
        generation: vhost.generation,
    }
}

fn check_description(name: &str, description: &str) -> Result<(), Failure> {
    const DESCRIPTION_MAX_BYTES: usize = 1024;
    if description.len() <= DESCRIPTION_MAX_BYTES {
        return Ok(());
    }
    let sentence = format!(
        "the description has {} bytes, at most {DESCRIPTION_MAX_BYTES} are allowed",
        description.len()
    );
    let failure = Failure::new(Reason::Invalid, sentence).at("description");
    Err(failure.of("vhost", name))
}

/// Adds the counts to a refusal over messages. They are read after the refusal, so a consumer may
/// have taken some; the engine's sentence has the number that decided.
fn counted(failure: Failure, refusal: &Refusal, totals: Totals) -> Failure {
    if refusal.reason == refusal::Reason::NotEmpty {
        failure.holding(totals.messages().max(1), totals.consumers)
    } else {
        failure
    }
}
