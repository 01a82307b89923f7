//! Identities: GetResourceIdentitySchemas, UpgradeResourceIdentity, and what the calls about
//! resources say of them.

use super::catalog::IdentityEntry;
use super::import::raw_state;
use super::prepared::Prepared;
use super::{Server, caught};
use crate::diagnostics::{Diagnostic, Diagnostics, Result};
use crate::plan::check_known;
use crate::proto::tfplugin6::{
    ResourceIdentityData, get_resource_identity_schemas, upgrade_resource_identity,
};
use crate::provider::Provider;
use crate::value::Value;

impl<P: Provider> Server<P> {
    #[expect(clippy::unused_async, reason = "called like the others")]
    pub(crate) async fn identity_schemas(
        &self,
        _: get_resource_identity_schemas::Request,
    ) -> get_resource_identity_schemas::Response {
        let identities = self.catalog.identities.iter();
        get_resource_identity_schemas::Response {
            identity_schemas: identities
                .map(|(name, entry)| (name.clone(), entry.prepared.schema.to_identity_proto()))
                .collect(),
            diagnostics: self.schema_diagnostics(),
        }
    }

    pub(super) async fn upgrade_identity(
        &self,
        request: upgrade_resource_identity::Request,
    ) -> upgrade_resource_identity::Response {
        let mut diagnostics = Diagnostics::new();
        let result = self.try_upgrade_identity(request).await;
        upgrade_resource_identity::Response {
            upgraded_identity: diagnostics.absorb(result),
            diagnostics: diagnostics.into_proto(),
        }
    }

    async fn try_upgrade_identity(
        &self,
        request: upgrade_resource_identity::Request,
    ) -> Result<ResourceIdentityData> {
        let entry = self.identity(&request.type_name)?;
        let own_version = entry.prepared.schema.version;
        if request.version >= own_version {
            let detail = format!(
                "The identity was written by version {} of its schema, this provider has version \
                 {own_version}.",
                request.version
            );
            return Err(Diagnostic::error("Identity needs no upgrade", detail).into());
        }
        let raw = raw_state(request.raw_identity)?;
        let upgraded = caught(entry.object.upgrade(request.version, raw)).await?;
        encode(&entry.prepared, &upgraded)
    }

    /// The identity of a resource type, which must have one.
    pub(super) fn identity(&self, type_name: &str) -> Result<&IdentityEntry<P::Data>> {
        self.catalog.resource(type_name)?;
        self.catalog.identity(type_name).ok_or_else(|| {
            let detail = format!("Resources of the type {type_name:?} have no identity.");
            Diagnostic::error("No identity", detail).into()
        })
    }
}

/// Whether the identity of a resource must be what it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Continuity {
    /// It is new, or was only guessed from what the user wrote.
    Free,
    /// The resource was known by it.
    Kept,
}

impl<D> IdentityEntry<D> {
    /// The identity of the resource in this state, if it keeps to the rules. `before` is what the
    /// caller knows it by.
    pub(super) async fn of(
        &self,
        state: &Value,
        data: &D,
        before: Option<&ResourceIdentityData>,
        continuity: Continuity,
    ) -> Result<ResourceIdentityData>
    where
        D: Sync,
    {
        let state = state.clone();
        let identity = caught(async { self.object.of(state, data) }).await?;
        if continuity == Continuity::Kept && !self.object.may_change() {
            let before = self.read(before)?;
            if !all_null(&before) && before != identity {
                let detail = "The resource has another identity than it was known by. This is a \
                              bug in the provider: one with an identity that may change must say \
                              so.";
                return Err(Diagnostic::error("Unexpected change of identity", detail).into());
            }
        }
        encode(&self.prepared, &identity)
    }

    /// What the caller sent; null if it knows none.
    pub(super) fn read(&self, sent: Option<&ResourceIdentityData>) -> Result<Value> {
        let sent = sent.and_then(|sent| sent.identity_data.as_ref());
        self.prepared.decode(sent, "the identity")
    }

    /// What the caller sent, to be sent back; a null identity if it knows none, and an error if it
    /// is none.
    pub(super) fn echo(&self, sent: Option<ResourceIdentityData>) -> Result<ResourceIdentityData> {
        self.read(sent.as_ref())?;
        match sent {
            Some(sent) if sent.identity_data.is_some() => Ok(sent),
            _ => self.none(),
        }
    }

    /// The identity of what does not exist.
    pub(super) fn none(&self) -> Result<ResourceIdentityData> {
        let null = self.prepared.encode(&Value::Null, "an identity")?;
        Ok(ResourceIdentityData {
            identity_data: Some(null),
        })
    }
}

/// An identity as a message. One without any value identifies nothing.
pub(super) fn encode(prepared: &Prepared, identity: &Value) -> Result<ResourceIdentityData> {
    if all_null(identity) {
        let detail = "All attributes of the resource's identity are null. This is a bug in the \
                      provider.";
        return Err(Diagnostic::error("Missing identity", detail).into());
    }
    check_known(identity, "finding the identity").into_result()?;
    Ok(ResourceIdentityData {
        identity_data: Some(prepared.encode(identity, "an identity")?),
    })
}

fn all_null(identity: &Value) -> bool {
    let object = identity.as_object();
    object.is_none_or(|object| object.values().iter().all(Value::is_null))
}
