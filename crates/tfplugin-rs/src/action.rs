//! [`Action`]: something that is done, and leaves no state.

use std::future::Future;
use std::ops::{Deref, DerefMut};

use tokio::sync::mpsc;

use crate::context::{Context, Validation};
use crate::diagnostics::Result;
use crate::model::Model;
use crate::schema::Schema;
use crate::values::Values;

/// A kind of action: a restart, a purge, a key rotation. Configurations invoke it before or after
/// changes of a resource, people with `terraform apply -invoke`.
///
/// ```
/// # use tfplugin_rs::prelude::*;
/// # struct Api;
/// # impl Api { async fn purge(&self, _: &str) -> std::io::Result<u64> { Ok(0) } }
/// /// Empties queues.
/// #[derive(Model)]
/// struct PurgeConfig {
///     /// Names of the queues.
///     queues: Vec<String>,
/// }
///
/// struct Purge;
///
/// impl Action for Purge {
///     const NAME: &'static str = "purge";
///     type Data = Api;
///     type Config = PurgeConfig;
///
///     async fn invoke(&self, config: PurgeConfig, cx: &mut Invocation<Api>) -> Result<()> {
///         for queue in config.queues {
///             let messages = cx.data().purge(&queue).await?;
///             cx.progress(format!("{queue}: {messages} messages")).await;
///         }
///         Ok(())
///     }
/// }
/// ```
pub trait Action: Send + Sync + 'static {
    /// The type's name after the provider's: `purge` for `ferrymq_purge`.
    const NAME: &'static str;

    /// What the provider's `configure` returns.
    type Data: Send + Sync + 'static;

    /// What the `config` block of the `action` block says.
    type Config: Model;

    /// The schema of the `config` block. The default is the model's own.
    fn schema(&self) -> Schema {
        Self::Config::schema()
    }

    /// Checks a configuration beyond what validators of single attributes can. Values may still be
    /// unknown.
    fn validate(&self, cx: &mut Validation) -> impl Future<Output = Result<()>> + Send {
        let _ = cx;
        async { Ok(()) }
    }

    /// Refuses an invocation, or warns of it, while it is only planned. Values may still be
    /// unknown. The default has nothing to say.
    fn plan(
        &self,
        config: &Values,
        cx: &mut Context<Self::Data>,
    ) -> impl Future<Output = Result<()>> + Send {
        let _ = (config, cx);
        async { Ok(()) }
    }

    /// Does it. It runs to its end even if Terraform hangs up; one that takes long should watch
    /// [`Context::stop`], which then fires, and tell its [`Invocation::progress`].
    fn invoke(
        &self,
        config: Self::Config,
        cx: &mut Invocation<Self::Data>,
    ) -> impl Future<Output = Result<()>> + Send;
}

/// Given to [`Action::invoke`]: a [`Context`] that also tells how far it is.
#[derive(Debug)]
pub struct Invocation<D> {
    pub(crate) context: Context<D>,
    messages: mpsc::Sender<String>,
}

impl<D> Invocation<D> {
    pub(crate) fn new(context: Context<D>, messages: mpsc::Sender<String>) -> Self {
        Self { context, messages }
    }

    /// Shows a line to the person at the terminal, at once.
    pub async fn progress(&mut self, message: impl Into<String>) {
        // Nobody may be listening any more, which the stop signal tells.
        self.messages.send(message.into()).await.ok();
    }
}

impl<D> Deref for Invocation<D> {
    type Target = Context<D>;

    fn deref(&self) -> &Context<D> {
        &self.context
    }
}

impl<D> DerefMut for Invocation<D> {
    fn deref_mut(&mut self) -> &mut Context<D> {
        &mut self.context
    }
}
