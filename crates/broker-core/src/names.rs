//! Rules for names of declared things.

use crate::limits::Limits;
use crate::refusal::{Reason, Refusal};

/// The name that stands for answers to whoever uses it; addresses of such answers begin with it.
pub(crate) const REPLY_TO: &str = "amq.rabbitmq.reply-to";

/// Names that begin so are the broker's to give.
const RESERVED_PREFIX: &str = "amq.";

/// Checks a new name of the given sort of thing.
pub(crate) fn check(what: &str, name: &str, limits: &Limits) -> Result<(), Refusal> {
    let invalid = |why: String| Err(Refusal::new(Reason::Invalid, why).at("name"));
    if name.is_empty() {
        return invalid(format!("{what} name is empty"));
    }
    if name.len() > limits.name_bytes {
        let (length, most) = (name.len(), limits.name_bytes);
        return invalid(format!(
            "{what} name has {length} bytes, at most {most} are allowed"
        ));
    }
    if name.chars().any(char::is_control) {
        return invalid(format!("{what} name {name:?} holds a control character"));
    }
    Ok(())
}

/// Refuses names that only the broker may give.
pub(crate) fn check_reserved(what: &str, name: &str) -> Result<(), Refusal> {
    if !name.starts_with(RESERVED_PREFIX) {
        return Ok(());
    }
    let text = format!("{what} name '{name}' contains reserved prefix '{RESERVED_PREFIX}*'");
    Err(Refusal::new(Reason::AccessRefused, text).at("name"))
}

/// Checks a routing or binding key.
pub(crate) fn check_key(key: &str, limits: &Limits) -> Result<(), Refusal> {
    if key.len() <= limits.name_bytes {
        return Ok(());
    }
    let (length, most) = (key.len(), limits.name_bytes);
    let text = format!("routing key has {length} bytes, at most {most} are allowed");
    Err(Refusal::new(Reason::Invalid, text).at("routing_key"))
}

/// A fresh name for a queue whose client leaves the choice to the broker.
pub(crate) fn generate_queue() -> Result<String, Refusal> {
    generate("amq.gen-")
}

/// A fresh address for answers, which nobody can guess.
pub(crate) fn generate_reply_address() -> Result<String, Refusal> {
    generate(&format!("{REPLY_TO}."))
}

/// Whether it may be such an address.
pub(crate) fn is_reply_address(name: &str) -> bool {
    let rest = name.strip_prefix(REPLY_TO);
    rest.is_some_and(|rest| rest.starts_with('.'))
}

fn generate(prefix: &str) -> Result<String, Refusal> {
    let mut random = [0; 16];
    getrandom::fill(&mut random)
        .map_err(|error| Refusal::new(Reason::Unavailable, format!("no randomness: {error}")))?;
    Ok(format!("{prefix}{:032x}", u128::from_be_bytes(random)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(result: Result<(), Refusal>) -> Option<Reason> {
        result.err().map(|refusal| refusal.reason)
    }

    #[test]
    fn names_are_bounded_and_printable() {
        let queue = |name: &str| reason(check("queue", name, &Limits::default()));
        assert_eq!(queue("orders/ä %41 ."), None);
        assert_eq!(queue(&"x".repeat(255)), None);
        for bad in ["", "a\nb", "\u{0}", &"x".repeat(256)] {
            assert_eq!(queue(bad), Some(Reason::Invalid), "{bad:?}");
        }
    }

    #[test]
    fn the_brokers_own_names_are_reserved() {
        let check = |name: &str| reason(check_reserved("queue", name));
        assert_eq!(check("amq.mine"), Some(Reason::AccessRefused));
        assert_eq!(check("amqp.mine"), None);
        let (one, two) = (generate_queue().unwrap(), generate_queue().unwrap());
        assert!(one.starts_with("amq.gen-") && one != two);
    }
}
