//! Failed calls as diagnostics: one each, at the attribute concerned, with thing, reason and way out.

use std::fmt;
use std::time::Duration;

use agent_api::v1::Reason;
use agent_api::{Address, Error, Failure};
use tfplugin_rs::prelude::*;

use crate::agents::Agents;

/// Why a call has no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum CallError {
    /// The connection was there; the agent refused, failed, or was lost during the call.
    #[error(transparent)]
    Call(Error),
    /// There is no connection: nothing was sent.
    #[error(transparent)]
    Connect(Error),
    /// There are no certificates yet to connect with.
    #[error("{0}")]
    Credentials(Diagnostic),
    /// The nodes of a pair were reached, and none of them serves: nothing has happened.
    #[error("none of its nodes has become active within {} s: {last}", waited.as_secs())]
    NoActive {
        /// How long the nodes were given.
        waited: Duration,
        /// What one of them said in the end.
        last: Box<CallError>,
    },
}

impl CallError {
    /// What the agent itself gave as the reason.
    pub(crate) fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Call(Error::Rpc(failure)) => Some(failure),
            _ => None,
        }
    }

    /// True if this is what the agent gave as the reason.
    pub(crate) fn is(&self, reason: Reason) -> bool {
        self.failure()
            .is_some_and(|failure| failure.reason == reason)
    }

    /// True if the agent knows for certain that the object, or the broker or virtual host around
    /// it, does not exist.
    pub(crate) fn is_not_found(&self) -> bool {
        self.is(Reason::NotFound)
    }

    /// Whose silence or refusal it is.
    fn endpoint(&self) -> Option<&Address> {
        match self {
            Self::Call(error) | Self::Connect(error) => match error {
                Error::Refused { endpoint, .. }
                | Error::Unreachable { endpoint, .. }
                | Error::Untrusted { endpoint, .. } => Some(endpoint),
                Error::Address(_) | Error::Identity(_) | Error::Rpc(_) => None,
            },
            Self::Credentials(_) => None,
            Self::NoActive { last, .. } => last.endpoint(),
        }
    }

    /// True if there was no answer to something that was sent.
    pub(crate) fn may_have_happened(&self) -> bool {
        matches!(self, Self::Call(Error::Unreachable { .. }))
    }
}

/// `Ok(None)` for what is positively not there.
pub(crate) fn found<T>(result: Result<T, CallError>) -> Result<Option<T>, CallError> {
    match result {
        Ok(object) => Ok(Some(object)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Success for what is positively not there; also when it went while its deletion was on the way.
pub(crate) fn gone<T>(result: Result<T, CallError>) -> Result<(), CallError> {
    match result {
        Ok(_) => Ok(()),
        Err(error) => match error.failure() {
            Some(failure) if failure.reason == Reason::NotFound => Ok(()),
            Some(failure) if failure.reason == Reason::Conflict && failure.generation == 0 => {
                Ok(())
            }
            _ => Err(error),
        },
    }
}

/// What was being done to which object, for messages.
#[derive(Clone, Copy)]
pub(crate) struct Task<'a> {
    pub(crate) doing: Doing,
    pub(crate) kind: Kind,
    /// The object's name, as a person calls it.
    pub(crate) name: &'a str,
    /// What an import of the object needs.
    pub(crate) id: &'a (dyn fmt::Display + Sync),
}

/// What was being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doing {
    Create,
    Delete,
    Import,
    Read,
    Update,
}

impl Doing {
    /// As in "could not …"; also the operation's name among timeouts.
    const fn verb(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Delete => "delete",
            Self::Import => "import",
            Self::Read => "read",
            Self::Update => "update",
        }
    }
}

/// Kinds of objects, in the contract's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Binding,
    Broker,
    Exchange,
    Limits,
    OperatorPolicy,
    Permission,
    Policy,
    Queue,
    TopicPermission,
    User,
    Vhost,
}

impl Task<'_> {
    /// Why it failed.
    pub(crate) fn failed(&self, error: &CallError) -> Diagnostic {
        match error {
            CallError::Call(Error::Rpc(failure)) => self.refused(failure),
            CallError::Call(error) | CallError::Connect(error) => self.unheard(error),
            CallError::Credentials(diagnostic) => diagnostic.clone(),
            CallError::NoActive { .. } => {
                let (verb, kind, name) = (self.doing.verb(), self.kind, self.name);
                let detail = format!(
                    "Could not {verb} {kind} {name:?}: the broker is a pair, and {error}. Nothing \
                     was changed. `data \"ferrymq_replication_status\"` and `broker-agent status` on \
                     its hosts tell what its nodes wait for."
                );
                Diagnostic::error("No node of the broker is active", detail)
                    .at(self.kind.place_of_broker())
            }
        }
    }

    /// Why it failed, after waiting for an agent that may have been booting.
    pub(crate) fn given_up(&self, error: &CallError) -> Diagnostic {
        let mut diagnostic = self.failed(error);
        if matches!(error, CallError::Connect(Error::Unreachable { .. })) {
            let text = format!(
                " It was waited for as long as `timeouts.{}` allows.",
                self.doing.verb()
            );
            diagnostic.detail.push_str(&text);
        }
        diagnostic
    }

    /// Warns in place of failing: what the agent could not be asked while planning, it is asked
    /// again while applying. Once for each agent: there may be thousands of objects it has to say the
    /// same of.
    pub(crate) fn warn_unchecked(
        &self,
        error: &CallError,
        question: &str,
        cx: &mut Context<Agents>,
    ) {
        let about = error
            .endpoint()
            .map_or_else(|| error.to_string(), ToString::to_string);
        if !cx.data().is_news(format!("{about}: {question}")) {
            return;
        }
        let failed = self.failed(error);
        let detail = format!(
            "{} Not known now, of this and of whatever else is planned there: {question}. The agent \
             checks it when the plan is applied.",
            failed.detail
        );
        let warning = Diagnostic::warning("Plan is not checked by the agent", detail);
        cx.push(warning.at(failed.path));
    }

    /// The agent now named cannot be asked whether it has the broker, on which the plan depends.
    pub(crate) fn undecided(&self, error: &CallError) -> Diagnostic {
        let place = self.kind.place_of_broker();
        let failed = self.failed(error);
        let detail = format!(
            "Whether the agent now named in `{place}` has the {} {:?} decides if it is updated or \
             replaced, and it cannot be asked: {error}. Bring the agent up first, for example by \
             applying its host alone with -target, or leave {place} as they are.",
            self.kind, self.name
        );
        Diagnostic::error(failed.summary, detail).at(place)
    }

    /// The object was asked for by a person and is not there.
    pub(crate) fn missing(&self) -> Diagnostic {
        let (kind, name) = (self.kind, self.name);
        let (summary, detail) = match self.doing {
            Doing::Import => (
                "Nothing to import",
                format!(
                    "There is no {kind} {name:?} where the id {:?} leads.",
                    self.id.to_string()
                ),
            ),
            Doing::Update => (
                "Not found at the new address",
                format!(
                    "The agent now named does not know the {kind} {name:?}. Addresses may be \
                     changed for the same agent only; what it hosts does not move to another one."
                ),
            ),
            Doing::Create | Doing::Delete | Doing::Read => {
                ("Not found", format!("There is no {kind} {name:?}."))
            }
        };
        Diagnostic::error(summary, detail).at(self.kind.place_of_broker())
    }

    /// Where the object, or the broker around it, is said to be now, there is another broker of its
    /// name.
    pub(crate) fn namesake(&self) -> Diagnostic {
        let place = self.kind.place_of_broker();
        let resource = self.resource();
        let detail = format!(
            "The agent now named in `{place}` hosts a broker of this name, but not the one in the \
             state: brokers do not move between agents, and this one is someone else's. Name the \
             agent that has the old one; or, to go on with the broker that is there, let Terraform \
             forget the old one and import: terraform state rm {resource}, then terraform import \
             {resource} '{}'",
            self.id
        );
        Diagnostic::error("Another broker of the same name", detail).at(place)
    }

    /// The object is at another generation than the one last seen: what the agent refuses when
    /// something is sent, said of an update that sends nothing.
    pub(crate) fn overtaken(&self, seen: u64, now: u64) -> Diagnostic {
        let (kind, name) = (self.kind, self.name);
        let text = format!("{kind} {name:?} is at generation {now}, {seen} was expected");
        let conflict = Failure::new(Reason::Conflict, text).of(kind.noun(), name);
        self.refused(&conflict.now_at(now))
    }

    /// The agent's own refusal.
    fn refused(&self, failure: &Failure) -> Diagnostic {
        let about = if failure.object_kind.is_empty() {
            self.kind.noun()
        } else {
            noun(failure)
        };
        let path = self.path(failure);
        let mut detail = sentence(&failure.message);
        // Terraform shows the lines of the attribute at the root only; what is inside is named here.
        if path.to_string().contains('.') {
            detail = format!("Attribute {path}: {detail}");
        }
        detail.push_str(&self.way_out(failure));
        Diagnostic::error(summary(failure, about), detail).at(path)
    }

    /// What to do in Terraform's terms, where the agent's own words cannot know it.
    fn way_out(&self, failure: &Failure) -> String {
        match failure.reason {
            Reason::AlreadyExists | Reason::Mismatch if self.doing == Doing::Create => format!(
                " To bring it under Terraform's control, import it: terraform import {} '{}'",
                self.resource(),
                self.id
            ),
            Reason::Conflict => " Someone else did that since Terraform last read it; nothing was \
                                 overwritten. Run the plan again and look at what it shows."
                .to_owned(),
            Reason::NotActive => format!(
                " The broker is a pair: name the agents of all its nodes, in `{}`.",
                self.kind.place_of_broker()
            ),
            Reason::NotEmpty => " Let its messages be consumed first, or set deletion_policy = \
                                 \"force\" and apply that first; they are then lost."
                .to_owned(),
            _ => String::new(),
        }
    }

    /// The resource's address, as far as it is known here.
    fn resource(&self) -> String {
        format!("ferrymq_{}.NAME", self.kind.noun())
    }

    /// The attribute to blame.
    fn path(&self, failure: &Failure) -> AttributePath {
        if failure.reason == Reason::NotEmpty {
            return "deletion_policy".into();
        }
        // Arguments are one attribute whatever they hold; a key's own place cannot be named.
        let mut steps = failure
            .field
            .split('.')
            .take_while(|_| !failure.field.is_empty());
        match steps.next() {
            Some(map @ ("arguments" | "definition")) => return map.into(),
            Some("replication") => return pair_path(steps),
            Some(first) => {
                return steps.fold(AttributePath::from(first), AttributePath::attribute);
            }
            None => {}
        }
        match (&*failure.object_kind, self.kind) {
            _ if is_about_the_agent(failure.reason) => self.kind.place_of_broker(),
            (kind, own) if kind == own.noun() || kind.is_empty() => own.place_of_name(),
            ("broker", _) => self.kind.place_of_broker(),
            ("vhost", _) => "vhost".into(),
            ("user", Kind::Limits | Kind::Permission | Kind::TopicPermission) => "user".into(),
            _ => self.kind.place_of_name(),
        }
    }

    /// No answer, or none that can be trusted.
    fn unheard(&self, error: &Error) -> Diagnostic {
        let summary = match error {
            Error::Address(_) => "Not an agent's address",
            Error::Identity(_) => "Unusable certificate or key",
            Error::Refused { .. } => "Client certificate is not accepted",
            Error::Rpc(_) => "Call failed",
            Error::Unreachable { .. } => "Agent cannot be reached",
            Error::Untrusted { .. } => "Agent cannot be trusted",
        };
        let Self { kind, name, .. } = self;
        let verb = self.doing.verb();
        let consequence = match self.doing {
            Doing::Delete => " It stays in the state.",
            Doing::Read => " Nothing is known about it, so it stays in the state as it was.",
            Doing::Create | Doing::Import | Doing::Update => "",
        };
        let mut detail = format!("Could not {verb} {kind} {name:?}: {error}.{consequence}");
        if self.doing == Doing::Read && matches!(error, Error::Unreachable { .. }) {
            detail.push_str(
                " If the agent has moved to another address for good, change the address and run \
                 terraform apply -refresh=false.",
            );
        }
        Diagnostic::error(summary, detail).at(self.kind.place_of_broker())
    }
}

/// The error of a creation. If it may have happened all the same, the object is kept in the state
/// as tainted: the next run looks for it, and either replaces or drops it. Without that it would
/// be an object that nobody manages and that stands in the way of the next run.
pub(crate) fn creation_failed<M: Model>(
    task: &Task<'_>,
    error: &CallError,
    plan: &M,
    cx: &mut Apply<Agents>,
) -> Diagnostics {
    let mut diagnostic = task.failed(error);
    if error.may_have_happened() {
        cx.save(plan);
        diagnostic.detail.push_str(
            " Whether it was created is not known; the state marks it as tainted, and the next \
             run finds out.",
        );
    }
    diagnostic.into()
}

impl Kind {
    /// The contract's word, which is also the resource's name.
    pub(crate) const fn noun(self) -> &'static str {
        match self {
            Self::Binding => "binding",
            Self::Broker => "broker",
            Self::Exchange => "exchange",
            Self::Limits => "limits",
            Self::OperatorPolicy => "operator_policy",
            Self::Permission => "permission",
            Self::Policy => "policy",
            Self::Queue => "queue",
            Self::TopicPermission => "topic_permission",
            Self::User => "user",
            Self::Vhost => "vhost",
        }
    }

    /// The attribute that says where the agent is.
    fn place_of_broker(self) -> AttributePath {
        if self == Self::Broker {
            "nodes"
        } else {
            "broker"
        }
        .into()
    }

    /// The attribute that identifies the object among its like.
    fn place_of_name(self) -> AttributePath {
        match self {
            Self::Binding => "destination",
            Self::Permission => "user",
            Self::TopicPermission => "exchange",
            _ => "name",
        }
        .into()
    }
}

/// The attribute that a setting of a pair comes from.
fn pair_path<'a>(mut steps: impl Iterator<Item = &'a str>) -> AttributePath {
    match steps.next() {
        Some("coordination") => match steps.next() {
            Some(store) => AttributePath::from("coordination").attribute(store),
            None => "coordination".into(),
        },
        Some("durability") => "durability".into(),
        Some("nodes") => match steps.nth(1) {
            Some("name") => "node_names".into(),
            Some("replication") => "replication_addresses".into(),
            _ => "nodes".into(),
        },
        Some("preferred_active") => "preferred_active".into(),
        _ => "deployment_mode".into(),
    }
}

/// As people say it.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(spoken(self.noun()))
    }
}

fn spoken(noun: &str) -> &str {
    match noun {
        "operator_policy" => "operator policy",
        "topic_permission" => "topic permission",
        "vhost" => "virtual host",
        _ => noun,
    }
}

fn noun(failure: &Failure) -> &str {
    spoken(&failure.object_kind)
}

/// Failures that say nothing about the object itself.
const fn is_about_the_agent(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::Forbidden
            | Reason::Internal
            | Reason::NotActive
            | Reason::ResourceExhausted
            | Reason::Unavailable
            | Reason::Unspecified
    )
}

/// What happened, in a few words.
fn summary(failure: &Failure, about: &str) -> String {
    let about = capitalised(about);
    match failure.reason {
        Reason::AlreadyExists => format!("{about} already exists"),
        Reason::Conflict => format!("{about} was changed meanwhile"),
        Reason::Forbidden => "Not allowed".to_owned(),
        Reason::InUse => format!("{about} is in use"),
        Reason::Internal | Reason::Unspecified => "Agent failed".to_owned(),
        Reason::Invalid => format!("Invalid {}", spoken(&about.to_lowercase())),
        Reason::Mismatch => format!("{about} exists with other properties"),
        Reason::NotActive => "The agent's node stands by".to_owned(),
        Reason::NotEmpty => format!("{about} holds {}", messages(failure.messages)),
        Reason::NotFound => format!("{about} not found"),
        Reason::ResourceExhausted => "Limit reached".to_owned(),
        Reason::Unavailable => "Broker is not available".to_owned(),
        Reason::Unsupported => "Not supported by the agent".to_owned(),
    }
}

/// "1 message", "2 messages".
pub(crate) fn messages(count: u64) -> String {
    format!("{count} message{}", if count == 1 { "" } else { "s" })
}

/// With a capital and a full stop.
fn sentence(text: &str) -> String {
    let text = capitalised(text.trim());
    if text.ends_with(['.', '!', '?']) {
        text
    } else {
        text + "."
    }
}

/// With a capital.
pub(crate) fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(chars).collect()
    })
}

#[cfg(test)]
mod tests;
