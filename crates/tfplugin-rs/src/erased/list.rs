//! List resources.

use futures_util::future::BoxFuture;

use super::{Configurable, TypedListResource};
use crate::diagnostics::{Diagnostics, Result};
use crate::list::{ListRequest, ListResource, Listing};
use crate::model::Field;
use crate::resource::Resource;
use crate::value::Value;

pub(crate) trait ListResourceObject<D>: Configurable {
    /// Lists into the request's channel. Gives what was said besides the outcome, then the outcome.
    fn list(
        &self,
        config: Value,
        request: ListRequest<D>,
    ) -> BoxFuture<'_, (Diagnostics, Result<()>)>;
}

/// What the provider's `configure` returns for the resources that `L` lists.
type DataOf<L> = <<L as ListResource>::Resource as Resource>::Data;

impl<L: ListResource> ListResourceObject<DataOf<L>> for TypedListResource<L> {
    fn list(
        &self,
        config: Value,
        request: ListRequest<DataOf<L>>,
    ) -> BoxFuture<'_, (Diagnostics, Result<()>)> {
        Box::pin(async move {
            let mut cx = Listing::new(request);
            let result = match L::Config::from_value(config) {
                Ok(config) => self.0.list(config, &mut cx).await,
                Err(error) => Err(error.into()),
            };
            (cx.into_diagnostics(), result)
        })
    }
}
