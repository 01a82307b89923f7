//! [`Provider`]: what a plugin offers, and how it is configured.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use crate::action::Action;
use crate::context::Validation;
use crate::data_source::DataSource;
use crate::deferral::{Deferral, Putting};
use crate::diagnostics::{Diagnostic, Diagnostics, Result};
use crate::ephemeral::EphemeralResource;
use crate::erased::{
    ActionObject, DataSourceObject, EphemeralResourceObject, FunctionObject, IdentityObject,
    ListResourceObject, ResourceObject, TypedAction, TypedDataSource, TypedEphemeralResource,
    TypedFunction, TypedListResource, TypedResource,
};
use crate::function::Function;
use crate::identity::Identified;
use crate::list::ListResource;
use crate::model::Model;
use crate::resource::Resource;
use crate::schema::Schema;
use crate::transport::StopToken;
use crate::values::Values;

/// A provider.
pub trait Provider: Send + Sync + 'static {
    /// The local name, with which all its types begin: `ferrymq`.
    const NAME: &'static str;

    /// The address by which configurations require it: `example.com/acme/ferrymq`. Only a provider
    /// that runs under a debugger says it; the name alone will do for one of the public registry's
    /// own.
    const SOURCE: Option<&'static str> = None;

    /// The provider block.
    type Config: Model;

    /// What configuration results in and every operation is given: clients, credentials, defaults.
    type Data: Send + Sync + 'static;

    /// The schema of the provider block. The default is the model's own.
    fn schema(&self) -> Schema {
        Self::Config::schema()
    }

    /// Checks the provider block beyond what validators of single attributes can.
    fn validate(&self, cx: &mut Validation) -> impl Future<Output = Result<()>> + Send {
        let _ = cx;
        async { Ok(()) }
    }

    /// Turns the provider block into what operations need. Terraform starts the plugin several
    /// times per run, so this should open no connections; open them at first use.
    ///
    /// At plan time values may be unknown: use [`Attr`](crate::Attr) in the model where the
    /// provider can plan without them, and plain types where it cannot.
    fn configure(
        &self,
        config: Self::Config,
        cx: &mut Configure,
    ) -> impl Future<Output = Result<Self::Data>> + Send;

    /// The resources, data sources, functions and so on.
    fn contents(&self) -> Contents<Self::Data>;
}

/// Given to [`Provider::configure`].
#[derive(Debug)]
pub struct Configure {
    pub(crate) terraform_version: String,
    pub(crate) config: Values,
    pub(crate) stop: StopToken,
    pub(crate) putting: Putting,
    pub(crate) diagnostics: Diagnostics,
}

impl Configure {
    /// The version of the Terraform or OpenTofu that runs: `1.11.4`.
    pub fn terraform_version(&self) -> &str {
        &self.terraform_version
    }

    /// The provider block by path.
    pub fn config(&self) -> &Values {
        &self.config
    }

    /// Set when the person at the terminal interrupts.
    pub fn stop(&self) -> &StopToken {
        &self.stop
    }

    /// True if [`Configure::defer`] may put everything off.
    pub fn deferral_allowed(&self) -> bool {
        self.putting.is_allowed()
    }

    /// Puts everything that needs the provider off to a later run:
    /// `return Err(cx.defer(Deferral::ProviderConfigUnknown))`. All that is asked of the provider
    /// is then answered so, and its code is not called. Under the conditions of
    /// [`Context::defer`](crate::Context::defer).
    #[must_use = "end the configuration with it: `return Err(cx.defer(…))`"]
    pub fn defer(&mut self, reason: Deferral) -> Diagnostics {
        self.putting.off(reason)
    }

    /// Shows a warning, or an error that fails the configuration.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }
}

/// What a provider offers of one kind, by name.
type Offered<O> = BTreeMap<&'static str, Arc<O>>;

/// What a provider offers, by name.
pub struct Contents<D> {
    pub(crate) resources: Offered<dyn ResourceObject<D>>,
    pub(crate) identities: Offered<dyn IdentityObject<D>>,
    pub(crate) data_sources: Offered<dyn DataSourceObject<D>>,
    pub(crate) ephemeral_resources: Offered<dyn EphemeralResourceObject<D>>,
    pub(crate) list_resources: Offered<dyn ListResourceObject<D>>,
    pub(crate) actions: Offered<dyn ActionObject<D>>,
    pub(crate) functions: Offered<dyn FunctionObject>,
    pub(crate) meta: Option<Schema>,
    pub(crate) problems: Vec<String>,
}

impl<D: Send + Sync + 'static> Contents<D> {
    /// Nothing yet.
    pub const fn new() -> Self {
        Self {
            resources: BTreeMap::new(),
            identities: BTreeMap::new(),
            data_sources: BTreeMap::new(),
            ephemeral_resources: BTreeMap::new(),
            list_resources: BTreeMap::new(),
            actions: BTreeMap::new(),
            functions: BTreeMap::new(),
            meta: None,
            problems: Vec::new(),
        }
    }

    /// Adds a resource.
    #[must_use]
    pub fn resource<R: Resource<Data = D>>(self, resource: R) -> Self {
        self.add_resource::<R>(Arc::new(TypedResource(resource)))
    }

    /// Adds a resource with an identity.
    #[must_use]
    pub fn identified_resource<R: Identified<Data = D>>(mut self, resource: R) -> Self {
        let object = Arc::new(TypedResource(resource));
        self.identities.insert(R::NAME, object.clone());
        self.add_resource::<R>(object)
    }

    fn add_resource<R: Resource<Data = D>>(mut self, object: Arc<TypedResource<R>>) -> Self {
        let double = self.resources.insert(R::NAME, object).is_some();
        self.note(double, "resources", R::NAME);
        self
    }

    /// Adds a data source.
    #[must_use]
    pub fn data_source<S: DataSource<Data = D>>(mut self, data_source: S) -> Self {
        let object = Arc::new(TypedDataSource(data_source));
        let double = self.data_sources.insert(S::NAME, object).is_some();
        self.note(double, "data sources", S::NAME);
        self
    }

    /// Adds an ephemeral resource.
    #[must_use]
    pub fn ephemeral_resource<E: EphemeralResource<Data = D>>(mut self, ephemeral: E) -> Self {
        let object = Arc::new(TypedEphemeralResource(ephemeral));
        let double = self.ephemeral_resources.insert(E::NAME, object).is_some();
        self.note(double, "ephemeral resources", E::NAME);
        self
    }

    /// Adds a list of the resources of one type, which must be added by
    /// [`Contents::identified_resource`].
    #[must_use]
    pub fn list_resource<L>(mut self, list: L) -> Self
    where
        L: ListResource,
        L::Resource: Resource<Data = D>,
    {
        let name = <L::Resource as Resource>::NAME;
        let object = Arc::new(TypedListResource(list));
        let double = self.list_resources.insert(name, object).is_some();
        self.note(double, "list resources", name);
        self
    }

    /// Adds an action.
    #[must_use]
    pub fn action<A: Action<Data = D>>(mut self, action: A) -> Self {
        let object = Arc::new(TypedAction(action));
        let double = self.actions.insert(A::NAME, object).is_some();
        self.note(double, "actions", A::NAME);
        self
    }

    /// Adds a function.
    #[must_use]
    pub fn function<F: Function>(mut self, function: F) -> Self {
        let object = Arc::new(TypedFunction(function));
        let double = self.functions.insert(F::NAME, object).is_some();
        self.note(double, "functions", F::NAME);
        self
    }

    /// Lets modules say something to the provider, in a `provider_meta` block of their own.
    /// Operations read it with [`Context::meta`](crate::Context::meta).
    #[must_use]
    pub fn provider_meta<M: Model>(mut self) -> Self {
        self.meta = Some(M::schema());
        self
    }

    fn note(&mut self, double: bool, kind: &str, name: &str) {
        if double {
            self.problems.push(format!("two {kind} are named {name:?}"));
        }
    }
}

impl<D: Send + Sync + 'static> Default for Contents<D> {
    fn default() -> Self {
        Self::new()
    }
}

impl<D> std::fmt::Debug for Contents<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Contents")
            .field("resources", &self.resources.keys())
            .field("data_sources", &self.data_sources.keys())
            .field("ephemeral_resources", &self.ephemeral_resources.keys())
            .field("list_resources", &self.list_resources.keys())
            .field("actions", &self.actions.keys())
            .field("functions", &self.functions.keys())
            .finish_non_exhaustive()
    }
}
