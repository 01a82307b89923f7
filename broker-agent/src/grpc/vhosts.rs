//! `Vhosts`: virtual hosts of a broker.

use agent_api::Failure;
use agent_api::v1::vhosts_server::Vhosts;
use agent_api::v1::{
    DeleteVhostRequest, DeleteVhostResponse, GetVhostRequest, ListVhostsRequest,
    ListVhostsResponse, PutVhostRequest, Reason, Vhost,
};
use broker_core::admin::{Admin, DeleteIf};
use broker_core::definitions::{Expect, Stored, VhostSpec};
use broker_core::refusal;
use tonic::{Request, Response};
use tracing::info;

use super::paging::page;
use super::refusal::Subject;
use super::{Agent, Answer, durable, expect, required, settled, token};
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
        let Vhost {
            name, description, ..
        } = required(request.vhost, "vhost")?;
        check_description(&name, &description)?;
        let (_, host) = self.engine(&request.broker).await?;
        let spec = VhostSpec { name, description };
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
        let expect = expect(state);
        let (_, host) = self.engine(&broker).await?;
        if !force && is_expected(host.admin(), &name, expect) {
            refuse_messages(&name, Totals::of_vhost(host.admin(), &name))?;
            delete_queues(host.admin(), &name)?;
        }
        let deleted = host.admin().delete_vhost(&name, expect);
        let lsn = deleted.map_err(|refusal| {
            let generation = host
                .admin()
                .vhost(&name)
                .ok()
                .map(|existing| existing.generation);
            subject(&name).not_deleted(&refusal, generation)
        })?;
        durable(&host, lsn).await?;
        info!(broker, vhost = name, force, "virtual host deleted");
        Ok(Response::new(DeleteVhostResponse {}))
    }
}

fn subject(name: &str) -> Subject<'_> {
    Subject::new("vhost", name)
}

fn shown(vhost: Stored<VhostSpec>) -> Vhost {
    let VhostSpec { name, description } = vhost.value;
    Vhost {
        name,
        description,
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

/// Whether the virtual host is there as the caller saw it; if not, the engine says what it is.
fn is_expected(admin: &Admin, name: &str, expect: Expect) -> bool {
    let found = admin.vhost(name).map(|vhost| vhost.generation);
    match expect {
        Expect::Any => found.is_ok(),
        Expect::Absent => false,
        Expect::Generation(generation) => found == Ok(generation),
    }
}

/// Deletes the queues, each in one step with the check that it is empty, until none is left. A
/// message that came after they were counted keeps its queue, and with it the virtual host.
fn delete_queues(admin: &Admin, name: &str) -> Result<(), Failure> {
    /// Clients may go on declaring while we delete.
    const ROUNDS: usize = 100;
    let only_if = DeleteIf {
        unused: false,
        empty: true,
    };
    for _ in 0..ROUNDS {
        let queues = admin.queues(name).unwrap_or_default();
        if queues.is_empty() {
            return Ok(());
        }
        for queue in queues {
            let queue = &queue.definition.value.name;
            match admin.delete_queue(name, queue, Expect::Any, only_if) {
                Err(refusal) if refusal.reason == refusal::Reason::NotEmpty => {
                    refuse_messages(name, Totals::of_vhost(admin, name))?;
                }
                Err(refusal) if refusal.reason != refusal::Reason::NotFound => {
                    return Err(subject(name).refused(&refusal));
                }
                _ => {}
            }
        }
    }
    let sentence = format!(
        "clients keep declaring queues in virtual host {name:?}; stop them first, or delete it with \
         force"
    );
    Err(Failure::new(Reason::InUse, sentence).of("vhost", name))
}

fn refuse_messages(name: &str, totals: Totals) -> Result<(), Failure> {
    let messages = totals.messages();
    if messages == 0 {
        return Ok(());
    }
    let sentence = format!(
        "virtual host {name:?} holds {messages} messages in its queues; consume or purge them \
         first, or delete it with force"
    );
    let failure = Failure::new(Reason::NotEmpty, sentence).of("vhost", name);
    Err(failure.holding(messages, totals.consumers))
}
