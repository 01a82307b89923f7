//! One resource under test, from creation to destruction.

use serde_json::Value as Json;
use tonic::Request;

use super::{Terraform, config, proposed, wire};
use crate::diagnostics::{Diagnostic, Diagnostics, Result};
use crate::path::AttributePath;
use crate::plan::{check_applied, check_known, null_write_only};
use crate::private::Private;
use crate::proto::tfplugin6 as proto;
use crate::proto::tfplugin6::provider_server::Provider as Service;
use crate::provider::Provider;
use crate::resource::ResourceAction;
use crate::server::Prepared;
use crate::value::{Value, json};

/// A resource and its state, as Terraform keeps them.
pub struct TestResource<'a, P: Provider> {
    terraform: &'a Terraform<P>,
    type_name: String,
    state: Value,
    private: Vec<u8>,
    /// As the provider has last told it.
    identity: Option<proto::ResourceIdentityData>,
}

impl<P: Provider> std::fmt::Debug for TestResource<'_, P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("TestResource")
            .field(&self.type_name)
            .field(&self.state())
            .finish()
    }
}

/// What a plan or an apply did.
#[derive(Debug, Clone)]
pub struct Change {
    /// What is done to the resource.
    pub action: ResourceAction,
    /// The attributes that require a replacement.
    pub replaced_by: Vec<AttributePath>,
    /// The planned state as JSON; unknown values are [`UNKNOWN`](super::UNKNOWN).
    pub planned: Json,
    /// Warnings along the way.
    pub warnings: Diagnostics,
    state: Value,
    private: Vec<u8>,
    identity: Option<proto::ResourceIdentityData>,
}

impl<'a, P: Provider> TestResource<'a, P> {
    pub(super) fn new(terraform: &'a Terraform<P>, type_name: &str) -> Self {
        let (state, private) = (Value::Null, Vec::new());
        Self {
            terraform,
            type_name: type_name.to_owned(),
            state,
            private,
            identity: None,
        }
    }

    /// The state as JSON; null when the resource does not exist.
    pub fn state(&self) -> Json {
        config::to_json(&self.state)
    }

    /// The private state, for provider keys.
    pub fn private(&self) -> Private {
        // The server has just made these bytes, or they are empty.
        Private::from_bytes(&self.private).unwrap_or_default()
    }

    /// The identity as JSON; null when the resource has none.
    pub fn identity(&self) -> Json {
        let prepared = self.server().identity_schema(&self.type_name);
        let sent = self
            .identity
            .as_ref()
            .and_then(|i| i.identity_data.as_ref());
        // What could not be read was refused when it came.
        let identity = prepared.and_then(|prepared| prepared.decode(sent, "the identity").ok());
        config::to_json(&identity.unwrap_or_default())
    }

    /// Validates `config` and plans for it. Nothing is changed, except that the state is refreshed.
    pub async fn plan(&mut self, config: Json) -> Result<Change> {
        let config = self.config(&config)?;
        let mut warnings = self.validate(&config).await?;
        self.refresh().await?;
        let mut change = self.plan_value(&config).await?;
        warnings.extend(std::mem::take(&mut change.warnings));
        Ok(Change { warnings, ..change })
    }

    /// Makes the resource as `config` says. Then refreshes, and fails if there is more to do.
    ///
    /// If the provider fails, the state is what it left behind.
    pub async fn apply(&mut self, config: Json) -> Result<Change> {
        self.apply_after(config.clone(), config).await
    }

    /// Like [`TestResource::apply`], but the plan is made with another configuration, in which
    /// values may still be [`UNKNOWN`](super::UNKNOWN).
    pub async fn apply_after(&mut self, planned: Json, config: Json) -> Result<Change> {
        let first = self.plan(planned).await?;
        let config = self.config(&config)?;
        let mut warnings = self.validate(&config).await?;
        warnings.extend(first.warnings.clone());
        if first.action == ResourceAction::Replace {
            self.delete(&first.private).await?;
        }
        let last = self.plan_value(&config).await?;
        expect_same_action(first.action, last.action)?;
        check_applied(&first.state, &last.state)
            .into_result()
            .map_err(|broken| broken_rule("Provider produced inconsistent final plan", &broken))?;
        if last.action != ResourceAction::Keep {
            self.apply_plan(&config, &last).await?;
        }
        self.expect_nothing_to_do(&config).await?;
        Ok(Change { warnings, ..first })
    }

    /// Reads the resource anew, as every plan does first. True if its state has changed; it is null
    /// if the resource is gone.
    pub async fn refresh(&mut self) -> Result<bool> {
        if self.state.is_null() {
            return Ok(false);
        }
        let prepared = self.prepared()?;
        let stored = json::encode(&self.state, &prepared.ty)
            .map_err(|error| Diagnostic::error("State cannot be stored", error.to_string()))?;
        let before = self.state.clone();
        self.upgrade_from(prepared.schema.version, stored).await?;
        if self.state != before {
            let text = "The state changed although the schema's version is the same.";
            return Err(Diagnostic::error("Upgrade changed the state", text).into());
        }
        let response = self
            .server()
            .read_resource(Request::new(proto::read_resource::Request {
                type_name: self.type_name.clone(),
                current_state: Some(prepared.encode(&self.state, "a state")?),
                private: self.private.clone().into(),
                client_capabilities: Some(wire::capabilities()),
                current_identity: self.identity.clone(),
                ..Default::default()
            }))
            .await;
        let response = wire::body(response)?;
        wire::succeeded(response.diagnostics)?;
        self.accept(response.new_state.as_ref(), &response.private, "refresh")?;
        self.identify(response.new_identity)?;
        Ok(self.state != before)
    }

    /// Plans the deletion without doing it.
    pub async fn plan_destroy(&mut self) -> Result<Change> {
        self.refresh().await?;
        self.request_plan(&Value::Null, &Value::Null).await
    }

    /// Deletes the resource, asking for a plan first.
    pub async fn destroy(&mut self) -> Result<Change> {
        let change = self.plan_destroy().await?;
        if !self.state.is_null() {
            self.delete(&change.private).await?;
        }
        Ok(change)
    }

    pub(super) async fn import(&mut self, id: &str) -> Result<()> {
        self.import_by(id.to_owned(), None).await
    }

    pub(super) async fn import_by_identity(&mut self, identity: &Json) -> Result<()> {
        let Some(prepared) = self.server().identity_schema(&self.type_name) else {
            let text = format!("{} has no identity.", self.type_name);
            return Err(Diagnostic::error("Identity is not supported", text).into());
        };
        let value = config::to_value(identity, prepared.members())?;
        config::check(&value, prepared.members())?;
        let identity = proto::ResourceIdentityData {
            identity_data: Some(prepared.encode(&value, "an identity")?),
        };
        self.import_by(String::new(), Some(identity)).await
    }

    async fn import_by(
        &mut self,
        id: String,
        identity: Option<proto::ResourceIdentityData>,
    ) -> Result<()> {
        let response = self
            .server()
            .import_resource_state(Request::new(proto::import_resource_state::Request {
                type_name: self.type_name.clone(),
                id,
                client_capabilities: Some(wire::capabilities()),
                identity,
            }))
            .await;
        let response = wire::body(response)?;
        wire::succeeded(response.diagnostics)?;
        for imported in response.imported_resources {
            self.accept(imported.state.as_ref(), &imported.private, "import")?;
            self.identify(imported.identity)?;
        }
        self.refresh().await?;
        if self.state.is_null() {
            let text = "The provider found nothing when it read what it had imported.";
            return Err(Diagnostic::error("Cannot import non-existent remote object", text).into());
        }
        Ok(())
    }

    pub(super) async fn upgrade_from(&mut self, version: i64, stored: Vec<u8>) -> Result<()> {
        let response = self
            .server()
            .upgrade_resource_state(Request::new(proto::upgrade_resource_state::Request {
                type_name: self.type_name.clone(),
                version,
                raw_state: Some(proto::RawState {
                    json: stored.into(),
                    ..Default::default()
                }),
            }))
            .await;
        let response = wire::body(response)?;
        wire::succeeded(response.diagnostics)?;
        let private = self.private.clone();
        self.accept(response.upgraded_state.as_ref(), &private, "upgrade")
    }

    fn server(&self) -> &'a crate::server::Server<P> {
        &self.terraform.server
    }

    fn prepared(&self) -> Result<&'a Prepared> {
        self.server().resource_schema(&self.type_name)
    }

    fn config(&self, config: &Json) -> Result<Value> {
        let members = self.prepared()?.members();
        let config = config::to_value(config, members)?;
        config::check(&config, members)?;
        Ok(config)
    }

    async fn validate(&self, config: &Value) -> Result<Diagnostics> {
        let config = self.prepared()?.encode(config, "a configuration")?;
        let response = self
            .server()
            .validate_resource_config(Request::new(proto::validate_resource_config::Request {
                type_name: self.type_name.clone(),
                config: Some(config),
                client_capabilities: Some(wire::capabilities()),
            }))
            .await;
        wire::succeeded(wire::body(response)?.diagnostics)
    }

    /// Plans once; where that asks for a replacement, plans the creation as well.
    async fn plan_value(&mut self, config: &Value) -> Result<Change> {
        let proposed = proposed::new_state(self.prepared()?.members(), &self.state, config);
        let change = self.request_plan(config, &proposed).await?;
        if change.action != ResourceAction::Replace {
            return Ok(change);
        }
        let anew = Self::new(self.terraform, &self.type_name);
        let created = anew.prepared()?;
        let proposed = proposed::new_state(created.members(), &Value::Null, config);
        let creation = anew.request_plan(config, &proposed).await?;
        let mut warnings = change.warnings;
        warnings.extend(creation.warnings);
        // The resource to be deleted keeps its own private state until then.
        Ok(Change {
            planned: creation.planned,
            state: creation.state,
            private: change.private,
            identity: creation.identity,
            warnings,
            ..change
        })
    }

    async fn request_plan(&self, config: &Value, proposed: &Value) -> Result<Change> {
        let prepared = self.prepared()?;
        let encode = |value: &Value| prepared.encode(value, "a value").map(Some);
        let response = self
            .server()
            .plan_resource_change(Request::new(proto::plan_resource_change::Request {
                type_name: self.type_name.clone(),
                prior_state: encode(&self.state)?,
                proposed_new_state: encode(proposed)?,
                config: encode(config)?,
                prior_private: self.private.clone().into(),
                client_capabilities: Some(wire::capabilities()),
                prior_identity: self.identity.clone(),
                ..Default::default()
            }))
            .await;
        let response = wire::body(response)?;
        let warnings = wire::succeeded(response.diagnostics)?;
        let state = prepared.decode(response.planned_state.as_ref(), "the planned state")?;
        expect_no_write_only(prepared, &state, "plan")?;
        let replaced_by: Vec<_> = response
            .requires_replace
            .into_iter()
            .map(wire::path)
            .collect();
        Ok(Change {
            action: self.action(&state, !replaced_by.is_empty()),
            replaced_by,
            planned: config::to_json(&state),
            warnings,
            state,
            private: response.planned_private.into(),
            identity: response.planned_identity,
        })
    }

    fn action(&self, planned: &Value, replace: bool) -> ResourceAction {
        match (self.state.is_null(), planned.is_null()) {
            (_, true) => ResourceAction::Delete,
            (true, false) => ResourceAction::Create,
            (false, false) if replace => ResourceAction::Replace,
            (false, false) if self.state != *planned => ResourceAction::Update,
            (false, false) => ResourceAction::Keep,
        }
    }

    async fn delete(&mut self, private: &[u8]) -> Result<()> {
        let delete = Change {
            action: ResourceAction::Delete,
            replaced_by: Vec::new(),
            planned: Json::Null,
            warnings: Diagnostics::new(),
            state: Value::Null,
            private: private.to_owned(),
            identity: self.identity.clone(),
        };
        self.apply_plan(&Value::Null, &delete).await
    }

    async fn apply_plan(&mut self, config: &Value, plan: &Change) -> Result<()> {
        let prepared = self.prepared()?;
        let encode = |value: &Value| prepared.encode(value, "a value").map(Some);
        let response = self
            .server()
            .apply_resource_change(Request::new(proto::apply_resource_change::Request {
                type_name: self.type_name.clone(),
                prior_state: encode(&self.state)?,
                planned_state: encode(&plan.state)?,
                config: encode(config)?,
                planned_private: plan.private.clone().into(),
                planned_identity: plan.identity.clone(),
                ..Default::default()
            }))
            .await;
        let response = wire::body(response)?;
        // The state is kept even beside errors.
        self.accept(response.new_state.as_ref(), &response.private, "apply")?;
        self.identify(response.new_identity)?;
        wire::succeeded(response.diagnostics)?;
        check_applied(&plan.state, &self.state)
            .into_result()
            .map_err(|broken| {
                broken_rule("Provider produced inconsistent result after apply", &broken)
            })
    }

    async fn expect_nothing_to_do(&mut self, config: &Value) -> Result<()> {
        let before = self.state.clone();
        if self.refresh().await? {
            let changed = check_applied(&before, &self.state);
            return Err(broken_rule(
                "Reading after apply gave another state",
                &changed,
            ));
        }
        let change = self.plan_value(config).await?;
        if change.action == ResourceAction::Keep {
            return Ok(());
        }
        let differences = check_applied(&change.state, &self.state);
        let summary = format!("After apply, the plan was not empty: {:?}", change.action);
        Err(broken_rule(&summary, &differences))
    }

    /// Takes a state into the store, if it is one that Terraform would take.
    fn accept(
        &mut self,
        state: Option<&proto::DynamicValue>,
        private: &[u8],
        operation: &str,
    ) -> Result<()> {
        let prepared = self.prepared()?;
        let state = prepared.decode(state, "the state")?;
        check_known(&state, operation).into_result()?;
        expect_no_write_only(prepared, &state, operation)?;
        self.state = state;
        self.private = private.to_owned();
        Ok(())
    }
}

impl<P: Provider> TestResource<'_, P> {
    /// Takes an identity into the store. It must be there exactly for resources that have one.
    fn identify(&mut self, identity: Option<proto::ResourceIdentityData>) -> Result<()> {
        let prepared = self.server().identity_schema(&self.type_name);
        let sent = identity.as_ref().and_then(|i| i.identity_data.as_ref());
        match (prepared, sent) {
            (Some(prepared), Some(sent)) => {
                prepared.decode(Some(sent), "the identity")?;
                self.identity = identity;
                Ok(())
            }
            (None, None) => Ok(()),
            (expected, _) => {
                let text = match expected {
                    Some(_) => "The provider did not tell the resource's identity.",
                    None => "The provider told an identity of a resource that has none.",
                };
                Err(Diagnostic::error("Wrong identity", text).into())
            }
        }
    }
}

fn expect_no_write_only(prepared: &Prepared, state: &Value, operation: &str) -> Result<()> {
    let mut nulled = state.clone();
    null_write_only(prepared.members(), &mut nulled);
    if nulled == *state {
        return Ok(());
    }
    let text = format!("After {operation} a write-only attribute holds a value.");
    Err(Diagnostic::error("Write-only attribute set", text).into())
}

/// The plan made during the apply must do what was planned; by then a replaced resource is gone, and
/// an update may turn out to change nothing.
fn expect_same_action(planned: ResourceAction, now: ResourceAction) -> Result<()> {
    let expected = match planned {
        ResourceAction::Replace => ResourceAction::Create,
        other => other,
    };
    if now == expected || (expected, now) == (ResourceAction::Update, ResourceAction::Keep) {
        return Ok(());
    }
    let text = format!("The planned action changed from {expected:?} to {now:?}.");
    Err(Diagnostic::error("Provider produced inconsistent final plan", text).into())
}

/// Terraform's complaint, with the attributes concerned.
fn broken_rule(summary: &str, at: &Diagnostics) -> Diagnostics {
    let paths: Vec<String> = at.iter().map(|d| d.path.to_string()).collect();
    let detail = if paths.is_empty() {
        "Computed attributes changed.".to_owned()
    } else {
        format!("It concerns: {}.", paths.join(", "))
    };
    Diagnostic::error(summary, detail).into()
}
