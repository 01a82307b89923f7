//! [`Resource`]: something that Terraform creates, reads, updates and deletes.

use std::future::Future;

use crate::context::{Apply, Context, Validation};
use crate::diagnostics::{Diagnostic, Result};
use crate::model::{Field, Model};
use crate::path::AttributePath;
use crate::private::Private;
use crate::schema::Schema;
use crate::value::{Type, Value, json};
use crate::values::Values;
use crate::wire::codec_diagnostic;

/// A kind of resource.
///
/// Methods are `async`; implementations write `async fn`. Several run at the same time.
///
/// An error ends the operation. What Terraform stores then: create, nothing, or the state given to
/// [`Apply::save`]; update, the state before, or the one given to `save`; read and delete, the
/// state before.
pub trait Resource: Send + Sync + 'static {
    /// The type's name after the provider's: `queue` for `ferrymq_queue`.
    const NAME: &'static str;

    /// What the provider's `configure` returns.
    type Data: Send + Sync + 'static;

    /// The state of one resource.
    type Model: Model;

    /// The schema. The default is the model's own.
    fn schema(&self) -> Schema {
        Self::Model::schema()
    }

    /// Checks a configuration beyond what validators of single attributes can. Values may still be
    /// unknown, and the provider is not configured.
    fn validate(&self, cx: &mut Validation) -> impl Future<Output = Result<()>> + Send {
        let _ = cx;
        async { Ok(()) }
    }

    /// Changes or refuses a plan. Runs for every plan of a creation, an update without or with
    /// replacement, or a deletion; see [`ResourcePlan::action`].
    fn modify_plan(
        &self,
        plan: &mut ResourcePlan,
        cx: &mut Context<Self::Data>,
    ) -> impl Future<Output = Result<()>> + Send {
        let _ = (plan, cx);
        async { Ok(()) }
    }

    /// Makes a resource as planned and returns its state. Unknown attributes of the plan must get
    /// their values; all others must come back as they are. Write-only attributes are filled in.
    fn create(
        &self,
        plan: Self::Model,
        cx: &mut Apply<Self::Data>,
    ) -> impl Future<Output = Result<Self::Model>> + Send;

    /// Looks up the resource and returns its present state, or `None` if it no longer exists.
    /// `None` drops it from the state: never return it for what could merely not be reached.
    fn read(
        &self,
        state: Self::Model,
        cx: &mut Context<Self::Data>,
    ) -> impl Future<Output = Result<Option<Self::Model>>> + Send;

    /// Changes a resource from `prior` to `plan` and returns its state, under the rules of
    /// [`Resource::create`].
    fn update(
        &self,
        prior: Self::Model,
        plan: Self::Model,
        cx: &mut Apply<Self::Data>,
    ) -> impl Future<Output = Result<Self::Model>> + Send;

    /// Deletes the resource. That it is gone already is success.
    fn delete(
        &self,
        state: Self::Model,
        cx: &mut Context<Self::Data>,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Finds the resource that `id` names, for `terraform import`. The default refuses.
    fn import(
        &self,
        id: &str,
        cx: &mut Context<Self::Data>,
    ) -> impl Future<Output = Result<Self::Model>> + Send {
        let _ = (id, cx);
        async {
            Err(Diagnostic::error(
                "Import is not supported",
                "Resources of this type cannot be imported.",
            )
            .into())
        }
    }

    /// Turns the state that an older version of the schema has left into today's. Called only for
    /// versions other than the schema's own. The default refuses.
    fn upgrade(
        &self,
        version: i64,
        state: RawState,
    ) -> impl Future<Output = Result<Self::Model>> + Send {
        let _ = state;
        async move {
            Err(Diagnostic::error(
                "State cannot be upgraded",
                format!(
                    "The state was written by schema version {version}, which this provider does \
                     not know how to read."
                ),
            )
            .into())
        }
    }

    /// Takes over a resource of another type or provider, for `moved` blocks. `None`, the default,
    /// means that the source is none this resource knows. `private` is the private state it gets,
    /// empty at first. The provider is not configured.
    fn adopt(
        &self,
        source: MoveSource,
        private: &mut Private,
    ) -> impl Future<Output = Result<Option<Self::Model>>> + Send {
        let _ = (source, private);
        async { Ok(None) }
    }
}

/// What a plan would do to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResourceAction {
    /// Make it.
    Create,
    /// Delete it.
    Delete,
    /// Delete it and make it anew: some changed attribute requires that.
    Replace,
    /// Change it in place.
    Update,
    /// Leave it as it is.
    Keep,
}

/// A plan in the making: what the configuration says, what the state was, what it shall be.
#[derive(Debug)]
pub struct ResourcePlan {
    pub(crate) config: Values,
    pub(crate) prior: Values,
    pub(crate) planned: Values,
    pub(crate) replace: Vec<AttributePath>,
}

impl ResourcePlan {
    /// The configuration; null when the resource is to be deleted. Values may be unknown.
    pub fn config(&self) -> &Values {
        &self.config
    }

    /// The state so far; null when the resource is to be created.
    pub fn prior(&self) -> &Values {
        &self.prior
    }

    /// The state to be; null when the resource is to be deleted. Values may be unknown.
    pub fn planned(&self) -> &Values {
        &self.planned
    }

    /// What applying the plan would do, as things stand.
    ///
    /// A replacement is planned twice: first as [`ResourceAction::Replace`], with both states at hand,
    /// then as [`ResourceAction::Create`]. What speaks against losing the resource belongs to
    /// [`ResourceAction::Replace`] and [`ResourceAction::Delete`].
    pub fn action(&self) -> ResourceAction {
        match (self.prior.is_null(), self.planned.is_null()) {
            (_, true) => ResourceAction::Delete,
            (true, false) => ResourceAction::Create,
            (false, false) if !self.replace.is_empty() => ResourceAction::Replace,
            (false, false) if self.prior.value() != self.planned.value() => ResourceAction::Update,
            (false, false) => ResourceAction::Keep,
        }
    }

    /// The changed attributes that make this a replacement.
    pub fn replaced_by(&self) -> &[AttributePath] {
        &self.replace
    }

    /// Plans a value for a computed attribute.
    pub fn set<T: Field>(&mut self, path: impl Into<AttributePath>, value: &T) -> Result<()> {
        self.planned.set(path, value)
    }

    /// Plans "known after apply" for a computed attribute.
    pub fn set_unknown(&mut self, path: impl Into<AttributePath>) -> Result<()> {
        self.planned.set_value(path.into(), Value::Unknown)
    }

    /// Makes the change of this attribute one that replaces the resource.
    pub fn require_replace(&mut self, path: impl Into<AttributePath>) {
        self.replace.push(path.into());
    }
}

/// A state or an identity as JSON, of a shape that only its reader knows.
#[derive(Clone, PartialEq, Eq)]
pub struct RawState(pub(crate) Vec<u8>);

impl RawState {
    /// The JSON text.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Reads it as a model, keeping numbers exact. Attributes the model lacks are left out, and
    /// those the state lacks are null.
    pub fn model<M: Model>(&self) -> Result<M> {
        let ty = Type::Object(M::schema().object_type().into());
        let value = json::decode_lenient(&self.0, &ty)
            .map_err(|error| codec_diagnostic(error, "Could not read the older state"))?;
        Ok(M::from_value(value)?)
    }

    /// Reads it with serde.
    pub fn json<T: serde::de::DeserializeOwned>(&self) -> Result<T> {
        Ok(serde_json::from_slice(&self.0)?)
    }
}

impl std::fmt::Debug for RawState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // States hold secrets.
        write!(f, "RawState({} bytes)", self.0.len())
    }
}

/// A resource that is to become one of another type.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct MoveSource {
    /// The source's provider: `registry.terraform.io/hashicorp/null`.
    pub provider_address: String,
    /// The source's full type name.
    pub type_name: String,
    /// The version of the source's schema.
    pub schema_version: i64,
    /// The source's state.
    pub state: RawState,
    /// The source's private state, in whatever form its provider keeps it.
    pub private: Vec<u8>,
    /// The source's identity, if it has one.
    pub identity: Option<RawState>,
    /// The version of the identity's schema.
    pub identity_schema_version: i64,
}

impl MoveSource {
    /// The source's private state, if its provider is made with this crate or with Terraform's own
    /// framework, which keep it in the same form. Empty otherwise.
    pub fn private_state(&self) -> Private {
        Private::from_bytes(&self.private).unwrap_or_default()
    }
}

#[cfg(test)]
#[path = "resource_tests.rs"]
mod tests;
