//! [`ListResource`]: finding resources that exist already.

use std::future::Future;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use tokio::sync::mpsc;

use crate::context::{Context, Validation};
use crate::diagnostics::{Diagnostic, Diagnostics, Result};
use crate::identity::Identified;
use crate::model::{Field, Model};
use crate::resource::Resource;
use crate::schema::Schema;
use crate::value::Value;

/// Lists the resources of one type, for `terraform query`. It bears the name of the resource it
/// lists.
///
/// ```
/// # use tfplugin_rs::prelude::*;
/// # struct Api;
/// # impl Api { fn names(&self, _: &str) -> std::io::Result<Vec<String>> { Ok(Vec::new()) } }
/// # #[derive(Model)]
/// # struct Queue { name: String }
/// # #[derive(Model)]
/// # struct QueueIdentity { name: String }
/// # struct QueueResource;
/// # impl Resource for QueueResource {
/// #     const NAME: &'static str = "queue";
/// #     type Data = Api;
/// #     type Model = Queue;
/// #     async fn create(&self, plan: Queue, _: &mut Apply<Api>) -> Result<Queue> { Ok(plan) }
/// #     async fn read(&self, q: Queue, _: &mut Context<Api>) -> Result<Option<Queue>> { Ok(Some(q)) }
/// #     async fn update(&self, _: Queue, q: Queue, _: &mut Apply<Api>) -> Result<Queue> { Ok(q) }
/// #     async fn delete(&self, _: Queue, _: &mut Context<Api>) -> Result<()> { Ok(()) }
/// # }
/// # impl Identified for QueueResource {
/// #     type Identity = QueueIdentity;
/// #     fn identity(&self, state: &Queue, _: &Api) -> QueueIdentity {
/// #         QueueIdentity { name: state.name.clone() }
/// #     }
/// # }
/// /// Finds queues.
/// #[derive(Model)]
/// struct QueueFilter {
///     /// What their names begin with; all if it is not set.
///     prefix: Option<String>,
/// }
///
/// struct QueueList;
///
/// impl ListResource for QueueList {
///     type Resource = QueueResource;
///     type Config = QueueFilter;
///
///     async fn list(&self, filter: QueueFilter, cx: &mut Listing<QueueResource>) -> Result<()> {
///         for name in cx.data().names(&filter.prefix.unwrap_or_default())? {
///             let found = Listed::new(&name, QueueIdentity { name: name.clone() });
///             cx.send(found.resource(Queue { name })).await?;
///         }
///         Ok(())
///     }
/// }
/// ```
pub trait ListResource: Send + Sync + 'static {
    /// The resource that is listed. The provider must offer it, too.
    type Resource: Identified;

    /// What the `config` block of a `list` block says.
    type Config: Model;

    /// The schema of the `config` block. The default is the model's own.
    fn schema(&self) -> Schema {
        Self::Config::schema()
    }

    /// Checks a configuration beyond what validators of single attributes can. Values may still be
    /// unknown.
    fn validate(&self, cx: &mut Validation) -> impl Future<Output = Result<()>> + Send {
        let _ = cx;
        async { Ok(()) }
    }

    /// Sends one [`Listed`] after the other, each as soon as it is found. If Terraform hangs up, the
    /// listing is dropped where it waits.
    fn list(
        &self,
        config: Self::Config,
        cx: &mut Listing<Self::Resource>,
    ) -> impl Future<Output = Result<()>> + Send;
}

/// Given to [`ListResource::list`]: a [`Context`] that takes what was found.
#[derive(Debug)]
pub struct Listing<R: Identified> {
    request: ListRequest<R::Data>,
    resource: PhantomData<fn() -> R>,
}

impl<R: Identified> Listing<R> {
    pub(crate) fn new(request: ListRequest<R::Data>) -> Self {
        Self {
            request,
            resource: PhantomData,
        }
    }

    pub(crate) fn into_diagnostics(self) -> Diagnostics {
        self.request.context.diagnostics
    }

    /// How many more results are wanted; `None` for all there are. Good for choosing the size of
    /// a page; [`Listing::send`] counts by itself.
    pub fn limit(&self) -> Option<u64> {
        self.request.limit
    }

    /// True if results should have their state with them. Where that costs a further call for
    /// each, save it otherwise.
    pub fn wants_resource(&self) -> bool {
        self.request.wants_resource
    }

    /// Sends one result. Waits while Terraform is busy with those before.
    ///
    /// Fails, without a message, when no more are wanted: `cx.send(…).await?` in a loop ends the
    /// listing there.
    pub async fn send(&mut self, found: Listed<R>) -> Result<()> {
        let request = &mut self.request;
        let is_failure = found.identity.is_none();
        if !is_failure && request.limit == Some(0) {
            return Err(Diagnostics::new());
        }
        let wanted = found.state.filter(|_| request.wants_resource);
        let values = ListedValues {
            display_name: found.display_name,
            identity: found.identity.map(|identity| identity.to_value()),
            state: wanted.map(|state| state.to_value()),
            diagnostics: found.diagnostics,
        };
        if request.results.send(values).await.is_err() {
            return Err(Diagnostics::new());
        }
        if !is_failure && let Some(limit) = &mut request.limit {
            *limit -= 1;
        }
        Ok(())
    }
}

impl<R: Identified> Deref for Listing<R> {
    type Target = Context<R::Data>;

    fn deref(&self) -> &Self::Target {
        &self.request.context
    }
}

impl<R: Identified> DerefMut for Listing<R> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.request.context
    }
}

/// One resource that was found.
#[derive(Debug)]
pub struct Listed<R: Identified> {
    display_name: String,
    identity: Option<R::Identity>,
    state: Option<R::Model>,
    diagnostics: Diagnostics,
}

impl<R: Identified> Listed<R> {
    /// A resource by its identity and the name that people know it by.
    pub fn new(display_name: impl Into<String>, identity: R::Identity) -> Self {
        Self {
            display_name: display_name.into(),
            identity: Some(identity),
            state: None,
            diagnostics: Diagnostics::new(),
        }
    }

    /// A resource that is there but could not be looked at. The listing goes on, and the limit does
    /// not count it.
    pub fn failed(why: impl Into<Diagnostics>) -> Self {
        Self {
            display_name: String::new(),
            identity: None,
            state: None,
            diagnostics: why.into(),
        }
    }

    /// With its state, which is sent where [`Listing::wants_resource`] holds.
    #[must_use]
    pub fn resource(mut self, state: <R as Resource>::Model) -> Self {
        self.state = Some(state);
        self
    }

    /// With a warning about it.
    #[must_use]
    pub fn warning(mut self, diagnostic: Diagnostic) -> Self {
        self.diagnostics.push(diagnostic);
        self
    }
}

/// What a list call asks for, and where its results go.
#[derive(Debug)]
pub(crate) struct ListRequest<D> {
    pub(crate) context: Context<D>,
    /// How many more are wanted.
    pub(crate) limit: Option<u64>,
    pub(crate) wants_resource: bool,
    pub(crate) results: mpsc::Sender<ListedValues>,
}

/// A [`Listed`] without its types.
#[derive(Debug)]
pub(crate) struct ListedValues {
    pub(crate) display_name: String,
    pub(crate) identity: Option<Value>,
    pub(crate) state: Option<Value>,
    pub(crate) diagnostics: Diagnostics,
}

impl ListedValues {
    /// No result, only what is to be said.
    pub(crate) fn failed(diagnostics: Diagnostics) -> Self {
        Self {
            display_name: String::new(),
            identity: None,
            state: None,
            diagnostics,
        }
    }
}
