//! Actions.

use futures_util::future::BoxFuture;

use super::{Configurable, TypedAction};
use crate::action::{Action, Invocation};
use crate::context::Context;
use crate::diagnostics::Result;
use crate::model::Field;
use crate::value::Value;
use crate::values::Values;

pub(crate) trait ActionObject<D>: Configurable {
    fn plan<'a>(&'a self, config: &'a Values, cx: &'a mut Context<D>) -> BoxFuture<'a, Result<()>>;
    fn invoke<'a>(&'a self, config: Value, cx: &'a mut Invocation<D>) -> BoxFuture<'a, Result<()>>;
}

impl<A: Action> ActionObject<A::Data> for TypedAction<A> {
    fn plan<'a>(
        &'a self,
        config: &'a Values,
        cx: &'a mut Context<A::Data>,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.0.plan(config, cx))
    }

    fn invoke<'a>(
        &'a self,
        config: Value,
        cx: &'a mut Invocation<A::Data>,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let config = A::Config::from_value(config)?;
            self.0.invoke(config, cx).await
        })
    }
}
