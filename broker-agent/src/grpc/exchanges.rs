//! `Exchanges`: exchanges of a virtual host.

use agent_api::Failure;
use agent_api::v1::exchanges_server::Exchanges;
use agent_api::v1::{
    DeleteExchangeRequest, DeleteExchangeResponse, Exchange, GetExchangeRequest,
    ListExchangesRequest, ListExchangesResponse, PutExchangeRequest, Reason,
};
use broker_core::admin::{Admin, DeleteIf};
use broker_core::definitions::{ExchangeKind, ExchangeSpec, Stored};
use broker_core::refusal;
use tonic::{Request, Response};
use tracing::info;

use super::arguments::{to_contract, to_engine};
use super::paging::page;
use super::policies::applied;
use super::refusal::{Subject, in_vhost};
use super::{Agent, Answer, durable, expect, required, settled, token, vhosts_of};
use crate::logs::audit::{about, nothing_changes};

#[tonic::async_trait]
impl Exchanges for Agent {
    async fn get_exchange(&self, request: Request<GetExchangeRequest>) -> Answer<Exchange> {
        let GetExchangeRequest {
            broker,
            vhost,
            name,
        } = request.into_inner();
        let (_, host) = self.engine(&broker).await?;
        let found = host.admin().exchange(&vhost, &name).map_err(|refusal| {
            in_vhost(
                host.admin(),
                &vhost,
                &refusal,
                subject(&name).refused(&refusal),
            )
        })?;
        Ok(Response::new(shown(host.admin(), found)))
    }

    async fn list_exchanges(
        &self,
        request: Request<ListExchangesRequest>,
    ) -> Answer<ListExchangesResponse> {
        let request = request.into_inner();
        let (_, host) = self.engine(&request.broker).await?;
        let found = vhosts_of(host.admin(), &request.vhost, |admin, vhost| {
            admin.exchanges(vhost)
        })?;
        let key = |spec: &ExchangeSpec| vec![spec.vhost.clone(), spec.name.clone()];
        let found = found
            .into_iter()
            .map(|exchange| (key(&exchange.value), exchange))
            .collect();
        let page = page(found, request.page_size, &request.page_token, |exchange| {
            shown(host.admin(), exchange)
        })?;
        let (exchanges, next_page_token) = (page.objects, page.next);
        Ok(Response::new(ListExchangesResponse {
            exchanges,
            next_page_token,
        }))
    }

    async fn put_exchange(&self, request: Request<PutExchangeRequest>) -> Answer<Exchange> {
        let request = request.into_inner();
        let token = token(&request.idempotency_token)?;
        let expect = expect(request.expect);
        let spec = spec(required(request.exchange, "exchange")?)?;
        let object = format!("exchange {:?} in {:?}", spec.name, spec.vhost);
        about(&request.broker, object);
        let (_, host) = self.engine(&request.broker).await?;
        let admin = host.admin();
        if request.check_only {
            nothing_changes();
            let checked = admin.check_exchange(&spec);
            checked.map_err(|refusal| subject(&spec.name).refused(&refusal))?;
            let asked = Stored {
                value: spec,
                generation: 0,
            };
            return Ok(Response::new(shown(admin, asked)));
        }
        let existing = || admin.exchange(&spec.vhost, &spec.name).ok();
        let changed = host.tokens().create(
            token,
            &format!("exchange {:?} {:?}", spec.vhost, spec.name),
            || admin.put_exchange(&spec, expect),
            || existing().filter(|existing| existing.value == spec),
        );
        let changed = changed.map_err(|refusal| {
            let generation = existing().map(|existing| existing.generation);
            let failure = subject(&spec.name).not_put(&refusal, expect, generation);
            in_vhost(admin, &spec.vhost, &refusal, failure)
        })?;
        let object = settled(&host, changed).await?;
        info!(
            broker = request.broker,
            vhost = spec.vhost,
            exchange = spec.name,
            "exchange put"
        );
        Ok(Response::new(shown(admin, object)))
    }

    async fn delete_exchange(
        &self,
        request: Request<DeleteExchangeRequest>,
    ) -> Answer<DeleteExchangeResponse> {
        let DeleteExchangeRequest {
            broker,
            vhost,
            name,
            expect: state,
            force,
        } = request.into_inner();
        about(&broker, format!("exchange {name:?} in {vhost:?}"));
        let expect = expect(state);
        let (_, host) = self.engine(&broker).await?;
        let admin = host.admin();
        let only_if = DeleteIf {
            unused: false,
            empty: !force,
        };
        let deleted = admin.delete_exchange(&vhost, &name, expect, only_if);
        let lsn = deleted.map_err(|refusal| {
            let existing = admin
                .exchange(&vhost, &name)
                .ok()
                .map(|existing| existing.generation);
            let failure = subject(&name).not_deleted(&refusal, existing);
            let failure = in_vhost(admin, &vhost, &refusal, failure);
            if refusal.reason != refusal::Reason::NotEmpty {
                return failure;
            }
            // Read after the refusal: some may have gone on since.
            let kept = admin.delayed(&vhost, &name).unwrap_or_default();
            failure.holding(kept.max(1), 0)
        })?;
        durable(&host, lsn).await?;
        info!(broker, vhost, exchange = name, "exchange deleted");
        Ok(Response::new(DeleteExchangeResponse {}))
    }
}

fn subject(name: &str) -> Subject<'_> {
    Subject::new("exchange", name)
}

fn spec(asked: Exchange) -> Result<ExchangeSpec, Failure> {
    let kind = ExchangeKind::parse(&asked.r#type).ok_or_else(|| {
        let offered = super::exchange_types().join(", ");
        let sentence = format!(
            "exchange type {:?} is not known to this agent; it offers: {offered}",
            asked.r#type
        );
        Failure::new(Reason::Invalid, sentence)
            .at("type")
            .of("exchange", &asked.name)
    })?;
    Ok(ExchangeSpec {
        vhost: asked.vhost,
        name: asked.name,
        kind,
        durable: asked.durable,
        auto_delete: asked.auto_delete,
        internal: asked.internal,
        arguments: to_engine(asked.arguments)?,
    })
}

fn shown(admin: &Admin, exchange: Stored<ExchangeSpec>) -> Exchange {
    let spec = exchange.value;
    // One that went away in between has none.
    let policies = admin.exchange_policies(&spec.vhost, &spec.name);
    let delayed = admin.delayed(&spec.vhost, &spec.name);
    Exchange {
        vhost: spec.vhost,
        name: spec.name,
        r#type: spec.kind.name().to_owned(),
        durable: spec.durable,
        auto_delete: spec.auto_delete,
        internal: spec.internal,
        arguments: Some(to_contract(&spec.arguments)),
        generation: exchange.generation,
        policies: Some(applied(policies.unwrap_or_default())),
        delayed_messages: delayed.unwrap_or_default(),
    }
}
