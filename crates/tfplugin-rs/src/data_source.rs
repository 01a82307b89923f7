//! [`DataSource`]: something that Terraform only reads.

use std::future::Future;

use crate::context::{Context, Validation};
use crate::diagnostics::Result;
use crate::model::Model;
use crate::schema::Schema;

/// A kind of data source.
pub trait DataSource: Send + Sync + 'static {
    /// The type's name after the provider's: `queue` for `ferrymq_queue`.
    const NAME: &'static str;

    /// What the provider's `configure` returns.
    type Data: Send + Sync + 'static;

    /// Arguments and results in one.
    type Model: Model;

    /// The schema. The default is the model's own.
    fn schema(&self) -> Schema {
        Self::Model::schema()
    }

    /// Checks a configuration beyond what validators of single attributes can.
    fn validate(&self, cx: &mut Validation) -> impl Future<Output = Result<()>> + Send {
        let _ = cx;
        async { Ok(()) }
    }

    /// Reads what the configuration asks for. Computed attributes arrive null, except those with a
    /// default; all values returned must be known.
    fn read(
        &self,
        config: Self::Model,
        cx: &mut Context<Self::Data>,
    ) -> impl Future<Output = Result<Self::Model>> + Send;
}
