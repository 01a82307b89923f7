//! One request in a form that can be printed, changed, and sent to either provider.

use std::fmt;

use crate::term::Term;

/// The RPCs that are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Rpc {
    Apply,
    CallFunction,
    CloseEphemeral,
    Configure,
    Import,
    InvokeAction,
    Move,
    OpenEphemeral,
    Plan,
    PlanAction,
    Read,
    ReadData,
    RenewEphemeral,
    Upgrade,
    ValidateAction,
    ValidateData,
    ValidateEphemeral,
    ValidateProvider,
    ValidateResource,
}

impl Rpc {
    /// As the protocol names it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Apply => "ApplyResourceChange",
            Self::CallFunction => "CallFunction",
            Self::CloseEphemeral => "CloseEphemeralResource",
            Self::Configure => "ConfigureProvider",
            Self::Import => "ImportResourceState",
            Self::InvokeAction => "InvokeAction",
            Self::Move => "MoveResourceState",
            Self::OpenEphemeral => "OpenEphemeralResource",
            Self::Plan => "PlanResourceChange",
            Self::PlanAction => "PlanAction",
            Self::Read => "ReadResource",
            Self::ReadData => "ReadDataSource",
            Self::RenewEphemeral => "RenewEphemeralResource",
            Self::Upgrade => "UpgradeResourceState",
            Self::ValidateAction => "ValidateActionConfig",
            Self::ValidateData => "ValidateDataResourceConfig",
            Self::ValidateEphemeral => "ValidateEphemeralResourceConfig",
            Self::ValidateProvider => "ValidateProviderConfig",
            Self::ValidateResource => "ValidateResourceConfig",
        }
    }
}

/// Which of a request's values one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Slot {
    Argument,
    Config,
    Planned,
    Prior,
    Proposed,
    State,
}

/// One request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Call {
    pub(crate) rpc: Rpc,
    /// The type or the function.
    pub(crate) subject: String,
    pub(crate) values: Vec<(Slot, Term)>,
    pub(crate) private: Vec<u8>,
    /// The id of an import, the JSON of a state.
    pub(crate) text: String,
    /// The version of a stored state.
    pub(crate) version: i64,
    /// The type that a resource is moved from.
    pub(crate) source: String,
    /// True if the caller knows write-only attributes.
    pub(crate) knows_write_only: bool,
}

impl Call {
    pub(crate) fn new(rpc: Rpc, subject: &str) -> Self {
        Self {
            rpc,
            subject: subject.to_owned(),
            values: Vec::new(),
            private: Vec::new(),
            text: String::new(),
            version: 0,
            source: String::new(),
            knows_write_only: true,
        }
    }

    #[must_use]
    pub(crate) fn with(mut self, slot: Slot, value: Term) -> Self {
        self.values.push((slot, value));
        self
    }

    pub(crate) fn value(&self, slot: Slot) -> &Term {
        let found = self.values.iter().find(|(known, _)| *known == slot);
        found.map_or(&Term::Null, |(_, value)| value)
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} of {:?}", self.rpc.name(), self.subject)?;
        for (slot, value) in &self.values {
            writeln!(f, "  {slot:?}: {value}")?;
        }
        if !self.private.is_empty() {
            writeln!(f, "  private: {}", String::from_utf8_lossy(&self.private))?;
        }
        if !self.text.is_empty() {
            writeln!(f, "  text: {}", self.text)?;
        }
        if matches!(self.rpc, Rpc::Upgrade | Rpc::Move) {
            writeln!(f, "  version: {} {}", self.version, self.source)?;
        }
        if !self.knows_write_only {
            writeln!(f, "  the caller does not know write-only attributes")?;
        }
        Ok(())
    }
}
