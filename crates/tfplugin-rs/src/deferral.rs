//! [`Deferral`]: putting an operation off to a later run.

use crate::diagnostics::{Diagnostic, Diagnostics, Result};
use crate::proto::tfplugin6 as proto;

/// Why an operation is put off. See [`Context::defer`](crate::Context::defer).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deferral {
    /// Something that must exist first does not exist yet.
    AbsentPrerequisite,
    /// The provider block has values that are not known yet.
    ProviderConfigUnknown,
    /// The configuration has values that are not known yet.
    ResourceConfigUnknown,
}

impl Deferral {
    pub(crate) fn to_proto(self) -> proto::Deferred {
        use proto::deferred::Reason;
        let reason = match self {
            Self::AbsentPrerequisite => Reason::AbsentPrereq,
            Self::ProviderConfigUnknown => Reason::ProviderConfigUnknown,
            Self::ResourceConfigUnknown => Reason::ResourceConfigUnknown,
        };
        proto::Deferred {
            reason: reason.into(),
        }
    }
}

/// Whether one operation may be put off, and whether it is.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Putting {
    is_allowed: bool,
    off: Option<Deferral>,
}

impl Putting {
    /// As the caller has announced. One that announces nothing allows nothing.
    pub(crate) fn allowed_by(capabilities: Option<proto::ClientCapabilities>) -> Self {
        Self {
            is_allowed: capabilities.is_some_and(|client| client.deferral_allowed),
            off: None,
        }
    }

    pub(crate) fn is_allowed(self) -> bool {
        self.is_allowed
    }

    /// Remembers the reason. What is given back is for the operation to end with: nothing, or that
    /// the caller does not allow it.
    pub(crate) fn off(&mut self, reason: Deferral) -> Diagnostics {
        if self.is_allowed {
            self.off = Some(reason);
            return Diagnostics::new();
        }
        let detail = "The provider cannot go on yet, and this run has no way to put that off. \
                      Apply what it depends on first, with `-target`.";
        Diagnostic::error("The operation would have to be deferred", detail).into()
    }

    /// What an operation came to, given its result.
    pub(crate) fn outcome<T>(self, result: Result<T>) -> Result<Outcome<T>> {
        match (result, self.off) {
            (Ok(value), None) => Ok(Outcome::Done(value)),
            (Ok(_), Some(reason)) => Ok(Outcome::PutOff(reason)),
            (Err(said), Some(reason)) if !said.has_error() => Ok(Outcome::PutOff(reason)),
            (Err(mut said), _) => {
                if !said.has_error() {
                    // Without an error the caller would take the missing value for an answer.
                    let detail = "It gave up without an error. This is a bug in the provider.";
                    said.push(Diagnostic::error("The provider failed", detail));
                }
                Err(said)
            }
        }
    }
}

/// What an operation came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome<T> {
    /// Its result.
    Done(T),
    /// Another run's business.
    PutOff(Deferral),
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOWING: proto::ClientCapabilities = proto::ClientCapabilities {
        deferral_allowed: true,
        write_only_attributes_allowed: false,
    };

    #[test]
    fn only_callers_who_announce_it_are_put_off() {
        let mut putting = Putting::allowed_by(Some(ALLOWING));
        let said = putting.off(Deferral::AbsentPrerequisite);
        assert!(said.is_empty());
        let outcome = putting.outcome::<()>(Err(said)).unwrap();
        assert_eq!(outcome, Outcome::PutOff(Deferral::AbsentPrerequisite));
        for capabilities in [None, Some(proto::ClientCapabilities::default())] {
            let mut putting = Putting::allowed_by(capabilities);
            let said = putting.off(Deferral::AbsentPrerequisite);
            assert!(said.has_error());
            assert_eq!(putting.outcome::<()>(Err(said.clone())), Err(said));
        }
    }

    #[test]
    fn an_error_without_errors_is_one() {
        let failed = Putting::default().outcome::<()>(Err(Diagnostics::new()));
        assert!(failed.unwrap_err().has_error());
    }

    #[test]
    fn errors_weigh_more_than_a_deferral() {
        let mut putting = Putting::allowed_by(Some(ALLOWING));
        putting.off(Deferral::AbsentPrerequisite);
        let error: Diagnostics = Diagnostic::error("Broken", "").into();
        assert_eq!(putting.outcome::<()>(Err(error.clone())), Err(error));
    }
}
