//! Ephemeral resources.

use futures_util::future::BoxFuture;

use super::{Configurable, TypedEphemeralResource};
use crate::context::Context;
use crate::diagnostics::Result;
use crate::ephemeral::{EphemeralResource, Lease};
use crate::model::Field;
use crate::value::Value;

pub(crate) trait EphemeralResourceObject<D>: Configurable {
    fn open<'a>(&'a self, config: Value, cx: &'a mut Lease<D>) -> BoxFuture<'a, Result<Value>>;
    fn renew<'a>(&'a self, cx: &'a mut Lease<D>) -> BoxFuture<'a, Result<()>>;
    fn close<'a>(&'a self, cx: &'a mut Context<D>) -> BoxFuture<'a, Result<()>>;
}

impl<E: EphemeralResource> EphemeralResourceObject<E::Data> for TypedEphemeralResource<E> {
    fn open<'a>(
        &'a self,
        config: Value,
        cx: &'a mut Lease<E::Data>,
    ) -> BoxFuture<'a, Result<Value>> {
        Box::pin(async move {
            let config = E::Model::from_value(config)?;
            Ok(self.0.open(config, cx).await?.to_value())
        })
    }

    fn renew<'a>(&'a self, cx: &'a mut Lease<E::Data>) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.0.renew(cx))
    }

    fn close<'a>(&'a self, cx: &'a mut Context<E::Data>) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.0.close(cx))
    }
}
