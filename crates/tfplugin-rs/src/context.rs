//! What every operation has at hand: the provider's data, the stop signal, private state, warnings.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use crate::diagnostics::{Diagnostic, Diagnostics, Result};
use crate::model::{Field, Model};
use crate::private::Private;
use crate::transport::StopToken;
use crate::value::Value;
use crate::values::Values;

/// Given to every operation of resources and data sources.
#[derive(Debug)]
pub struct Context<D> {
    data: Arc<D>,
    stop: StopToken,
    pub(crate) private: Private,
    pub(crate) diagnostics: Diagnostics,
}

impl<D> Context<D> {
    pub(crate) fn new(data: Arc<D>, stop: StopToken, private: Private) -> Self {
        Self {
            data,
            stop,
            private,
            diagnostics: Diagnostics::new(),
        }
    }

    /// What [`Provider::configure`](crate::Provider::configure) returned.
    pub fn data(&self) -> &D {
        &self.data
    }

    /// What [`Provider::configure`](crate::Provider::configure) returned, to move into tasks.
    pub fn shared_data(&self) -> Arc<D> {
        Arc::clone(&self.data)
    }

    /// Set when the person at the terminal interrupts. Long waits should end then and report what
    /// has been done so far; Terraform waits for the answer and saves it.
    pub fn stop(&self) -> &StopToken {
        &self.stop
    }

    /// Private state of the resource.
    pub fn private(&self) -> &Private {
        &self.private
    }

    /// Private state of the resource. Changes are kept by create, read, update and import, and
    /// travel from plan to apply.
    pub fn private_mut(&mut self) -> &mut Private {
        &mut self.private
    }

    /// Shows a warning, or an error that does not stop this operation here but fails it.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }
}

/// Given to create and update: a [`Context`] that also knows the configuration and can keep what
/// has been done so far.
#[derive(Debug)]
pub struct Apply<D> {
    pub(crate) context: Context<D>,
    config: Values,
    pub(crate) saved: Option<Value>,
}

impl<D> Apply<D> {
    pub(crate) fn new(context: Context<D>, config: Values) -> Self {
        Self {
            context,
            config,
            saved: None,
        }
    }

    /// The configuration. Write-only values are also in the plan that create and update are given.
    pub fn config(&self) -> &Values {
        &self.config
    }

    /// Keeps `state` in case a later step fails: Terraform then stores it together with the error,
    /// so that what was made so far is known to the next run. After a successful return it has no
    /// effect.
    pub fn save<M: Model>(&mut self, state: &M) {
        self.saved = Some(state.to_value());
    }
}

impl<D> Deref for Apply<D> {
    type Target = Context<D>;

    fn deref(&self) -> &Context<D> {
        &self.context
    }
}

impl<D> DerefMut for Apply<D> {
    fn deref_mut(&mut self) -> &mut Context<D> {
        &mut self.context
    }
}

/// Given to the validation of a configuration, which happens before the provider is configured.
#[derive(Debug)]
pub struct Validation {
    config: Values,
    pub(crate) diagnostics: Diagnostics,
}

impl Validation {
    pub(crate) fn new(config: Values, diagnostics: Diagnostics) -> Self {
        Self {
            config,
            diagnostics,
        }
    }

    /// The configuration; any value may be unknown, so read with [`Attr`](crate::Attr).
    pub fn config(&self) -> &Values {
        &self.config
    }

    /// The value of an attribute: `config().get(path)`.
    pub fn get<T: Field>(&self, path: impl Into<crate::AttributePath>) -> Result<T> {
        self.config.get(path)
    }

    /// Adds an error or a warning and goes on.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }
}
