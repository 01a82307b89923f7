//! Ephemeral resources: opened, renewed, closed.

use tfplugin_rs::proto::tfplugin6 as proto;
use tfplugin_rs::value::Type;
use tonic::Status;

use crate::answer::Answer;
use crate::call::{Call, Rpc, Slot};
use crate::codec::read;
use crate::schema::World;
use crate::send::{Client, capabilities, value};

/// Sends a call about an ephemeral resource.
pub(crate) async fn send(
    client: &mut Client,
    world: &World,
    call: &Call,
) -> Result<Answer, Status> {
    let type_name = call.subject.clone();
    let private = (!call.private.is_empty()).then(|| call.private.clone().into());
    let mut answer = Answer::default();
    match call.rpc {
        Rpc::OpenEphemeral => {
            let request = proto::open_ephemeral_resource::Request {
                type_name,
                config: value(call, Slot::Config),
                client_capabilities: capabilities(call),
            };
            let response = client.open_ephemeral_resource(request).await?.into_inner();
            let kind = world.ephemeral.get(&call.subject);
            let ty = kind.map_or(&Type::Dynamic, |kind| &kind.ty);
            let result = read(response.result.as_ref(), ty);
            answer.values.insert("result", result);
            answer.renew_at = response.renew_at.map(|time| time.seconds);
            answer.take_private(&response.private.unwrap_or_default());
            answer.take_deferred(response.deferred);
            answer.take_diagnostics(response.diagnostics);
        }
        Rpc::RenewEphemeral => {
            let request = proto::renew_ephemeral_resource::Request { type_name, private };
            let response = client.renew_ephemeral_resource(request).await?.into_inner();
            answer.renew_at = response.renew_at.map(|time| time.seconds);
            answer.take_private(&response.private.unwrap_or_default());
            answer.take_diagnostics(response.diagnostics);
        }
        _ => {
            let request = proto::close_ephemeral_resource::Request { type_name, private };
            let response = client.close_ephemeral_resource(request).await?.into_inner();
            answer.take_diagnostics(response.diagnostics);
        }
    }
    Ok(answer)
}
