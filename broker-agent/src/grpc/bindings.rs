//! `Bindings`: the rules that join exchanges to queues and to each other.

use agent_api::Failure;
use agent_api::v1;
use agent_api::v1::bindings_server::Bindings;
use agent_api::v1::{
    Binding, DeleteBindingRequest, DeleteBindingResponse, DestinationType, GetBindingRequest,
    ListBindingsRequest, ListBindingsResponse, PutBindingRequest,
};
use broker_core::admin::Admin;
use broker_core::definitions::{BindingSpec, Endpoint, Stored};
use broker_core::refusal::{Reason, Refusal};
use tonic::{Request, Response};
use tracing::info;

use super::arguments::{to_contract, to_engine};
use super::paging::{Key, page};
use super::refusal::{Subject, in_vhost, lacks};
use super::{Agent, Answer, durable, expect, required, settled, token, vhosts_of};
use crate::logs::audit::about;

#[tonic::async_trait]
impl Bindings for Agent {
    async fn get_binding(&self, request: Request<GetBindingRequest>) -> Answer<Binding> {
        let GetBindingRequest { broker, binding } = request.into_inner();
        let spec = spec(required(binding, "binding")?)?;
        let (_, host) = self.engine(&broker).await?;
        let found = host.admin().binding(&spec).map_err(|refusal| {
            in_vhost(
                host.admin(),
                &spec.vhost,
                &refusal,
                subject(&name(&spec)).refused(&refusal),
            )
        })?;
        Ok(Response::new(shown(found)))
    }

    async fn list_bindings(
        &self,
        request: Request<ListBindingsRequest>,
    ) -> Answer<ListBindingsResponse> {
        let request = request.into_inner();
        let (_, host) = self.engine(&request.broker).await?;
        let found = vhosts_of(host.admin(), &request.vhost, |admin, vhost| {
            admin.bindings(vhost)
        })?;
        let wanted = |spec: &BindingSpec| {
            let (_, destination) = end(&spec.destination);
            request
                .source
                .as_ref()
                .is_none_or(|source| *source == spec.source)
                && request
                    .destination
                    .as_deref()
                    .is_none_or(|wanted| wanted == destination)
        };
        let found = found.into_iter().filter(|binding| wanted(&binding.value));
        let found = found
            .map(|binding| (key(&binding.value), binding))
            .collect();
        let page = page(found, request.page_size, &request.page_token, shown)?;
        let (bindings, next_page_token) = (page.objects, page.next);
        Ok(Response::new(ListBindingsResponse {
            bindings,
            next_page_token,
        }))
    }

    async fn put_binding(&self, request: Request<PutBindingRequest>) -> Answer<Binding> {
        let request = request.into_inner();
        let token = token(&request.idempotency_token)?;
        let expect = expect(request.expect);
        let spec = spec(required(request.binding, "binding")?)?;
        about(&request.broker, format!("binding {:?}", key(&spec)));
        let (_, host) = self.engine(&request.broker).await?;
        let admin = host.admin();
        let name = name(&spec);
        let existing = || admin.binding(&spec).ok();
        let changed = host.tokens().create(
            token,
            &format!("binding {:?}", key(&spec)),
            || admin.put_binding(&spec, expect),
            existing,
        );
        let changed = changed.map_err(|refusal| {
            let generation = existing().map(|existing| existing.generation);
            let failure = subject(&name).not_put(&refusal, expect, generation);
            of_missing_end(admin, &spec, &refusal, failure)
        })?;
        let object = settled(&host, changed).await?;
        info!(
            broker = request.broker,
            vhost = spec.vhost,
            binding = name,
            "binding put"
        );
        Ok(Response::new(shown(object)))
    }

    async fn delete_binding(
        &self,
        request: Request<DeleteBindingRequest>,
    ) -> Answer<DeleteBindingResponse> {
        let DeleteBindingRequest {
            broker,
            binding,
            expect: state,
        } = request.into_inner();
        let expect = expect(state);
        let spec = spec(required(binding, "binding")?)?;
        about(&broker, format!("binding {:?}", key(&spec)));
        let (_, host) = self.engine(&broker).await?;
        let (admin, name) = (host.admin(), name(&spec));
        let lsn = admin.delete_binding(&spec, expect).map_err(|refusal| {
            let generation = admin
                .binding(&spec)
                .ok()
                .map(|existing| existing.generation);
            let failure = subject(&name).not_deleted(&refusal, generation);
            in_vhost(admin, &spec.vhost, &refusal, failure)
        })?;
        durable(&host, lsn).await?;
        info!(
            broker,
            vhost = spec.vhost,
            binding = name,
            "binding deleted"
        );
        Ok(Response::new(DeleteBindingResponse {}))
    }
}

fn subject(name: &str) -> Subject<'_> {
    Subject::new("binding", name)
}

/// A binding's name for people.
fn name(spec: &BindingSpec) -> String {
    let (kind, destination) = end(&spec.destination);
    let kind = if kind == DestinationType::Queue {
        "queue"
    } else {
        "exchange"
    };
    format!(
        "{:?} to {kind} {destination:?} with key {:?}",
        spec.source, spec.routing_key
    )
}

fn key(spec: &BindingSpec) -> Key {
    let (kind, destination) = end(&spec.destination);
    vec![
        spec.vhost.clone(),
        spec.source.clone(),
        destination.to_owned(),
        kind.as_str_name().to_owned(),
        spec.routing_key.clone(),
        format!("{:?}", spec.arguments),
    ]
}

fn end(destination: &Endpoint) -> (DestinationType, &str) {
    match destination {
        Endpoint::Exchange(name) => (DestinationType::Exchange, name),
        Endpoint::Queue(name) => (DestinationType::Queue, name),
    }
}

/// A binding needs both of its ends; the failure says which is missing.
fn of_missing_end(
    admin: &Admin,
    spec: &BindingSpec,
    refusal: &Refusal,
    failure: Failure,
) -> Failure {
    let failure = in_vhost(admin, &spec.vhost, refusal, failure);
    if refusal.reason != Reason::NotFound || failure.object_kind == "vhost" {
        return failure;
    }
    if admin.exchange(&spec.vhost, &spec.source).is_err() {
        return lacks(failure, "source", "exchange", &spec.source);
    }
    match &spec.destination {
        Endpoint::Queue(name) if admin.queue(&spec.vhost, name).is_err() => {
            lacks(failure, "destination", "queue", name)
        }
        Endpoint::Exchange(name) if admin.exchange(&spec.vhost, name).is_err() => {
            lacks(failure, "destination", "exchange", name)
        }
        _ => failure,
    }
}

fn spec(asked: Binding) -> Result<BindingSpec, Failure> {
    for (field, name) in [
        ("source", &asked.source),
        ("destination", &asked.destination),
    ] {
        if name.is_empty() {
            let sentence = format!(
                "a binding's {field} is empty; name an exchange or a queue, for the default \
                 exchange reaches every queue by its name and takes no bindings"
            );
            let failure = Failure::new(v1::Reason::Invalid, sentence).at(field);
            return Err(failure.of("binding", ""));
        }
    }
    let destination = match asked.destination_type() {
        DestinationType::Exchange => Endpoint::Exchange(asked.destination),
        DestinationType::Queue => Endpoint::Queue(asked.destination),
        DestinationType::Unspecified => {
            let sentence = "a binding's destination_type is either queue or exchange";
            return Err(Failure::new(v1::Reason::Invalid, sentence).at("destination_type"));
        }
    };
    Ok(BindingSpec {
        vhost: asked.vhost,
        source: asked.source,
        destination,
        routing_key: asked.routing_key,
        arguments: to_engine(asked.arguments)?,
    })
}

fn shown(binding: Stored<BindingSpec>) -> Binding {
    let spec = binding.value;
    let (destination_type, destination) = end(&spec.destination);
    Binding {
        destination_type: destination_type.into(),
        destination: destination.to_owned(),
        vhost: spec.vhost,
        source: spec.source,
        routing_key: spec.routing_key,
        arguments: Some(to_contract(&spec.arguments)),
        generation: binding.generation,
    }
}
