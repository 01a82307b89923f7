//! What all objects inside a broker do alike, whatever they are: made, read, followed to another
//! address, deleted, imported.
//!
//! A resource builds its requests and turns answers into its model; here is what lies between: the
//! call, the object's generation, and the diagnostic when it fails.

use std::future::Future;

use agent_api::{Client, v1};
use tfplugin_rs::prelude::*;
use tonic::{Response, Status};

use crate::agents::Agents;
use crate::failure::{self, CallError, Doing, Kind, Task};
use crate::generation;
use crate::id::BrokerId;
use crate::renewal::Attached;
use crate::resources::broker;

/// An object as the agent gives it out.
pub(crate) trait Stored {
    /// The number of its last change.
    fn generation(&self) -> u64;
}

/// The id of an object inside a broker.
pub(crate) trait ObjectId: Attached + Sync {
    /// What it identifies.
    const KIND: Kind;

    /// The broker around the object.
    fn broker(&self) -> &BrokerId;

    /// The object's name, as a person calls it.
    fn name(&self) -> &str;

    /// For messages.
    fn task(&self, doing: Doing) -> Task<'_>
    where
        Self: Sized,
    {
        Task {
            doing,
            kind: Self::KIND,
            name: self.name(),
            id: self,
        }
    }
}

/// Makes the object that `plan` describes: nothing of its name must be there yet.
pub(crate) async fn create<T: Stored, F>(
    id: &impl ObjectId,
    plan: &impl Model,
    cx: &mut Apply<Agents>,
    send: impl Fn(Client) -> F,
) -> Result<T>
where
    F: Future<Output = Result<Response<T>, Status>>,
{
    match cx.data().create(id.broker(), send).await {
        Ok(object) => {
            generation::made(cx, id, object.generation())?;
            Ok(object)
        }
        Err(error) => {
            let task = id.task(Doing::Create);
            Err(failure::creation_failed(&task, &error, plan, cx))
        }
    }
}

/// What became of reading the object; `None` when it is positively not there.
pub(crate) fn read<T: Stored>(
    id: &impl ObjectId,
    fetched: Result<T, CallError>,
    cx: &mut Context<Agents>,
) -> Result<Option<T>> {
    let object = failure::found(fetched).map_err(|error| id.task(Doing::Read).failed(&error))?;
    if let Some(object) = &object {
        generation::keep(cx, object.generation())?;
    }
    Ok(object)
}

/// An object that has to be there for what is being done.
pub(crate) fn found<T: Stored>(
    id: &impl ObjectId,
    doing: Doing,
    fetched: Result<T, CallError>,
    cx: &mut Context<Agents>,
) -> Result<T> {
    let object = present(id, doing, fetched)?;
    generation::keep(cx, object.generation())?;
    Ok(object)
}

/// The same, leaving the generation as it was last seen: for a look before a change.
pub(crate) fn present<T>(
    id: &impl ObjectId,
    doing: Doing,
    fetched: Result<T, CallError>,
) -> Result<T> {
    let task = id.task(doing);
    let object = failure::found(fetched).map_err(|error| task.failed(&error))?;
    Ok(object.ok_or_else(|| task.missing())?)
}

/// Looks for the object at the address its broker's agent has now, when it had another: the same
/// broker must be there, not one that only has its name.
pub(crate) async fn follow<T, F>(
    id: &impl ObjectId,
    prior: &BrokerId,
    fetch: impl FnOnce() -> F,
    cx: &Context<Agents>,
) -> Result<()>
where
    F: Future<Output = Result<T, CallError>>,
{
    if prior == id.broker() {
        return Ok(());
    }
    let before = broker::fetch(cx.data(), prior).await;
    let now = broker::fetch(cx.data(), id.broker()).await;
    // That the old address does not answer any more is what a move looks like; what is wrong with
    // the new one the next call says.
    if let (Ok(before), Ok(now)) = (before, now)
        && before.uid != now.uid
    {
        return Err(id.task(Doing::Update).namesake().into());
    }
    present(id, Doing::Update, fetch().await).map(drop)
}

/// Looks at an object of which an update sends nothing: what changes is kept by Terraform alone. It
/// has to be as it was last seen all the same, for the plan has promised what it is.
pub(crate) fn unchanged<T: Stored>(
    id: &impl ObjectId,
    fetched: Result<T, CallError>,
    cx: &Context<Agents>,
) -> Result<T> {
    let object = present(id, Doing::Update, fetched)?;
    let now = object.generation();
    match generation::seen(cx)? {
        Some(seen) if seen != now => Err(id.task(Doing::Update).overtaken(seen, now).into()),
        _ => Ok(object),
    }
}

/// Changes the object; the request says which generation it expects.
pub(crate) async fn update<R: Clone, T: Stored, F>(
    id: &impl ObjectId,
    cx: &mut Context<Agents>,
    request: R,
    send: impl Fn(Client, R) -> F,
) -> Result<T>
where
    F: Future<Output = Result<Response<T>, Status>>,
{
    let changed = cx.data().call(id.broker(), request, send).await;
    let object = changed.map_err(|error| id.task(Doing::Update).failed(&error))?;
    generation::keep(cx, object.generation())?;
    Ok(object)
}

/// Deletes the object; it may be gone already.
pub(crate) async fn delete<R: Clone, T, F>(
    id: &impl ObjectId,
    cx: &Context<Agents>,
    request: R,
    send: impl Fn(Client, R) -> F,
) -> Result<()>
where
    F: Future<Output = Result<Response<T>, Status>>,
{
    let deleted = cx.data().call(id.broker(), request, send).await;
    failure::gone(deleted).map_err(|error| id.task(Doing::Delete).failed(&error).into())
}

/// Every object of the contract carries its generation in a field of that name.
macro_rules! stored {
    ($($object:ident),+) => {
        $(impl Stored for v1::$object {
            fn generation(&self) -> u64 {
                self.generation
            }
        })+
    };
}

stored!(
    Binding,
    Broker,
    Exchange,
    Limits,
    Permission,
    Policy,
    Queue,
    TopicPermission,
    User,
    Vhost
);
