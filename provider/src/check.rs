//! Plans that the agent looks at: whether it would take an object, told before anything is applied.
//!
//! What cannot be asked is no reason to stop planning: an agent that cannot be reached is a warning,
//! and a broker or virtual host that is not there yet, or that this plan makes, is nothing at all.

use std::future::Future;

use agent_api::v1::Reason;
use agent_api::{Client, Error};
use tfplugin_rs::prelude::*;
use tonic::{Response, Status};

use crate::agents::Agents;
use crate::failure::{CallError, Doing, capitalised};
use crate::object::ObjectId;

/// What an agent says that checks objects without making them. One that does not know the field of
/// the request would make the object.
const FEATURE: &str = "check_only";

/// Whether there is something to check: an object that comes or changes, in surroundings that are
/// there already.
pub(crate) fn is_due(id: &impl ObjectId, plan: &ResourcePlan, agents: &Agents) -> bool {
    let comes = matches!(
        plan.action(),
        ResourceAction::Create | ResourceAction::Replace | ResourceAction::Update
    );
    comes && !agents.renewals().renews(id)
}

/// Sends a request that checks and changes nothing.
pub(crate) async fn ask<R, T, F>(
    id: &impl ObjectId,
    cx: &mut Context<Agents>,
    request: R,
    send: impl Fn(Client, R) -> F,
) -> Result<()>
where
    R: Clone,
    F: Future<Output = Result<Response<T>, Status>>,
{
    let agents = cx.shared_data();
    let asked = match agents.of(id.broker()).await {
        Ok(agent) if agent.info().features.iter().any(|it| it == FEATURE) => {
            let asked = agents.ask(id.broker(), request, send).await;
            asked.map(drop)
        }
        Ok(_) => return Ok(()),
        Err(error) => Err(error),
    };
    let Err(error) = asked else { return Ok(()) };
    let task = id.task(Doing::Create);
    match &error {
        CallError::Call(Error::Rpc(failure)) => match failure.reason {
            Reason::Invalid | Reason::Unsupported => Err(task.failed(&error).into()),
            _ => Ok(()),
        },
        _ => {
            task.warn_unchecked(&error, "whether the broker takes it as it is", cx);
            Ok(())
        }
    }
}

/// Warns of an attribute that names an object which is not there, as looking for it has shown. No
/// more than that: the same configuration may make it, planned later because nothing refers to it.
pub(crate) fn found<T, Id: ObjectId>(
    id: &Id,
    fetched: Result<T, CallError>,
    attribute: &'static str,
    cx: &mut Context<Agents>,
) {
    let Err(error) = fetched else { return };
    let task = id.task(Doing::Read);
    match error.failure() {
        None => {
            task.warn_unchecked(&error, "whether what it names is there", cx);
        }
        // What is around it may still be made; that it is missing the agent says when it comes to it.
        Some(failure) if failure.object_kind != Id::KIND.noun() => {}
        Some(failure) if failure.reason != Reason::NotFound => {}
        // This plan makes it.
        Some(_) if cx.data().renewals().makes(id) => {}
        Some(failure) => {
            let (name, noun) = (id.name(), Id::KIND.noun());
            let detail = format!(
                "There is no {noun} {name:?}. If this configuration makes it, refer to it, so that it \
                 is there before: {attribute} = ferrymq_{noun}.NAME.name. Without that the apply \
                 fails unless it happens to come first."
            );
            let summary = format!("{} not found", capitalised(&failure.object_kind));
            cx.push(Diagnostic::warning(summary, detail).at(attribute));
        }
    }
}
