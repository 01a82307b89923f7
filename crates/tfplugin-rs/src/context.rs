//! What every operation has at hand: the provider's data, the stop signal, private state, warnings,
//! and a way to put itself off.

use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use tokio::time::Instant;

use crate::deferral::{Deferral, Outcome, Putting};
use crate::diagnostics::{Diagnostic, Diagnostics, Result};
use crate::model::{Field, Model};
use crate::path::{AttributePath, PathExpression, leads_somewhere};
use crate::private::Private;
use crate::rule::Rule;
use crate::timeouts::Limit;
use crate::transport::StopToken;
use crate::types::Period;
use crate::validate::{Report, Surroundings};
use crate::value::Value;
use crate::values::Values;

/// Given to every operation of everything but functions.
#[derive(Debug)]
pub struct Context<D> {
    data: Arc<D>,
    stop: StopToken,
    meta: Option<Values>,
    putting: Putting,
    /// How long the operation may take, and until when that is.
    limit: Option<(Limit, Instant)>,
    pub(crate) private: Private,
    pub(crate) diagnostics: Diagnostics,
}

impl<D> Context<D> {
    pub(crate) fn new(data: Arc<D>, stop: StopToken, private: Private) -> Self {
        Self {
            data,
            stop,
            meta: None,
            putting: Putting::default(),
            limit: None,
            private,
            diagnostics: Diagnostics::new(),
        }
    }

    /// With what the module says to the provider.
    pub(crate) fn with_meta(mut self, meta: Option<Values>) -> Self {
        self.meta = meta;
        self
    }

    /// With what the caller allows.
    pub(crate) fn putting(mut self, putting: Putting) -> Self {
        self.putting = putting;
        self
    }

    /// Ends the operation: what was said goes into `diagnostics`, what it came to is returned.
    pub(crate) fn finish<T>(
        &mut self,
        result: Result<T>,
        diagnostics: &mut Diagnostics,
    ) -> Result<Outcome<T>> {
        diagnostics.extend(std::mem::take(&mut self.diagnostics));
        self.putting.outcome(result)
    }

    /// What [`Provider::configure`](crate::Provider::configure) returned.
    pub fn data(&self) -> &D {
        &self.data
    }

    /// What [`Provider::configure`](crate::Provider::configure) returned, to move into tasks.
    pub fn shared_data(&self) -> Arc<D> {
        Arc::clone(&self.data)
    }

    /// Set when the person at the terminal interrupts. Long waits should end then and report what
    /// has been done so far; Terraform waits for the answer and saves it. Also set when the caller
    /// hangs up: what changes something is then not cut off, but nobody hears its answer.
    pub fn stop(&self) -> &StopToken {
        &self.stop
    }

    /// The clock of the operation starts now.
    pub(crate) fn limited(mut self, limit: Option<Limit>) -> Self {
        let now = Instant::now();
        // A deadline too far away to be told is none.
        self.limit = limit.and_then(|limit| {
            let deadline = now.checked_add(limit.timeout)?;
            Some((limit, deadline))
        });
        self
    }

    /// When the operation should be over: the configuration's [`Timeouts`](crate::Timeouts), or
    /// their default. `None` if the schema has none for it.
    pub fn deadline(&self) -> Option<Instant> {
        self.limit.as_ref().map(|(_, deadline)| *deadline)
    }

    /// Waits for `work`, at most until the deadline. Then it is dropped, and the error says which
    /// timeout to raise. A stop is the work's own business: see [`Context::stop`].
    pub async fn within_deadline<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let Some((limit, deadline)) = &self.limit else {
            return work.await;
        };
        let Limit {
            operation,
            member,
            timeout,
        } = limit;
        match tokio::time::timeout_at(*deadline, work).await {
            Ok(result) => result,
            Err(_) => {
                let detail = format!(
                    "It was not done within {}. Raise `{operation}` in `{member}` if it needs \
                     longer.",
                    Period(*timeout)
                );
                Err(Diagnostic::error("The operation took too long", detail)
                    .at(AttributePath::from(member.as_str()).attribute(operation.name()))
                    .into())
            }
        }
    }

    /// Private state of the resource.
    pub fn private(&self) -> &Private {
        &self.private
    }

    /// Private state of the resource. Changes are kept by create, read, update and import, and
    /// travel from plan to apply; those of an ephemeral resource, from open to renew and close.
    pub fn private_mut(&mut self) -> &mut Private {
        &mut self.private
    }

    /// What the module that holds the resource or data source says to this provider in its
    /// `provider_meta` block: `None` if it has none, or in operations that Terraform gives none
    /// (import, and everything that is neither resource nor data source). `M` is the model given to
    /// [`Contents::provider_meta`](crate::Contents::provider_meta).
    pub fn meta<M: Model>(&self) -> Result<Option<M>> {
        self.meta.as_ref().map(Values::model).transpose()
    }

    /// True if [`Context::defer`] may put this operation off.
    pub fn deferral_allowed(&self) -> bool {
        self.putting.is_allowed()
    }

    /// Puts the operation off to a later run: `return Err(cx.defer(reason))`.
    ///
    /// Only a caller that has announced it can do this, today a Terraform with the experiment turned
    /// on. With any other, what is returned is the error that says so. Creating, changing and
    /// deleting a resource cannot be put off at all: that is decided when it is read or planned.
    ///
    /// Terraform 1.11 announces it by mistake for what it reads and plans anew during an apply, and
    /// fails when it is taken at its word. By then everything is known; put off only for what is
    /// unknown, and it will not happen.
    #[must_use = "end the operation with it: `return Err(cx.defer(…))`"]
    pub fn defer(&mut self, reason: Deferral) -> Diagnostics {
        self.putting.off(reason)
    }

    /// Shows a warning, or an error that does not stop this operation here but fails it.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }
}

/// Given to create and update: a [`Context`] that also knows the configuration and can keep what
/// has been done so far.
#[derive(Debug)]
pub struct Apply<D> {
    pub(crate) context: Context<D>,
    config: Values,
    pub(crate) saved: Option<Value>,
}

impl<D> Apply<D> {
    pub(crate) fn new(context: Context<D>, config: Values) -> Self {
        Self {
            context,
            config,
            saved: None,
        }
    }

    /// The configuration. Write-only values are also in the plan that create and update are given.
    pub fn config(&self) -> &Values {
        &self.config
    }

    /// Keeps `state` in case a later step fails: Terraform then stores it together with the error,
    /// so that what was made so far is known to the next run. After a successful return it has no
    /// effect.
    pub fn save<M: Model>(&mut self, state: &M) {
        self.saved = Some(state.to_value());
    }

    /// Takes back [`Self::save`]: what was made so far is gone again, and nothing is to be known of it.
    pub fn unsave(&mut self) {
        self.saved = None;
    }
}

impl<D> Deref for Apply<D> {
    type Target = Context<D>;

    fn deref(&self) -> &Context<D> {
        &self.context
    }
}

impl<D> DerefMut for Apply<D> {
    fn deref_mut(&mut self) -> &mut Context<D> {
        &mut self.context
    }
}

/// Given to the validation of a configuration, which happens before the provider is configured.
#[derive(Debug)]
pub struct Validation {
    config: Values,
    surroundings: Surroundings,
    pub(crate) diagnostics: Diagnostics,
}

impl Validation {
    pub(crate) fn new(
        config: Values,
        surroundings: Surroundings,
        diagnostics: Diagnostics,
    ) -> Self {
        Self {
            config,
            surroundings,
            diagnostics,
        }
    }

    /// The configuration; any value may be unknown, so read with [`Attr`](crate::Attr).
    pub fn config(&self) -> &Values {
        &self.config
    }

    /// The value of an attribute: `config().get(path)`.
    pub fn get<T: Field>(&self, path: impl Into<AttributePath>) -> Result<T> {
        self.config.get(path)
    }

    /// Adds an error or a warning and goes on.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// Applies a [rule](crate::rule) over several attributes that holds only sometimes. One that
    /// always holds belongs on the model, where the schema's check sees it: `#[model(rule = …)]`.
    ///
    /// # Errors
    /// If the rule is about something that the schema does not have.
    pub fn follow(&mut self, rule: &Rule) -> Result<()> {
        let ty = self.config.ty();
        let is_missing = |mention: &&PathExpression| {
            let steps = mention.resolve(&[], 0);
            !steps.is_some_and(|steps| leads_somewhere(&ty, &steps))
        };
        if let Some(missing) = rule.mentions.iter().find(is_missing) {
            let detail = format!(
                "A rule is about `{missing}`, which the schema does not have. This is a bug in the \
                 provider."
            );
            return Err(Diagnostic::error("No such attribute", detail).into());
        }
        let root = AttributePath::root();
        let mut report = Report::new(root, 0, false, &self.surroundings, &mut self.diagnostics);
        rule.check(&self.surroundings.config, &mut report);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::rule;
    use crate::schema::{Attribute, Block, Members, Nesting, Schema};
    use crate::value::Type;

    #[tokio::test(start_paused = true)]
    async fn work_ends_at_the_deadline_with_the_timeout_to_raise() {
        let context = || Context::new(Arc::new(()), StopToken::default(), Private::default());
        let limit = |seconds| Limit {
            operation: crate::Operation::Create,
            member: "timeouts".to_owned(),
            timeout: Duration::from_secs(seconds),
        };
        let work = async {
            tokio::time::sleep_until(Instant::now() + Duration::from_secs(60)).await;
            Ok(7)
        };
        let short = context().limited(Some(limit(59)));
        let left = short.deadline().map(|deadline| deadline - Instant::now());
        assert_eq!(left, Some(Duration::from_secs(59)));
        assert_eq!(
            short.within_deadline(work).await.unwrap_err().to_string(),
            "error: The operation took too long (at timeouts.create): It was not done within 59s. \
             Raise `create` in `timeouts` if it needs longer."
        );
        let work = || async {
            tokio::time::sleep_until(Instant::now() + Duration::from_secs(60)).await;
            Ok(7)
        };
        let long = context().limited(Some(limit(61)));
        assert_eq!(long.within_deadline(work()).await.unwrap(), 7);
        let endless = context().limited(Some(limit(u64::MAX)));
        assert_eq!(endless.deadline(), None);
        assert_eq!(endless.within_deadline(work()).await.unwrap(), 7);
        assert_eq!(context().deadline(), None);
    }

    /// Has the attributes `a` and `b`, and blocks `c` that may be absent.
    fn validation(a: &str, b: &str, write_only_allowed: bool) -> Validation {
        let member = |name| Attribute::new(name, Type::String).optional();
        let inner = Members::new().with(member("d"));
        let schema = Schema::new()
            .with(member("a"))
            .with(member("b"))
            .with(Block::new("c", Nesting::List, inner));
        let config = Value::object([
            ("a", Value::from(a)),
            ("b", b.into()),
            ("c", Value::List(Vec::new())),
        ]);
        let surroundings = Surroundings::new(&schema, &config, write_only_allowed);
        let ty = Arc::new(schema.object_type());
        Validation::new(Values::new(config, ty), surroundings, Diagnostics::new())
    }

    #[test]
    fn rules_that_hold_sometimes_are_followed_on_request() {
        let mut cx = validation("x", "y", false);
        cx.follow(&rule::required_together(["a", "b"])).unwrap();
        // A block that is not there is not set.
        cx.follow(&rule::conflicting(["a", "c"])).unwrap();
        cx.follow(&rule::prefer_write_only("a", "b")).unwrap();
        assert_eq!(cx.diagnostics.to_string(), "");
        cx.follow(&rule::conflicting(["a", "b"])).unwrap();
        assert_eq!(
            cx.diagnostics.to_string(),
            "error: Invalid combination of attributes (at a): Only one of `a`, `b` can be set."
        );
    }

    #[test]
    fn rules_recommend_write_only_attributes_to_callers_that_know_them() {
        let mut cx = validation("x", "y", true);
        cx.follow(&rule::prefer_write_only("a", "b")).unwrap();
        let said = cx.diagnostics.to_string();
        let expected = "warning: A write-only attribute is available (at a)";
        assert!(said.starts_with(expected), "{said}");
    }

    #[test]
    fn rules_about_what_is_not_there_are_refused() {
        use crate::path::{parent, root};
        for (rule, named) in [
            (rule::conflicting(["a", "typo"]), "typo"),
            (rule::at_least_one_of(["typo"]), "typo"),
            (rule::prefer_write_only("a", "b_wo"), "b_wo"),
            (rule::conflicting([root().at("c").at("d")]), "c.d"),
            (rule::conflicting([parent().at("a")]), "<.a"),
        ] {
            let mut cx = validation("x", "y", true);
            let error = cx.follow(&rule).unwrap_err().to_string();
            assert!(error.contains(&format!("`{named}`")), "{error}");
            assert!(cx.diagnostics.is_empty(), "{}", cx.diagnostics);
        }
        let inside = root().at("c").any_index().at("d");
        let rule = rule::conflicting([inside]);
        validation("x", "y", true).follow(&rule).unwrap();
    }
}
