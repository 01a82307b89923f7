//! Resources, data sources and functions without their types, as the server holds them.
//!
//! The typed traits have associated types and `async` methods and so cannot be trait objects. Here
//! each is wrapped once: values in, values out, futures boxed.

use futures_util::future::BoxFuture;

use crate::context::{Apply, Context, Validation};
use crate::data_source::DataSource;
use crate::diagnostics::Result;
use crate::function::{Arguments, Function, FunctionError, Signature};
use crate::model::Field;
use crate::resource::{MoveSource, RawState, Resource, ResourcePlan};
use crate::schema::Schema;
use crate::value::{Type, Value};

pub(crate) trait ResourceObject<D>: Send + Sync {
    fn schema(&self) -> Schema;
    fn model_type(&self) -> Type;
    fn validate<'a>(&'a self, cx: &'a mut Validation) -> BoxFuture<'a, Result<()>>;
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
    fn adopt(&self, source: MoveSource) -> BoxFuture<'_, Result<Option<Value>>>;
}

pub(crate) struct TypedResource<R>(pub(crate) R);

impl<R: Resource> ResourceObject<R::Data> for TypedResource<R> {
    fn schema(&self) -> Schema {
        self.0.schema()
    }

    fn model_type(&self) -> Type {
        R::Model::shape().ty()
    }

    fn validate<'a>(&'a self, cx: &'a mut Validation) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.0.validate(cx))
    }

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

    fn adopt(&self, source: MoveSource) -> BoxFuture<'_, Result<Option<Value>>> {
        Box::pin(async move { Ok(self.0.adopt(source).await?.map(|state| state.to_value())) })
    }
}

pub(crate) trait DataSourceObject<D>: Send + Sync {
    fn schema(&self) -> Schema;
    fn model_type(&self) -> Type;
    fn validate<'a>(&'a self, cx: &'a mut Validation) -> BoxFuture<'a, Result<()>>;
    fn read<'a>(&'a self, config: Value, cx: &'a mut Context<D>) -> BoxFuture<'a, Result<Value>>;
}

pub(crate) struct TypedDataSource<S>(pub(crate) S);

impl<S: DataSource> DataSourceObject<S::Data> for TypedDataSource<S> {
    fn schema(&self) -> Schema {
        self.0.schema()
    }

    fn model_type(&self) -> Type {
        S::Model::shape().ty()
    }

    fn validate<'a>(&'a self, cx: &'a mut Validation) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.0.validate(cx))
    }

    fn read<'a>(
        &'a self,
        config: Value,
        cx: &'a mut Context<S::Data>,
    ) -> BoxFuture<'a, Result<Value>> {
        Box::pin(async move {
            let config = S::Model::from_value(config)?;
            Ok(self.0.read(config, cx).await?.to_value())
        })
    }
}

pub(crate) trait FunctionObject: Send + Sync {
    fn signature(&self) -> Signature;
    fn output_type(&self) -> Type;
    fn call(&self, arguments: Vec<Value>) -> Result<Value, FunctionError>;
}

pub(crate) struct TypedFunction<F>(pub(crate) F);

impl<F: Function> FunctionObject for TypedFunction<F> {
    fn signature(&self) -> Signature {
        F::Arguments::signature()
    }

    fn output_type(&self) -> Type {
        F::Output::shape().ty()
    }

    fn call(&self, arguments: Vec<Value>) -> Result<Value, FunctionError> {
        let arguments = F::Arguments::from_values(arguments)?;
        Ok(self.0.call(arguments)?.to_value())
    }
}
