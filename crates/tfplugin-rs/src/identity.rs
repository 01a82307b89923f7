//! [`Identified`]: resources that have an identity.

use std::future::Future;

use crate::context::Context;
use crate::diagnostics::{Diagnostic, Result};
use crate::model::Model;
use crate::resource::{RawState, Resource};

/// A resource with an identity: a few plain values that tell it from all others, however its state
/// may look. Terraform keeps it beside the state, imports by it (`import { identity = { … } }`) and
/// lists with it. Add such a resource with
/// [`Contents::identified_resource`](crate::Contents::identified_resource).
///
/// Callers without identities, Terraform before 1.12, notice nothing of it.
///
/// ```
/// # use tfplugin_rs::prelude::*;
/// # struct Api { region: String }
/// # #[derive(Model)]
/// # struct Queue { name: String }
/// # struct QueueResource;
/// # impl Resource for QueueResource {
/// #     const NAME: &'static str = "queue";
/// #     type Data = Api;
/// #     type Model = Queue;
/// #     async fn create(&self, plan: Queue, _: &mut Apply<Api>) -> Result<Queue> { Ok(plan) }
/// #     async fn read(&self, q: Queue, _: &mut Context<Api>) -> Result<Option<Queue>> { Ok(Some(q)) }
/// #     async fn update(&self, _: Queue, q: Queue, _: &mut Apply<Api>) -> Result<Queue> { Ok(q) }
/// #     async fn delete(&self, _: Queue, _: &mut Context<Api>) -> Result<()> { Ok(()) }
/// #     async fn import(&self, id: &str, _: &mut Context<Api>) -> Result<Queue> {
/// #         Ok(Queue { name: id.to_owned() })
/// #     }
/// # }
/// /// What tells one queue from another.
/// #[derive(Model)]
/// struct QueueIdentity {
///     /// Name of the queue.
///     name: String,
///     /// Its region; the provider's own where an import does not say.
///     region: Option<String>,
/// }
///
/// impl Identified for QueueResource {
///     type Identity = QueueIdentity;
///
///     fn identity(&self, state: &Queue, api: &Api) -> QueueIdentity {
///         QueueIdentity { name: state.name.clone(), region: Some(api.region.clone()) }
///     }
///
///     async fn import_by_identity(
///         &self,
///         identity: QueueIdentity,
///         cx: &mut Context<Api>,
///     ) -> Result<Queue> {
///         self.import(&identity.name, cx).await
///     }
/// }
/// ```
pub trait Identified: Resource {
    /// The identity. An attribute of type `T` must be given to import by it, one of type
    /// `Option<T>` may be; `T` is a bool, a number, a string, or a `Vec` of these. The doc comments
    /// and `#[model(version = …)]` mean what they do for a state.
    type Identity: Model;

    /// True if the identity of one resource may change in its life, as a name that can be edited
    /// does. Otherwise a change of identity is an error.
    const IDENTITY_MAY_CHANGE: bool = false;

    /// The identity of the resource in this state. Asked after each create, read, update and
    /// import, so that it never contradicts the state.
    fn identity(&self, state: &Self::Model, data: &Self::Data) -> Self::Identity;

    /// Finds the resource of this identity, for `import` blocks. The default refuses.
    fn import_by_identity(
        &self,
        identity: Self::Identity,
        cx: &mut Context<Self::Data>,
    ) -> impl Future<Output = Result<Self::Model>> + Send {
        let _ = (identity, cx);
        async {
            Err(Diagnostic::error(
                "Import by identity is not supported",
                "Resources of this type are imported by `id`, if at all.",
            )
            .into())
        }
    }

    /// Turns the identity that an older version of its schema has left into today's. Called only
    /// for versions other than the schema's own. The default refuses.
    fn upgrade_identity(
        &self,
        version: i64,
        identity: RawState,
    ) -> impl Future<Output = Result<Self::Identity>> + Send {
        let _ = identity;
        async move {
            let detail = format!(
                "The identity was written by version {version} of its schema, which this provider \
                 does not know how to read."
            );
            Err(Diagnostic::error("Identity cannot be upgraded", detail).into())
        }
    }
}
