//! The one place where the engine's refusals become the contract's failures.

use agent_api::Failure;
use agent_api::v1;
use broker_core::admin::Admin;
use broker_core::definitions::Expect;
use broker_core::refusal::{Reason, Refusal};

/// Words that the engine's sentences begin with, and the attribute of the contract's objects that
/// each is about.
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
            .at(self.field(refusal))
            .of(self.kind, self.name)
    }

    /// The attribute a refusal blames.
    fn field(self, refusal: &Refusal) -> String {
        match refusal.reason {
            Reason::Mismatch => differing(&refusal.text).unwrap_or_default(),
            Reason::AccessRefused | Reason::Invalid | Reason::NotImplemented => {
                named(&refusal.text).unwrap_or_else(|| self.own_name().to_owned())
            }
            _ => String::new(),
        }
    }

    /// The attribute that tells the object from its like. A binding has none: its ends are checked
    /// where it is made.
    fn own_name(self) -> &'static str {
        match self.kind {
            "binding" => "",
            "permission" => "user",
            _ => "name",
        }
    }

    /// The refusal of a deletion; `generation` is what the object has now, if it exists.
    pub(super) fn not_deleted(self, refusal: &Refusal, generation: Option<u64>) -> Failure {
        self.refused(refusal).now_at(generation.unwrap_or(0))
    }

    /// The refusal of a creation or change; `generation` is what the object has now, if it exists.
    pub(super) fn not_put(
        self,
        refusal: &Refusal,
        expect: Expect,
        generation: Option<u64>,
    ) -> Failure {
        let failure = self.refused(refusal).now_at(generation.unwrap_or(0));
        let reason = match (refusal.reason, expect, generation) {
            (Reason::Conflict, Expect::Absent, _) => v1::Reason::AlreadyExists,
            // The caller has seen an object that is gone now: what it expects does not hold.
            (Reason::NotFound, Expect::Generation(_), None) => v1::Reason::Conflict,
            _ => failure.reason,
        };
        Failure { reason, ..failure }
    }
}

/// Blames another object, one that the refused call needs and that is not there.
pub(super) fn lacks(failure: Failure, field: &str, kind: &str, name: &str) -> Failure {
    Failure {
        reason: v1::Reason::NotFound,
        ..failure
    }
    .at(field)
    .of(kind, name)
}

/// The first property that differs: quoted in the engine's sentence, with AMQP's own words.
fn differing(text: &str) -> Option<String> {
    let (name, _) = text.strip_prefix("inequivalent arg '")?.split_once('\'')?;
    Some(match name {
        "auto_delete" | "durable" | "exclusive" | "internal" | "type" => name.to_owned(),
        argument => format!("arguments.{argument}"),
    })
}

/// Blames the virtual host where that is what is missing.
pub(super) fn in_vhost(admin: &Admin, vhost: &str, refusal: &Refusal, failure: Failure) -> Failure {
    if refusal.reason == Reason::NotFound && admin.vhost(vhost).is_err() {
        return lacks(failure, "vhost", "vhost", vhost);
    }
    failure
}

/// The attribute a sentence names. The engine's begin with its word, or speak of an argument by
/// its full name; those about the object's name may quote anything, so they are told first.
fn named(text: &str) -> Option<String> {
    let mut words = text.split_whitespace();
    let (first, second) = (words.next()?, words.next().unwrap_or_default());
    if second == "name" {
        return None;
    }
    let known = ATTRIBUTES.iter().find(|(word, _)| *word == first);
    match known.map(|(_, attribute)| *attribute) {
        Some("arguments") if second.starts_with('\'') => {
            Some(format!("arguments.{}", second.trim_matches('\'')))
        }
        Some(attribute) => Some(attribute.to_owned()),
        None => text
            .split_whitespace()
            .find(|word| word.starts_with("x-"))
            .map(|argument| format!("arguments.{argument}")),
    }
}

const fn reason(reason: Reason) -> v1::Reason {
    match reason {
        // Management has every permission: what is refused to it is refused to everybody, as a
        // reserved name is.
        Reason::AccessRefused => v1::Reason::Invalid,
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
        for reason in [
            Reason::AccessRefused,
            Reason::Invalid,
            Reason::NotImplemented,
        ] {
            let failure = QUEUE.refused(&Refusal::new(reason, text));
            assert_eq!(failure.field, attribute, "{text}");
            assert_eq!(failure.message, text);
        }
    }

    #[test]
    fn an_invalid_object_names_its_attribute() {
        blames(
            "configure is not a valid regular expression: (",
            "configure",
        );
        blames(
            "argument 'x-max-length' is not offered yet; it is refused because ignoring it would …",
            "arguments.x-max-length",
        );
        blames(
            "x-queue-type 'stream' is not offered yet; classic and quorum are",
            "arguments.x-queue-type",
        );
        blames(
            "a queue of x-queue-type 'quorum' must be durable and not exclusive",
            "arguments.x-queue-type",
        );
        blames("queue name \"x-\\n y\" holds a control character", "name");
        blames(
            "exchange name 'amq. x-a' in vhost '/' has the reserved prefix 'amq.'",
            "name",
        );
        blames(
            "routing key has 256 bytes, at most 255 are allowed",
            "routing_key",
        );
        blames("argument 'x-max' is not known", "arguments.x-max");
        blames("arguments are nested too deeply", "arguments");
        blames("queue name is longer than 255 bytes", "name");
        let text = "inequivalent arg 'durable' for queue 'q'";
        let mismatch = |text: &str| QUEUE.refused(&Refusal::new(Reason::Mismatch, text)).field;
        assert_eq!(mismatch(text), "durable");
        assert_eq!(
            mismatch("inequivalent arg 'x-a' for queue 'q'"),
            "arguments.x-a"
        );
        assert_eq!(mismatch("it differs"), "");
        let permission = Subject::new("permission", "u");
        let invalid = permission.refused(&Refusal::new(Reason::Invalid, "it is odd"));
        assert_eq!(invalid.field, "user");
        let other = QUEUE.refused(&Refusal::new(Reason::NotFound, "name it differently"));
        assert_eq!(other.field, "");
    }

    #[test]
    fn a_conflict_is_read_in_the_light_of_what_was_expected() {
        let conflict = Refusal::new(Reason::Conflict, "no");
        let failure = QUEUE.not_put(&conflict, Expect::Absent, Some(7));
        assert_eq!(
            (failure.reason, failure.generation),
            (v1::Reason::AlreadyExists, 7)
        );
        let failure = QUEUE.not_put(&conflict, Expect::Generation(6), Some(7));
        assert_eq!(
            (failure.reason, failure.generation),
            (v1::Reason::Conflict, 7)
        );
        let gone = Refusal::new(Reason::NotFound, "no");
        let failure = QUEUE.not_put(&gone, Expect::Generation(6), None);
        assert_eq!(
            (failure.reason, failure.generation),
            (v1::Reason::Conflict, 0)
        );
        assert_eq!(QUEUE.not_deleted(&gone, None).reason, v1::Reason::NotFound);
    }
}
