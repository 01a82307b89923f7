//! `Vhosts`: virtual hosts of a broker.

use agent_api::Failure;
use agent_api::v1::vhosts_server::Vhosts;
use agent_api::v1::{
    DeleteVhostRequest, DeleteVhostResponse, GetVhostRequest, ListVhostsRequest,
    ListVhostsResponse, PutVhostRequest, Reason, Vhost,
};
use broker_core::definitions::{Stored, VhostSpec};
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
        if !force {
            refuse_messages(&name, Totals::of_vhost(host.admin(), &name))?;
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
