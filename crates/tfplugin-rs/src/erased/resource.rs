//! Resources, and their identities.

use futures_util::future::BoxFuture;

use super::{Configurable, TypedResource};
use crate::context::{Apply, Context};
use crate::diagnostics::Result;
use crate::identity::Identified;
use crate::model::{Field, Model};
use crate::private::Private;
use crate::resource::{MoveSource, RawState, Resource, ResourcePlan};
use crate::schema::Schema;
use crate::value::{Type, Value};

pub(crate) trait ResourceObject<D>: Configurable {
    fn modify_plan<'a>(
        &'a self,
        plan: &'a mut ResourcePlan,
        cx: &'a mut Context<D>,
    ) -> BoxFuture<'a, Result<()>>;
    fn create<'a>(&'a self, plan: Value, cx: &'a mut Apply<D>) -> BoxFuture<'a, Result<Value>>;
    fn read<'a>(
        &'a self,
        state: Value,
        cx: &'a mut Context<D>,
    ) -> BoxFuture<'a, Result<Option<Value>>>;
    fn update<'a>(
        &'a self,
        prior: Value,
        plan: Value,
        cx: &'a mut Apply<D>,
    ) -> BoxFuture<'a, Result<Value>>;
    fn delete<'a>(&'a self, state: Value, cx: &'a mut Context<D>) -> BoxFuture<'a, Result<()>>;
    fn import<'a>(&'a self, id: &'a str, cx: &'a mut Context<D>) -> BoxFuture<'a, Result<Value>>;
    fn upgrade(&self, version: i64, state: RawState) -> BoxFuture<'_, Result<Value>>;
    fn adopt<'a>(
        &'a self,
        source: MoveSource,
        private: &'a mut Private,
    ) -> BoxFuture<'a, Result<Option<Value>>>;
}

impl<R: Resource> ResourceObject<R::Data> for TypedResource<R> {
    fn modify_plan<'a>(
        &'a self,
        plan: &'a mut ResourcePlan,
        cx: &'a mut Context<R::Data>,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.0.modify_plan(plan, cx))
    }

    fn create<'a>(
        &'a self,
        plan: Value,
        cx: &'a mut Apply<R::Data>,
    ) -> BoxFuture<'a, Result<Value>> {
        Box::pin(async move {
            let plan = R::Model::from_value(plan)?;
            Ok(self.0.create(plan, cx).await?.to_value())
        })
    }

    fn read<'a>(
        &'a self,
        state: Value,
        cx: &'a mut Context<R::Data>,
    ) -> BoxFuture<'a, Result<Option<Value>>> {
        Box::pin(async move {
            let state = R::Model::from_value(state)?;
            Ok(self.0.read(state, cx).await?.map(|state| state.to_value()))
        })
    }

    fn update<'a>(
        &'a self,
        prior: Value,
        plan: Value,
        cx: &'a mut Apply<R::Data>,
    ) -> BoxFuture<'a, Result<Value>> {
        Box::pin(async move {
            let prior = R::Model::from_value(prior)?;
            let plan = R::Model::from_value(plan)?;
            Ok(self.0.update(prior, plan, cx).await?.to_value())
        })
    }

    fn delete<'a>(
        &'a self,
        state: Value,
        cx: &'a mut Context<R::Data>,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let state = R::Model::from_value(state)?;
            self.0.delete(state, cx).await
        })
    }

    fn import<'a>(
        &'a self,
        id: &'a str,
        cx: &'a mut Context<R::Data>,
    ) -> BoxFuture<'a, Result<Value>> {
        Box::pin(async move { Ok(self.0.import(id, cx).await?.to_value()) })
    }

    fn upgrade(&self, version: i64, state: RawState) -> BoxFuture<'_, Result<Value>> {
        Box::pin(async move { Ok(self.0.upgrade(version, state).await?.to_value()) })
    }

    fn adopt<'a>(
        &'a self,
        source: MoveSource,
        private: &'a mut Private,
    ) -> BoxFuture<'a, Result<Option<Value>>> {
        Box::pin(async move {
            let adopted = self.0.adopt(source, private).await?;
            Ok(adopted.map(|state| state.to_value()))
        })
    }
}

/// The identity of a resource that has one.
pub(crate) trait IdentityObject<D>: Send + Sync {
    fn schema(&self) -> Schema;
    fn model_type(&self) -> Type;
    fn may_change(&self) -> bool;
    /// The identity of the resource in this state.
    fn of(&self, state: Value, data: &D) -> Result<Value>;
    fn import<'a>(
        &'a self,
        identity: Value,
        cx: &'a mut Context<D>,
    ) -> BoxFuture<'a, Result<Value>>;
    fn upgrade(&self, version: i64, identity: RawState) -> BoxFuture<'_, Result<Value>>;
}

impl<R: Identified> IdentityObject<R::Data> for TypedResource<R> {
    fn schema(&self) -> Schema {
        R::Identity::schema()
    }

    fn model_type(&self) -> Type {
        R::Identity::shape().ty()
    }

    fn may_change(&self) -> bool {
        R::IDENTITY_MAY_CHANGE
    }

    fn of(&self, state: Value, data: &R::Data) -> Result<Value> {
        let state = R::Model::from_value(state)?;
        Ok(self.0.identity(&state, data).to_value())
    }

    fn import<'a>(
        &'a self,
        identity: Value,
        cx: &'a mut Context<R::Data>,
    ) -> BoxFuture<'a, Result<Value>> {
        Box::pin(async move {
            let identity = R::Identity::from_value(identity)?;
            Ok(self.0.import_by_identity(identity, cx).await?.to_value())
        })
    }

    fn upgrade(&self, version: i64, identity: RawState) -> BoxFuture<'_, Result<Value>> {
        Box::pin(async move { Ok(self.0.upgrade_identity(version, identity).await?.to_value()) })
    }
}
