//! What a provider offers, without its types, as the server holds it.
//!
//! The typed traits have associated types and `async` methods and so cannot be trait objects. Here
//! each is wrapped once: values in, values out, futures boxed.

use futures_util::future::BoxFuture;

pub(crate) use self::action::ActionObject;
pub(crate) use self::data_source::DataSourceObject;
pub(crate) use self::ephemeral::EphemeralResourceObject;
pub(crate) use self::function::{FunctionObject, TypedFunction};
pub(crate) use self::list::ListResourceObject;
pub(crate) use self::resource::{IdentityObject, ResourceObject};
use crate::action::Action;
use crate::context::Validation;
use crate::data_source::DataSource;
use crate::diagnostics::Result;
use crate::ephemeral::EphemeralResource;
use crate::list::ListResource;
use crate::model::Field;
use crate::resource::Resource;
use crate::schema::Schema;
use crate::value::Type;

mod action;
mod data_source;
mod ephemeral;
mod function;
mod list;
mod resource;

/// Anything that a configuration has a block for.
pub(crate) trait Configurable: Send + Sync {
    fn schema(&self) -> Schema;
    /// The type of the model that holds the block's values.
    fn model_type(&self) -> Type;
    fn validate<'a>(&'a self, cx: &'a mut Validation) -> BoxFuture<'a, Result<()>>;
}

/// `Wrapper: Trait, associated type of the block;`
macro_rules! configurable {
    ($($wrapper:ident: $kind:ident, $model:ident;)*) => {
        $(
            pub(crate) struct $wrapper<T>(pub(crate) T);

            impl<T: $kind> Configurable for $wrapper<T> {
                fn schema(&self) -> Schema {
                    self.0.schema()
                }

                fn model_type(&self) -> Type {
                    T::$model::shape().ty()
                }

                fn validate<'a>(&'a self, cx: &'a mut Validation) -> BoxFuture<'a, Result<()>> {
                    Box::pin(self.0.validate(cx))
                }
            }
        )*
    };
}

configurable! {
    TypedAction: Action, Config;
    TypedDataSource: DataSource, Model;
    TypedEphemeralResource: EphemeralResource, Model;
    TypedListResource: ListResource, Config;
    TypedResource: Resource, Model;
}
