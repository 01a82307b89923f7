//! Calls about identities and lists, and what identities look like in the others.

use tfplugin_rs::proto::tfplugin6 as proto;
use tfplugin_rs::proto::tfplugin6::ResourceIdentityData;
use tfplugin_rs::value::Type;
use tonic::Status;

use crate::answer::{Answer, Told, path};
use crate::call::{Call, Slot};
use crate::codec::{read, write};
use crate::schema::World;
use crate::send::{Client, raw, resource_type, value};
use crate::term::Term;

/// The identity that a call brings, if it brings one.
pub(crate) fn sent(call: &Call) -> Option<ResourceIdentityData> {
    let identity = call.given(Slot::Identity)?;
    Some(ResourceIdentityData {
        identity_data: Some(write(identity)),
    })
}

/// Notes the identity of an answer, of resources that have one.
pub(crate) fn take(
    answer: &mut Answer,
    world: &World,
    call: &Call,
    identity: Option<&ResourceIdentityData>,
) {
    if world.identities.contains_key(&call.subject) || identity.is_some() {
        let term = term(world, &call.subject, identity);
        answer.values.insert("identity", term);
    }
}

fn term(world: &World, name: &str, identity: Option<&ResourceIdentityData>) -> Term {
    let kind = world.identities.get(name);
    let ty = kind.map_or(&Type::Dynamic, |kind| &kind.ty);
    read(
        identity.and_then(|identity| identity.identity_data.as_ref()),
        ty,
    )
}

/// UpgradeResourceIdentity.
pub(crate) async fn upgrade(
    client: &mut Client,
    world: &World,
    call: &Call,
) -> Result<Answer, Status> {
    let request = proto::upgrade_resource_identity::Request {
        type_name: call.subject.clone(),
        version: call.version,
        raw_identity: raw(&call.text),
    };
    let response = client.upgrade_resource_identity(request).await?;
    let response = response.into_inner();
    let mut answer = Answer::default();
    take(
        &mut answer,
        world,
        call,
        response.upgraded_identity.as_ref(),
    );
    answer.take_diagnostics(response.diagnostics);
    Ok(answer)
}

/// ListResource: every event in its order.
pub(crate) async fn list(
    client: &mut Client,
    world: &World,
    call: &Call,
) -> Result<Answer, Status> {
    let request = proto::list_resource::Request {
        type_name: call.subject.clone(),
        config: value(call, Slot::Config),
        include_resource_object: call.wants_resource,
        limit: call.limit,
    };
    let mut stream = client.list_resource(request).await?.into_inner();
    let ty = resource_type(world, &call.subject);
    let mut answer = Answer::default();
    let mut events = Vec::new();
    while let Some(event) = stream.message().await? {
        let told = event.diagnostic.iter().map(|diagnostic| {
            let path = diagnostic.attribute.as_ref().map(path).unwrap_or_default();
            let is_error = diagnostic.severity() == proto::diagnostic::Severity::Error;
            Term::text(&Told { is_error, path }.to_string())
        });
        events.push(Term::object([
            ("diagnostics", Term::List(told.collect())),
            (
                "identity",
                term(world, &call.subject, event.identity.as_ref()),
            ),
            ("name", Term::text(&event.display_name)),
            ("resource", read(event.resource_object.as_ref(), ty)),
        ]));
        answer.take_diagnostics(event.diagnostic);
    }
    answer.values.insert("events", Term::List(events));
    Ok(answer)
}

/// GenerateResourceConfig.
pub(crate) async fn generate(
    client: &mut Client,
    world: &World,
    call: &Call,
) -> Result<Answer, Status> {
    let request = proto::generate_resource_config::Request {
        type_name: call.subject.clone(),
        state: value(call, Slot::State),
    };
    let response = client.generate_resource_config(request).await?;
    let response = response.into_inner();
    let ty = resource_type(world, &call.subject);
    let mut answer = Answer::default();
    answer
        .values
        .insert("config", read(response.config.as_ref(), ty));
    answer.take_diagnostics(response.diagnostics);
    Ok(answer)
}
