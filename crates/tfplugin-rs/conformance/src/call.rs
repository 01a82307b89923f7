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
    GenerateConfig,
    Import,
    InvokeAction,
    List,
    Move,
    OpenEphemeral,
    Plan,
    PlanAction,
    Read,
    ReadData,
    RenewEphemeral,
    Upgrade,
    UpgradeIdentity,
    ValidateAction,
    ValidateData,
    ValidateEphemeral,
    ValidateList,
    ValidateProvider,
    ValidateResource,
}

impl Rpc {
    pub(crate) const ALL: [Self; 23] = [
        Self::Apply,
        Self::CallFunction,
        Self::CloseEphemeral,
        Self::Configure,
        Self::GenerateConfig,
        Self::Import,
        Self::InvokeAction,
        Self::List,
        Self::Move,
        Self::OpenEphemeral,
        Self::Plan,
        Self::PlanAction,
        Self::Read,
        Self::ReadData,
        Self::RenewEphemeral,
        Self::Upgrade,
        Self::UpgradeIdentity,
        Self::ValidateAction,
        Self::ValidateData,
        Self::ValidateEphemeral,
        Self::ValidateList,
        Self::ValidateProvider,
        Self::ValidateResource,
    ];

    /// As the protocol names it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Apply => "ApplyResourceChange",
            Self::CallFunction => "CallFunction",
            Self::CloseEphemeral => "CloseEphemeralResource",
            Self::Configure => "ConfigureProvider",
            Self::GenerateConfig => "GenerateResourceConfig",
            Self::Import => "ImportResourceState",
            Self::InvokeAction => "InvokeAction",
            Self::List => "ListResource",
            Self::Move => "MoveResourceState",
            Self::OpenEphemeral => "OpenEphemeralResource",
            Self::Plan => "PlanResourceChange",
            Self::PlanAction => "PlanAction",
            Self::Read => "ReadResource",
            Self::ReadData => "ReadDataSource",
            Self::RenewEphemeral => "RenewEphemeralResource",
            Self::Upgrade => "UpgradeResourceState",
            Self::UpgradeIdentity => "UpgradeResourceIdentity",
            Self::ValidateAction => "ValidateActionConfig",
            Self::ValidateData => "ValidateDataResourceConfig",
            Self::ValidateEphemeral => "ValidateEphemeralResourceConfig",
            Self::ValidateList => "ValidateListResourceConfig",
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
    /// What the resource is known by so far.
    Identity,
    /// What the module says to the provider.
    Meta,
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
    /// The id of an import, the JSON of a state or an identity.
    pub(crate) text: String,
    /// The JSON of the identity that a resource is moved from; "" for none.
    pub(crate) source_identity: String,
    /// The version of a stored state.
    pub(crate) version: i64,
    /// The type that a resource is moved from.
    pub(crate) source: String,
    /// True if the caller knows write-only attributes.
    pub(crate) knows_write_only: bool,
    /// True if the caller can put off what cannot be done yet.
    pub(crate) may_defer: bool,
    /// How many results a list wants; 0 for all.
    pub(crate) limit: i64,
    /// True if a list wants states beside identities.
    pub(crate) wants_resource: bool,
}

impl Call {
    pub(crate) fn new(rpc: Rpc, subject: &str) -> Self {
        Self {
            rpc,
            subject: subject.to_owned(),
            values: Vec::new(),
            private: Vec::new(),
            text: String::new(),
            source_identity: String::new(),
            version: 0,
            source: String::new(),
            knows_write_only: true,
            may_defer: false,
            limit: 0,
            wants_resource: false,
        }
    }

    #[must_use]
    pub(crate) fn with(mut self, slot: Slot, value: Term) -> Self {
        self.values.push((slot, value));
        self
    }

    /// The value that is sent, if one is.
    pub(crate) fn given(&self, slot: Slot) -> Option<&Term> {
        let found = self.values.iter().find(|(known, _)| *known == slot);
        found.map(|(_, value)| value)
    }

    pub(crate) fn value(&self, slot: Slot) -> &Term {
        self.given(slot).unwrap_or(&Term::Null)
    }

    /// What the script says that the call is about: what is planned, else what there is.
    pub(crate) fn script(&self) -> &str {
        let slots = [Slot::Planned, Slot::Proposed, Slot::State, Slot::Config];
        let said = slots.iter().map(|slot| self.value(*slot).get("script"));
        let texts = said.filter_map(|script| match script {
            Term::Text(text) => Some(text.as_str()),
            _ => None,
        });
        texts.into_iter().next().unwrap_or_default()
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
        if matches!(self.rpc, Rpc::Upgrade | Rpc::UpgradeIdentity | Rpc::Move) {
            writeln!(f, "  version: {} {}", self.version, self.source)?;
        }
        if !self.source_identity.is_empty() {
            writeln!(f, "  identity it is moved from: {}", self.source_identity)?;
        }
        if self.rpc == Rpc::List {
            let with = if self.wants_resource {
                "with"
            } else {
                "without"
            };
            writeln!(f, "  limit {}, {with} states", self.limit)?;
        }
        if self.may_defer {
            writeln!(f, "  the caller allows deferral")?;
        }
        if !self.knows_write_only {
            writeln!(f, "  the caller does not know write-only attributes")?;
        }
        Ok(())
    }
}
