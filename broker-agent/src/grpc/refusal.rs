//! The one place where the engine's refusals become the contract's failures.

use agent_api::Failure;
use agent_api::v1;
use broker_core::admin::Admin;
use broker_core::definitions::Expect;
use broker_core::refusal::{Reason, Refusal};

/// An argument of the engine's queues that the contract has an attribute for.
const DURABILITY: &str = "arguments.x-durability";

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

    /// The attribute a refusal blames: the engine's properties are called as the contract's
    /// attributes. What is wrong with an object as a whole is told at its name.
    fn field(self, refusal: &Refusal) -> String {
        match (&refusal.property, refusal.reason) {
            (Some(property), _) if **property == *DURABILITY => "durability".to_owned(),
            (Some(property), _) => property.to_string(),
            (None, Reason::AccessRefused | Reason::Invalid | Reason::NotImplemented) => {
                self.own_name().to_owned()
            }
            (None, _) => String::new(),
        }
    }

    /// The attribute that tells the object from its like. A binding has none: its ends are checked
    /// where it is made.
    fn own_name(self) -> &'static str {
        match self.kind {
            "binding" => "",
            "permission" => "user",
            "topic_permission" => "exchange",
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

/// Blames the virtual host where that is what is missing.
pub(super) fn in_vhost(admin: &Admin, vhost: &str, refusal: &Refusal, failure: Failure) -> Failure {
    if refusal.reason == Reason::NotFound && admin.vhost(vhost).is_err() {
        return lacks(failure, "vhost", "vhost", vhost);
    }
    failure
}

/// Blames the user or the virtual host, whichever is missing.
pub(super) fn of_user_in_vhost(
    admin: &Admin,
    user: &str,
    vhost: &str,
    refusal: &Refusal,
    failure: Failure,
) -> Failure {
    if refusal.reason == Reason::NotFound && admin.user(user).is_err() {
        return lacks(failure, "user", "user", user);
    }
    in_vhost(admin, vhost, refusal, failure)
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

    #[test]
    fn a_refusal_is_told_at_the_attribute_to_blame() {
        let field = |subject: Subject<'_>, refusal: Refusal| subject.refused(&refusal).field;
        let durable = Refusal::new(Reason::Mismatch, "it differs").at("durable");
        assert_eq!(field(QUEUE, durable), "durable");
        let invalid = Refusal::new(Reason::Invalid, "it is odd");
        let argument = invalid.clone().at("arguments.x-a");
        assert_eq!(field(QUEUE, argument), "arguments.x-a");
        assert_eq!(field(QUEUE, invalid.clone()), "name");
        let permission = Subject::new("permission", "u");
        assert_eq!(field(permission, invalid.clone()), "user");
        assert_eq!(field(Subject::new("binding", "b"), invalid), "");
        let missing = Refusal::new(Reason::NotFound, "there is none");
        assert_eq!(field(QUEUE, missing), "");
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
