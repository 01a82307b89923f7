//! Calls as messages of the protocol, and answers out of them.

use tfplugin_rs::proto::tfplugin6 as proto;
use tfplugin_rs::proto::tfplugin6::provider_client::ProviderClient;
use tfplugin_rs::proto::tfplugin6::{ClientCapabilities, DynamicValue, RawState};
use tfplugin_rs::value::Type;
use tonic::Status;
use tonic::transport::Channel;

use crate::answer::{Answer, path};
use crate::call::{Call, Rpc, Slot};
use crate::codec::{read, write};
use crate::ephemeral;
use crate::identified;
use crate::schema::World;
use crate::term::Term;

/// The version that the driver says it is.
const TERRAFORM: &str = "1.14.0";

/// Sends `call` and reads the answer by the types of `world`.
pub(crate) async fn send(
    client: &mut ProviderClient<Channel>,
    world: &World,
    call: &Call,
) -> Answer {
    let answer = match call.rpc {
        Rpc::Apply => apply(client, world, call).await,
        Rpc::CallFunction => function(client, world, call).await,
        Rpc::Import => import(client, world, call).await,
        Rpc::GenerateConfig => identified::generate(client, world, call).await,
        Rpc::List => identified::list(client, world, call).await,
        Rpc::Move => adopt(client, world, call).await,
        Rpc::Plan => plan(client, world, call).await,
        Rpc::Read => refresh(client, world, call).await,
        Rpc::ReadData => read_data(client, world, call).await,
        Rpc::Upgrade => upgrade(client, world, call).await,
        Rpc::UpgradeIdentity => identified::upgrade(client, world, call).await,
        Rpc::CloseEphemeral | Rpc::OpenEphemeral | Rpc::RenewEphemeral => {
            ephemeral::send(client, world, call).await
        }
        Rpc::InvokeAction => invoke(client, call).await,
        Rpc::Configure
        | Rpc::PlanAction
        | Rpc::ValidateAction
        | Rpc::ValidateData
        | Rpc::ValidateEphemeral
        | Rpc::ValidateList
        | Rpc::ValidateProvider
        | Rpc::ValidateResource => check(client, call).await,
    };
    answer.unwrap_or_else(|status| Answer {
        status: Some(format!("{:?}", status.code())),
        texts: vec![status.message().to_owned()],
        ..Answer::default()
    })
}

pub(crate) fn capabilities(call: &Call) -> Option<ClientCapabilities> {
    Some(ClientCapabilities {
        write_only_attributes_allowed: call.knows_write_only,
        deferral_allowed: call.may_defer,
    })
}

pub(crate) fn value(call: &Call, slot: Slot) -> Option<DynamicValue> {
    Some(write(call.value(slot)))
}

/// What the module says to the provider, if it says anything.
fn meta(call: &Call) -> Option<DynamicValue> {
    call.given(Slot::Meta).map(write)
}

/// The type of a resource's states; of an unknown resource any.
pub(crate) fn resource_type<'a>(world: &'a World, name: &str) -> &'a Type {
    world
        .resources
        .get(name)
        .map_or(&Type::Dynamic, |kind| &kind.ty)
}

pub(crate) type Client = ProviderClient<Channel>;

async fn plan(client: &mut Client, world: &World, call: &Call) -> Result<Answer, Status> {
    let request = proto::plan_resource_change::Request {
        type_name: call.subject.clone(),
        prior_state: value(call, Slot::Prior),
        proposed_new_state: value(call, Slot::Proposed),
        config: value(call, Slot::Config),
        prior_private: call.private.clone().into(),
        client_capabilities: capabilities(call),
        prior_identity: identified::sent(call),
        provider_meta: meta(call),
    };
    let response = client.plan_resource_change(request).await?.into_inner();
    let ty = resource_type(world, &call.subject);
    let mut answer = Answer::default();
    answer
        .values
        .insert("planned", read(response.planned_state.as_ref(), ty));
    answer.requires_replace = response.requires_replace.iter().map(path).collect();
    let identity = response.planned_identity.as_ref();
    identified::take(&mut answer, world, call, identity);
    answer.take_private(&response.planned_private);
    answer.take_deferred(response.deferred);
    answer.take_diagnostics(response.diagnostics);
    Ok(answer)
}

async fn apply(client: &mut Client, world: &World, call: &Call) -> Result<Answer, Status> {
    let request = proto::apply_resource_change::Request {
        type_name: call.subject.clone(),
        prior_state: value(call, Slot::Prior),
        planned_state: value(call, Slot::Planned),
        config: value(call, Slot::Config),
        planned_private: call.private.clone().into(),
        planned_identity: identified::sent(call),
        provider_meta: meta(call),
    };
    let response = client.apply_resource_change(request).await?.into_inner();
    let ty = resource_type(world, &call.subject);
    let mut answer = Answer::default();
    answer
        .values
        .insert("state", read(response.new_state.as_ref(), ty));
    let identity = response.new_identity.as_ref();
    identified::take(&mut answer, world, call, identity);
    answer.take_private(&response.private);
    answer.take_diagnostics(response.diagnostics);
    Ok(answer)
}

async fn refresh(client: &mut Client, world: &World, call: &Call) -> Result<Answer, Status> {
    let request = proto::read_resource::Request {
        type_name: call.subject.clone(),
        current_state: value(call, Slot::State),
        private: call.private.clone().into(),
        client_capabilities: capabilities(call),
        current_identity: identified::sent(call),
        provider_meta: meta(call),
    };
    let response = client.read_resource(request).await?.into_inner();
    let ty = resource_type(world, &call.subject);
    let mut answer = Answer::default();
    answer
        .values
        .insert("state", read(response.new_state.as_ref(), ty));
    let identity = response.new_identity.as_ref();
    identified::take(&mut answer, world, call, identity);
    answer.take_private(&response.private);
    answer.take_deferred(response.deferred);
    answer.take_diagnostics(response.diagnostics);
    Ok(answer)
}

pub(crate) fn raw(json: &str) -> Option<RawState> {
    Some(RawState {
        json: json.to_owned().into_bytes().into(),
        ..Default::default()
    })
}

async fn upgrade(client: &mut Client, world: &World, call: &Call) -> Result<Answer, Status> {
    let request = proto::upgrade_resource_state::Request {
        type_name: call.subject.clone(),
        version: call.version,
        raw_state: raw(&call.text),
    };
    let response = client.upgrade_resource_state(request).await?.into_inner();
    let ty = resource_type(world, &call.subject);
    let mut answer = Answer::default();
    answer
        .values
        .insert("state", read(response.upgraded_state.as_ref(), ty));
    answer.take_diagnostics(response.diagnostics);
    Ok(answer)
}

async fn adopt(client: &mut Client, world: &World, call: &Call) -> Result<Answer, Status> {
    let request = proto::move_resource_state::Request {
        source_provider_address: "example.com/other/other".to_owned(),
        source_type_name: call.source.clone(),
        source_schema_version: call.version,
        source_state: raw(&call.text),
        target_type_name: call.subject.clone(),
        source_private: call.private.clone().into(),
        source_identity: raw(&call.source_identity).filter(|_| !call.source_identity.is_empty()),
        source_identity_schema_version: 0,
    };
    let response = client.move_resource_state(request).await?.into_inner();
    let ty = resource_type(world, &call.subject);
    let mut answer = Answer::default();
    answer
        .values
        .insert("state", read(response.target_state.as_ref(), ty));
    let identity = response.target_identity.as_ref();
    identified::take(&mut answer, world, call, identity);
    answer.take_private(&response.target_private);
    answer.take_diagnostics(response.diagnostics);
    Ok(answer)
}

async fn import(client: &mut Client, world: &World, call: &Call) -> Result<Answer, Status> {
    let request = proto::import_resource_state::Request {
        type_name: call.subject.clone(),
        id: call.text.clone(),
        client_capabilities: capabilities(call),
        identity: identified::sent(call),
    };
    let response = client.import_resource_state(request).await?.into_inner();
    let ty = resource_type(world, &call.subject);
    let mut answer = Answer::default();
    if let [imported] = response.imported_resources.as_slice() {
        let state = read(imported.state.as_ref(), ty);
        answer.values.insert("state", state);
        let name = Term::text(&imported.type_name);
        answer.values.insert("type", name);
        let identity = imported.identity.as_ref();
        identified::take(&mut answer, world, call, identity);
        answer.take_private(&imported.private);
    }
    answer.take_deferred(response.deferred);
    answer.take_diagnostics(response.diagnostics);
    Ok(answer)
}

async fn read_data(client: &mut Client, world: &World, call: &Call) -> Result<Answer, Status> {
    let request = proto::read_data_source::Request {
        type_name: call.subject.clone(),
        config: value(call, Slot::Config),
        client_capabilities: capabilities(call),
        provider_meta: meta(call),
    };
    let response = client.read_data_source(request).await?.into_inner();
    let kind = world.data_sources.get(&call.subject);
    let ty = kind.map_or(&Type::Dynamic, |kind| &kind.ty);
    let mut answer = Answer::default();
    answer
        .values
        .insert("state", read(response.state.as_ref(), ty));
    answer.take_deferred(response.deferred);
    answer.take_diagnostics(response.diagnostics);
    Ok(answer)
}

async fn function(client: &mut Client, world: &World, call: &Call) -> Result<Answer, Status> {
    let arguments = call.values.iter().map(|(_, value)| write(value));
    let request = proto::call_function::Request {
        name: call.subject.clone(),
        arguments: arguments.collect(),
    };
    let response = client.call_function(request).await?.into_inner();
    let signature = world.functions.get(&call.subject);
    let ty = signature.map_or(&Type::Dynamic, |signature| &signature.output);
    let mut answer = Answer::default();
    answer
        .values
        .insert("result", read(response.result.as_ref(), ty));
    if let Some(error) = response.error {
        answer.function_error = Some(error.function_argument.unwrap_or(-1));
        answer.texts.push(error.text);
    }
    Ok(answer)
}

async fn invoke(client: &mut Client, call: &Call) -> Result<Answer, Status> {
    use proto::invoke_action::event::Type as Event;
    let request = proto::invoke_action::Request {
        action_type: call.subject.clone(),
        config: value(call, Slot::Config),
        client_capabilities: capabilities(call),
    };
    let mut events = client.invoke_action(request).await?.into_inner();
    let mut answer = Answer::default();
    while let Some(event) = events.message().await? {
        match event.r#type {
            Some(Event::Progress(progress)) => answer.progress.push(progress.message),
            Some(Event::Completed(completed)) => {
                answer.progress.push("<completed>".to_owned());
                answer.take_diagnostics(completed.diagnostics);
            }
            None => answer.progress.push("<nothing>".to_owned()),
        }
    }
    Ok(answer)
}

async fn configure(client: &mut Client, call: &Call) -> Result<Vec<proto::Diagnostic>, Status> {
    let request = proto::configure_provider::Request {
        terraform_version: TERRAFORM.to_owned(),
        config: value(call, Slot::Config),
        client_capabilities: capabilities(call),
    };
    let response = client.configure_provider(request).await?;
    Ok(response.into_inner().diagnostics)
}

/// The calls that answer with diagnostics, and at most with a deferral.
async fn check(client: &mut Client, call: &Call) -> Result<Answer, Status> {
    let (type_name, config) = (call.subject.clone(), value(call, Slot::Config));
    let client_capabilities = capabilities(call);
    let mut deferred = None;
    let diagnostics = match call.rpc {
        Rpc::Configure => configure(client, call).await?,
        Rpc::ValidateData => {
            let request = proto::validate_data_resource_config::Request { type_name, config };
            let response = client.validate_data_resource_config(request).await?;
            response.into_inner().diagnostics
        }
        Rpc::PlanAction => {
            let request = proto::plan_action::Request {
                action_type: type_name,
                config,
                client_capabilities,
            };
            let response = client.plan_action(request).await?.into_inner();
            deferred = response.deferred;
            response.diagnostics
        }
        Rpc::ValidateAction => {
            let request = proto::validate_action_config::Request {
                action_type: type_name,
                config,
            };
            let response = client.validate_action_config(request).await?;
            response.into_inner().diagnostics
        }
        Rpc::ValidateEphemeral => {
            let request = proto::validate_ephemeral_resource_config::Request { type_name, config };
            let response = client.validate_ephemeral_resource_config(request).await?;
            response.into_inner().diagnostics
        }
        Rpc::ValidateList => {
            let request = proto::validate_list_resource_config::Request {
                type_name,
                config,
                ..Default::default()
            };
            let response = client.validate_list_resource_config(request).await?;
            response.into_inner().diagnostics
        }
        Rpc::ValidateProvider => {
            let request = proto::validate_provider_config::Request { config };
            let response = client.validate_provider_config(request).await?;
            response.into_inner().diagnostics
        }
        _ => {
            let request = proto::validate_resource_config::Request {
                type_name,
                config,
                client_capabilities,
            };
            let response = client.validate_resource_config(request).await?;
            response.into_inner().diagnostics
        }
    };
    let mut answer = Answer::default();
    answer.take_deferred(deferred);
    answer.take_diagnostics(diagnostics);
    Ok(answer)
}
