//! What callers are told when the life of a broker does not go as they asked.

use agent_api::Failure;
use agent_api::v1::Reason;
use broker_core::admin::Admin;
use broker_core::definitions::Expect;
use tracing::error;

use super::State;
use crate::host::StartFailure;
use crate::listeners;
use crate::registry::{Record, RegistryError};
use crate::totals::Totals;

/// Fails when the broker holds messages, in its queues or until they are due.
pub(super) fn refuse_messages(record: &Record, admin: &Admin) -> Result<(), Failure> {
    let totals = Totals::of_broker(admin);
    let messages = totals.messages() + admin.stats().delayed;
    if messages == 0 {
        return Ok(());
    }
    let name = record.name.as_str();
    let sentence = format!(
        "broker {name:?} holds {messages} messages in its queues and delayed exchanges; consume or purge them first, or \
         delete it with force"
    );
    let failure = Failure::new(Reason::NotEmpty, sentence);
    Err(failure
        .of("broker", name)
        .holding(messages, totals.consumers))
}

pub(super) fn expected(record: &Record, state: &State, expect: Expect) -> Result<(), Failure> {
    if matches!(state, State::Deleted) {
        return Err(not_found(record.name.as_str()));
    }
    let fits = match expect {
        Expect::Any => true,
        Expect::Absent => false,
        Expect::Generation(generation) => generation == record.generation,
    };
    if fits {
        return Ok(());
    }
    let sentence = format!(
        "broker {:?} was changed by someone else meanwhile; read it again and decide anew",
        record.name.as_str()
    );
    let failure = Failure::new(Reason::Conflict, sentence);
    Err(failure
        .of("broker", record.name.as_str())
        .now_at(record.generation))
}

pub(super) fn not_found(name: &str) -> Failure {
    Failure::new(
        Reason::NotFound,
        format!("this agent has no broker {name:?}"),
    )
    .of("broker", name)
}

pub(super) fn unavailable(name: &str, state: &State) -> Failure {
    let sentence = match state {
        State::Failed(reason) => {
            format!("broker {name:?} has failed: {reason}. Repair the cause, then restart it")
        }
        State::Starting => format!("broker {name:?} is still starting; try again in a while"),
        State::Deleted | State::Paired(_) | State::Running(_) | State::Stopping => {
            format!("broker {name:?} is stopping; try again in a while")
        }
    };
    Failure::new(Reason::Unavailable, sentence).of("broker", name)
}

/// A start that failed over an address is the caller's choice of address; all else is ours.
pub(super) fn start_failed(record: &Record, failure: &StartFailure) -> Failure {
    let name = record.name.as_str();
    let (reason, field) = match failure {
        StartFailure::Occupied(address) => (Reason::Invalid, Some((*address, "port"))),
        StartFailure::Listen { address, .. } => (Reason::Invalid, Some((*address, "address"))),
        StartFailure::Data { .. }
        | StartFailure::Encryption(_)
        | StartFailure::Other(_)
        | StartFailure::Pair(_) => (Reason::Unavailable, None),
    };
    let owner = field.and_then(|(address, what)| {
        listeners::owner(&record.listeners, address).map(|name| format!("listeners.{name}.{what}"))
    });
    let field = match failure {
        StartFailure::Encryption(_) => "encryption".to_owned(),
        _ => owner.unwrap_or_default(),
    };
    Failure::new(reason, format!("broker {name:?} does not start: {failure}"))
        .of("broker", name)
        .at(field)
}

pub(super) fn registry_failed(record: &Record, error: &RegistryError) -> Failure {
    let name = record.name.as_str();
    error!(broker = name, %error, "registry cannot be written");
    let sentence = format!("broker {name:?}: the agent's registry cannot be written: {error}");
    Failure::new(Reason::Unavailable, sentence).of("broker", name)
}
