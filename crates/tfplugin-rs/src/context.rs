//! What every operation has at hand: the provider's data, the stop signal, private state, warnings,
//! and a way to put itself off.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use crate::deferral::{Deferral, Outcome, Putting};
use crate::diagnostics::{Diagnostic, Diagnostics, Result};
use crate::model::{Field, Model};
use crate::private::Private;
use crate::transport::StopToken;
use crate::value::Value;
use crate::values::Values;

/// Given to every operation of everything but functions.
#[derive(Debug)]
pub struct Context<D> {
    data: Arc<D>,
    stop: StopToken,
    meta: Option<Values>,
    putting: Putting,
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

    /// With another signal to stop.
    pub(crate) fn stopped_by(mut self, stop: StopToken) -> Self {
        self.stop = stop;
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
    /// has been done so far; Terraform waits for the answer and saves it.
    pub fn stop(&self) -> &StopToken {
        &self.stop
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
    pub(crate) diagnostics: Diagnostics,
}

impl Validation {
    pub(crate) fn new(config: Values, diagnostics: Diagnostics) -> Self {
        Self {
            config,
            diagnostics,
        }
    }

    /// The configuration; any value may be unknown, so read with [`Attr`](crate::Attr).
    pub fn config(&self) -> &Values {
        &self.config
    }

    /// The value of an attribute: `config().get(path)`.
    pub fn get<T: Field>(&self, path: impl Into<crate::AttributePath>) -> Result<T> {
        self.config.get(path)
    }

    /// Adds an error or a warning and goes on.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }
}

/// Rules over several attributes. An unknown one among them postpones the rule until it is known.
impl Validation {
    /// At most one of these attributes may be set.
    pub fn conflicting(&mut self, names: &[&str]) -> Result<()> {
        if let Some(set) = self.set_of(names)?
            && set.len() > 1
        {
            self.refuse(
                "Conflicting arguments",
                set[1],
                names,
                "At most one of them may be set",
            );
        }
        Ok(())
    }

    /// Exactly one of these attributes must be set.
    pub fn exactly_one_of(&mut self, names: &[&str]) -> Result<()> {
        self.conflicting(names)?;
        self.at_least_one_of(names)
    }

    /// At least one of these attributes must be set.
    pub fn at_least_one_of(&mut self, names: &[&str]) -> Result<()> {
        if let (Some(set), Some(first)) = (self.set_of(names)?, names.first())
            && set.is_empty()
        {
            self.refuse("Missing argument", first, names, "One of them must be set");
        }
        Ok(())
    }

    /// Either all of these attributes must be set or none.
    pub fn required_together(&mut self, names: &[&str]) -> Result<()> {
        let Some(set) = self.set_of(names)? else {
            return Ok(());
        };
        let missing = names.iter().find(|name| !set.contains(*name));
        if let (Some(missing), false) = (missing, set.is_empty()) {
            self.refuse(
                "Missing argument",
                missing,
                names,
                "All of them must be set, or none",
            );
        }
        Ok(())
    }

    /// Which of these attributes of the root are set; `None` while that is not known of all.
    fn set_of<'n>(&self, names: &[&'n str]) -> Result<Option<Vec<&'n str>>> {
        let mut set = Vec::new();
        for name in names {
            let value = self.config.look_up_at(*name)?;
            if value.is_unknown() {
                return Ok(None);
            }
            if !value.is_null() {
                set.push(*name);
            }
        }
        Ok(Some(set))
    }

    fn refuse(&mut self, summary: &str, at: &str, names: &[&str], rule: &str) {
        let listed: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        let detail = format!(
            "The arguments {} belong together. {rule}.",
            listed.join(", ")
        );
        self.push(Diagnostic::error(summary, detail).at(at));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::{ObjectType, Type};

    type Rule = fn(&mut Validation, &[&str]) -> Result<()>;

    /// Applies a rule to `a` and `b`; `?` stands for unknown, `-` for null, else it is set.
    fn check(rule: Rule, values: &str) -> String {
        let value = |mark: Option<char>| match mark {
            Some('?') => Value::Unknown,
            Some('-') => Value::Null,
            other => Value::from(other.map(String::from)),
        };
        let ty = ObjectType::new([("a", Type::String), ("b", Type::String)]);
        let mut marks = values.chars();
        let config = Value::object([("a", value(marks.next())), ("b", value(marks.next()))]);
        let mut cx = Validation::new(Values::new(config, Arc::new(ty)), Diagnostics::new());
        rule(&mut cx, &["a", "b"]).unwrap();
        cx.diagnostics
            .iter()
            .map(|d| format!("{} at {}", d.summary, d.path))
            .collect()
    }

    #[test]
    fn rules_over_several_attributes() {
        let (conflict, missing_a) = ("Conflicting arguments at b", "Missing argument at a");
        for (rule, values, found) in [
            (Validation::conflicting as Rule, "xx", conflict),
            (Validation::conflicting, "x-", ""),
            (Validation::conflicting, "x?", ""),
            (Validation::exactly_one_of, "xx", conflict),
            (Validation::exactly_one_of, "-x", ""),
            (Validation::exactly_one_of, "--", missing_a),
            (Validation::exactly_one_of, "?-", ""),
            (Validation::at_least_one_of, "--", missing_a),
            (Validation::at_least_one_of, "xx", ""),
            (Validation::required_together, "--", ""),
            (Validation::required_together, "xx", ""),
            (Validation::required_together, "x-", "Missing argument at b"),
            (Validation::required_together, "-x", missing_a),
            (Validation::required_together, "-?", ""),
        ] {
            assert_eq!(check(rule, values), found, "{values}");
        }
    }
}
