//! The one place where the engine's refusals become the contract's failures.

use agent_api::Failure;
use agent_api::v1;
use broker_core::admin::Admin;
use broker_core::definitions::Expect;
use broker_core::refusal::{Reason, Refusal};

/// Attributes of the contract's objects that the engine's sentences begin with.
const ATTRIBUTES: [(&str, &str); 9] = [
    ("argument", "arguments"),
    ("arguments", "arguments"),
    ("configure", "configure"),
    ("name", "name"),
    ("password", "password"),
    ("read", "read"),
    ("routing", "routing_key"),
    ("tag", "tags"),
    ("write", "write"),
];

/// What a call was about: the words its failures use.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subject<'a> {
    /// Kind of the object, as the contract names it.
    pub kind: &'static str,
    /// Its name.
    pub name: &'a str,
}

impl<'a> Subject<'a> {
    pub(super) const fn new(kind: &'static str, name: &'a str) -> Self {
        Self { kind, name }
    }

    /// The refusal of a call that expected nothing.
    pub(super) fn refused(self, refusal: &Refusal) -> Failure {
        Failure::new(reason(refusal.reason), refusal.text.as_str())
            .at(field(refusal))
            .of(self.kind, self.name)
    }

    /// The refusal of a change; `generation` is what the object has now, if it exists.
    pub(super) fn unchanged(
        self,
        refusal: &Refusal,
        expect: Expect,
        generation: Option<u64>,
    ) -> Failure {
        let failure = self.refused(refusal).now_at(generation.unwrap_or(0));
        if refusal.reason == Reason::Conflict && expect == Expect::Absent {
            return Failure {
                reason: v1::Reason::AlreadyExists,
                ..failure
            };
        }
        failure
    }
}

/// Blames the virtual host where that is what is missing.
pub(super) fn in_vhost(admin: &Admin, vhost: &str, refusal: &Refusal, failure: Failure) -> Failure {
    if refusal.reason == Reason::NotFound && admin.vhost(vhost).is_err() {
        return failure.at("vhost").of("vhost", vhost);
    }
    failure
}

/// The attribute a refusal blames. The engine begins such sentences with the attribute's name;
/// where it does not, an invalid object is one with an invalid name.
fn field(refusal: &Refusal) -> &'static str {
    if refusal.reason != Reason::Invalid {
        return "";
    }
    let first = refusal
        .text
        .split(|letter: char| !letter.is_alphanumeric())
        .next();
    let known = ATTRIBUTES.iter().find(|(word, _)| Some(*word) == first);
    known.map_or("name", |(_, attribute)| attribute)
}

const fn reason(reason: Reason) -> v1::Reason {
    match reason {
        Reason::AccessRefused => v1::Reason::Forbidden,
        Reason::Conflict => v1::Reason::Conflict,
        Reason::InUse | Reason::Locked => v1::Reason::InUse,
        Reason::Invalid => v1::Reason::Invalid,
        Reason::Mismatch => v1::Reason::Mismatch,
        Reason::NotEmpty => v1::Reason::NotEmpty,
        Reason::NotFound => v1::Reason::NotFound,
        Reason::NotImplemented => v1::Reason::Unsupported,
        Reason::ResourceExhausted => v1::Reason::ResourceExhausted,
        Reason::Unavailable => v1::Reason::Unavailable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUEUE: Subject<'static> = Subject::new("queue", "q");

    #[track_caller]
    fn blames(text: &str, attribute: &str) {
        let failure = QUEUE.refused(&Refusal::new(Reason::Invalid, text));
        assert_eq!(failure.field, attribute, "{text}");
        assert_eq!(failure.message, text);
    }

    #[test]
    fn an_invalid_object_names_its_attribute() {
        blames("configure expression \"(\" does not compile", "configure");
        blames("argument \"x-max\" is not known", "arguments");
        blames("queue name is longer than 255 bytes", "name");
        let other = QUEUE.refused(&Refusal::new(Reason::NotFound, "name it differently"));
        assert_eq!(other.field, "");
    }

    #[test]
    fn a_conflict_is_read_in_the_light_of_what_was_expected() {
        let conflict = Refusal::new(Reason::Conflict, "no");
        let failure = QUEUE.unchanged(&conflict, Expect::Absent, Some(7));
        assert_eq!(
            (failure.reason, failure.generation),
            (v1::Reason::AlreadyExists, 7)
        );
        let failure = QUEUE.unchanged(&conflict, Expect::Generation(6), Some(7));
        assert_eq!(
            (failure.reason, failure.generation),
            (v1::Reason::Conflict, 7)
        );
    }
}
