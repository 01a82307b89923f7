//! [`Provider`]: what a plugin offers, and how it is configured.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use crate::context::Validation;
use crate::data_source::DataSource;
use crate::diagnostics::{Diagnostic, Diagnostics, Result};
use crate::erased::{
    DataSourceObject, FunctionObject, ResourceObject, TypedDataSource, TypedFunction, TypedResource,
};
use crate::function::Function;
use crate::model::Model;
use crate::resource::Resource;
use crate::schema::Schema;
use crate::transport::StopToken;
use crate::values::Values;

/// A provider.
pub trait Provider: Send + Sync + 'static {
    /// The local name, with which all its types begin: `ferrymq`.
    const NAME: &'static str;

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

    /// The resources, data sources and functions.
    fn contents(&self) -> Contents<Self::Data>;
}

/// Given to [`Provider::configure`].
#[derive(Debug)]
pub struct Configure {
    pub(crate) terraform_version: String,
    pub(crate) config: Values,
    pub(crate) stop: StopToken,
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

    /// Shows a warning, or an error that fails the configuration.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }
}

/// What a provider offers, by name.
pub struct Contents<D> {
    pub(crate) resources: BTreeMap<&'static str, Arc<dyn ResourceObject<D>>>,
    pub(crate) data_sources: BTreeMap<&'static str, Arc<dyn DataSourceObject<D>>>,
    pub(crate) functions: BTreeMap<&'static str, Arc<dyn FunctionObject>>,
    pub(crate) problems: Vec<String>,
}

impl<D: Send + Sync + 'static> Contents<D> {
    /// Nothing yet.
    pub const fn new() -> Self {
        Self {
            resources: BTreeMap::new(),
            data_sources: BTreeMap::new(),
            functions: BTreeMap::new(),
            problems: Vec::new(),
        }
    }

    /// Adds a resource.
    #[must_use]
    pub fn resource<R: Resource<Data = D>>(mut self, resource: R) -> Self {
        let object = Arc::new(TypedResource(resource));
        if self.resources.insert(R::NAME, object).is_some() {
            self.problems
                .push(format!("two resources are named {:?}", R::NAME));
        }
        self
    }

    /// Adds a data source.
    #[must_use]
    pub fn data_source<S: DataSource<Data = D>>(mut self, data_source: S) -> Self {
        let object = Arc::new(TypedDataSource(data_source));
        if self.data_sources.insert(S::NAME, object).is_some() {
            self.problems
                .push(format!("two data sources are named {:?}", S::NAME));
        }
        self
    }

    /// Adds a function.
    #[must_use]
    pub fn function<F: Function>(mut self, function: F) -> Self {
        if self
            .functions
            .insert(F::NAME, Arc::new(TypedFunction(function)))
            .is_some()
        {
            self.problems
                .push(format!("two functions are named {:?}", F::NAME));
        }
        self
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
            .field("functions", &self.functions.keys())
            .finish_non_exhaustive()
    }
}
