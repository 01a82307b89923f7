//! [`EphemeralResource`]: something that exists only while Terraform runs.

use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::time::{Duration, SystemTime};

use crate::context::{Context, Validation};
use crate::diagnostics::{Diagnostic, Result};
use crate::model::Model;
use crate::schema::Schema;

/// A kind of ephemeral resource: a lease, a token, a tunnel. Terraform opens it in each phase of a
/// run that needs it, has it renewed for as long as it is in use, and closes it afterwards. Its
/// values reach providers, provisioners and write-only arguments; none is ever stored.
///
/// A run that is interrupted does not close what it opened (seen with Terraform 1.11.4), and one
/// that is killed cannot. So what `open` makes must end by itself: give it a lifetime at the
/// service and renew that.
///
/// ```
/// # use std::time::Duration;
/// # use tfplugin_rs::prelude::*;
/// # struct Api;
/// # impl Api {
/// #     async fn lend(&self, _: &str) -> std::io::Result<(u64, String)> { Ok((1, "t".into())) }
/// #     async fn extend(&self, _: u64) -> std::io::Result<()> { Ok(()) }
/// #     async fn end(&self, _: u64) -> std::io::Result<()> { Ok(()) }
/// # }
/// /// A token, valid while Terraform runs.
/// #[derive(Model)]
/// struct Token {
///     /// Who it is for.
///     user: String,
///     /// The token.
///     #[attr(computed, sensitive)]
///     token: Attr<String>,
/// }
///
/// struct TokenResource;
///
/// impl EphemeralResource for TokenResource {
///     const NAME: &'static str = "token";
///     type Data = Api;
///     type Model = Token;
///
///     async fn open(&self, mut config: Token, cx: &mut Lease<Api>) -> Result<Token> {
///         let (id, token) = cx.data().lend(&config.user).await?;
///         cx.private_mut().set("id", &id)?;
///         cx.renew_after(Duration::from_secs(60));
///         config.token = token.into();
///         Ok(config)
///     }
///
///     async fn renew(&self, cx: &mut Lease<Api>) -> Result<()> {
///         let id: u64 = cx.private().get("id")?.unwrap_or_default();
///         cx.data().extend(id).await?;
///         cx.renew_after(Duration::from_secs(60));
///         Ok(())
///     }
///
///     async fn close(&self, cx: &mut Context<Api>) -> Result<()> {
///         let id: u64 = cx.private().get("id")?.unwrap_or_default();
///         Ok(cx.data().end(id).await?)
///     }
/// }
/// ```
pub trait EphemeralResource: Send + Sync + 'static {
    /// The type's name after the provider's: `token` for `ferrymq_token`.
    const NAME: &'static str;

    /// What the provider's `configure` returns.
    type Data: Send + Sync + 'static;

    /// Arguments and results in one.
    type Model: Model;

    /// The schema. The default is the model's own.
    fn schema(&self) -> Schema {
        Self::Model::schema()
    }

    /// Checks a configuration beyond what validators of single attributes can. Values may still be
    /// unknown.
    fn validate(&self, cx: &mut Validation) -> impl Future<Output = Result<()>> + Send {
        let _ = cx;
        async { Ok(()) }
    }

    /// Opens what the configuration asks for. Computed attributes arrive null, except those with a
    /// default; all values returned must be known. What `renew` and `close` need to know goes into
    /// [`Context::private_mut`]: they are given nothing else.
    ///
    /// Terraform closes only what has been answered. So if the values returned break a rule, or an
    /// error was [pushed](Context::push), `close` is called at once; where `open` itself fails, it
    /// leaves nothing open.
    fn open(
        &self,
        config: Self::Model,
        cx: &mut Lease<Self::Data>,
    ) -> impl Future<Output = Result<Self::Model>> + Send;

    /// Makes it last longer. Called when the time has come that [`Lease::renew_after`] set, which
    /// must be set anew for a further renewal. The values stay what they were. The default fails,
    /// since without a time to renew it is never called.
    fn renew(&self, cx: &mut Lease<Self::Data>) -> impl Future<Output = Result<()>> + Send {
        let _ = cx;
        async {
            let detail = "Ephemeral resources of this type are not renewed.";
            Err(Diagnostic::error("Renewal is not supported", detail).into())
        }
    }

    /// Ends it. That it has ended already is success. The default does nothing.
    fn close(&self, cx: &mut Context<Self::Data>) -> impl Future<Output = Result<()>> + Send {
        let _ = cx;
        async { Ok(()) }
    }
}

/// Given to open and renew: a [`Context`] that also says when the next renewal is due.
#[derive(Debug)]
pub struct Lease<D> {
    pub(crate) context: Context<D>,
    pub(crate) renew_at: Option<SystemTime>,
}

impl<D> Lease<D> {
    pub(crate) fn new(context: Context<D>) -> Self {
        Self {
            context,
            renew_at: None,
        }
    }

    /// Asks for a renewal after this time. Leave room: Terraform may be late by a few seconds.
    pub fn renew_after(&mut self, time: Duration) {
        let at = SystemTime::now().checked_add(time);
        self.renew_at(at.unwrap_or_else(end_of_time));
    }

    /// Asks for a renewal at this time.
    pub fn renew_at(&mut self, time: SystemTime) {
        self.renew_at = Some(time.min(end_of_time()));
    }
}

/// The last second of the year 9999, beyond which the protocol cannot tell the time.
fn end_of_time() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(253_402_300_799)
}

impl<D> Deref for Lease<D> {
    type Target = Context<D>;

    fn deref(&self) -> &Context<D> {
        &self.context
    }
}

impl<D> DerefMut for Lease<D> {
    fn deref_mut(&mut self) -> &mut Context<D> {
        &mut self.context
    }
}
