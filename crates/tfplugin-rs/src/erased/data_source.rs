//! Data sources.

use futures_util::future::BoxFuture;

use super::{Configurable, TypedDataSource};
use crate::context::Context;
use crate::data_source::DataSource;
use crate::diagnostics::Result;
use crate::model::Field;
use crate::value::Value;

pub(crate) trait DataSourceObject<D>: Configurable {
    fn read<'a>(&'a self, config: Value, cx: &'a mut Context<D>) -> BoxFuture<'a, Result<Value>>;
}

impl<S: DataSource> DataSourceObject<S::Data> for TypedDataSource<S> {
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
