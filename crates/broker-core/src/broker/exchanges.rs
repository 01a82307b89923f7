//! Exchanges: declaring and deleting.

use std::sync::Arc;

use super::changes::check_expected;
use super::delays;
use super::topology::{Exchange, Removal};
use super::{Broker, Topology, Vhost, exhausted};
use crate::admin::DeleteIf;
use crate::arguments;
use crate::call::QueueId;
use crate::definitions::{Changed, ExchangeKind, ExchangeSpec, Expect, Stored};
use crate::journal::Lsn;
use crate::lock::{read, write};
use crate::names;
use crate::records::Change;
use crate::refusal::{Reason, Refusal};
use crate::routing;

/// The kind of that name, or why there is none.
pub(super) fn parse_kind(name: &str) -> Result<ExchangeKind, Refusal> {
    if let Some(kind) = ExchangeKind::parse(name) {
        return Ok(kind);
    }
    let offered = ExchangeKind::ALL.map(ExchangeKind::name).join(", ");
    // RabbitMQ's words, of those versions that do not close the whole connection.
    let reason = match name.starts_with("x-") {
        true => Reason::NotImplemented,
        false => Reason::Invalid,
    };
    let text = format!("unknown exchange type '{name}'; there are {offered}");
    Err(Refusal::new(reason, text).at("type"))
}

/// The default exchange reaches every queue by its name, and does nothing else.
pub(super) fn check_not_default(name: &str) -> Result<(), Refusal> {
    if !name.is_empty() {
        return Ok(());
    }
    let text = "operation not permitted on the default exchange";
    Err(Refusal::new(Reason::AccessRefused, text))
}

pub(crate) fn no_exchange(name: &str, vhost: &str) -> Refusal {
    Refusal::new(
        Reason::NotFound,
        format!("no exchange '{name}' in vhost '{vhost}'"),
    )
}

pub(super) fn thing(name: &str, vhost: &str) -> String {
    format!("exchange '{name}' in vhost '{vhost}'")
}

impl Broker {
    pub(crate) fn exchange(
        &self,
        vhost: &Vhost,
        name: &str,
    ) -> Result<Stored<ExchangeSpec>, Refusal> {
        let topology = read(&vhost.topology);
        let exchange = topology
            .exchange(name)
            .ok_or_else(|| no_exchange(name, &vhost.name))?;
        Ok(exchange.definition.clone())
    }

    /// Creates an exchange, or checks that the one there is the same.
    pub(crate) fn put_exchange(
        &self,
        vhost: &Arc<Vhost>,
        spec: ExchangeSpec,
        expect: Expect,
    ) -> Result<Changed<ExchangeSpec>, Refusal> {
        if let Some(changed) = self.existing_exchange(vhost, &spec, expect)? {
            return Ok(changed);
        }
        names::check_reserved("exchange", &spec.name)?;
        self.check_exchange(&spec)?;
        let mut change = self.change();
        vhost.check_alive()?;
        if let Some(changed) = self.existing_exchange(vhost, &spec, expect)? {
            return Ok(changed);
        }
        if read(&vhost.topology).exchanges().len() >= self.limits.exchanges_per_vhost {
            return Err(exhausted("exchanges", self.limits.exchanges_per_vhost));
        }
        let object = Stored {
            value: spec,
            generation: change.next_id()?,
        };
        let lsn = if object.value.durable {
            change.put(&Change::ExchangePut(object.clone()))?
        } else {
            self.last_change()
        };
        let delays = delays::queue_of(&object, QueueId(object.generation), self.account);
        write(&vhost.topology).insert_exchange(object.clone(), delays);
        Ok(Changed { object, lsn })
    }

    /// Checks what an exchange is declared with, whatever there is already.
    pub(crate) fn check_exchange(&self, spec: &ExchangeSpec) -> Result<(), Refusal> {
        names::check("exchange", &spec.name, &self.limits)?;
        let thing = thing(&spec.name, &spec.vhost);
        arguments::check_exchange(spec.kind, &spec.arguments, &thing, &self.limits)?;
        routing::check_exchange(spec.picks_like(), &spec.arguments)
    }

    fn existing_exchange(
        &self,
        vhost: &Vhost,
        spec: &ExchangeSpec,
        expect: Expect,
    ) -> Result<Option<Changed<ExchangeSpec>>, Refusal> {
        let topology = read(&vhost.topology);
        let found = topology
            .exchange(&spec.name)
            .map(|exchange| &exchange.definition);
        check_expected(expect, found, || thing(&spec.name, &vhost.name))?;
        let Some(found) = found else { return Ok(None) };
        check_equivalent(spec, &found.value)?;
        Ok(Some(Changed {
            object: found.clone(),
            lsn: self.last_change(),
        }))
    }

    /// Deletes an exchange, its bindings and the messages it keeps back.
    pub(crate) fn delete_exchange(
        &self,
        vhost: &Arc<Vhost>,
        name: &str,
        expect: Expect,
        only_if: DeleteIf,
    ) -> Result<Lsn, Refusal> {
        check_not_default(name)?;
        if Topology::is_preset(name) {
            let text = format!(
                "deletion of system {} not allowed",
                thing(name, &vhost.name)
            );
            return Err(Refusal::new(Reason::AccessRefused, text));
        }
        // What is due goes on.
        self.bury();
        let mut change = self.change();
        let removal = Removal::Exchange(name);
        // No publisher is between finding it empty and its end.
        let mut topology = write(&vhost.topology);
        let found = topology.exchange(name);
        let found = found.ok_or_else(|| no_exchange(name, &vhost.name))?;
        check_expected(expect, Some(&found.definition), || thing(name, &vhost.name))?;
        check_deletable(found, only_if, || thing(name, &vhost.name))?;
        let itself = found.definition.value.durable;
        let itself = itself.then(|| exchange_deleted(&found.definition));
        let records = itself
            .into_iter()
            .chain(exchanges_deleted(&topology, removal))
            .collect();
        let lsn = change.delete_together(records)?;
        let gone = topology.remove(removal);
        drop(topology);
        self.end_delays(&gone);
        Ok(lsn)
    }
}

/// Refuses the deletion of what the caller does not want to lose.
fn check_deletable(
    exchange: &Exchange,
    only_if: DeleteIf,
    thing: impl Fn() -> String,
) -> Result<(), Refusal> {
    if only_if.unused && exchange.has_bindings() {
        let text = format!("{} has bindings", thing());
        return Err(Refusal::new(Reason::InUse, text));
    }
    let kept = exchange.delayed_messages();
    if only_if.empty && kept > 0 {
        let text = format!("{} is not empty: it keeps {kept} messages back", thing());
        return Err(Refusal::new(Reason::NotEmpty, text));
    }
    Ok(())
}

fn exchange_deleted(exchange: &Stored<ExchangeSpec>) -> Change {
    let (vhost, name) = (exchange.value.vhost.clone(), exchange.value.name.clone());
    Change::ExchangeDeleted { vhost, name }
}

/// What the journal must be told of the exchanges that go with something else.
pub(super) fn exchanges_deleted(
    topology: &Topology,
    removal: Removal<'_>,
) -> impl Iterator<Item = Change> {
    let going = topology.going_with(removal).into_iter();
    going
        .filter(|exchange| exchange.value.durable)
        .map(exchange_deleted)
}

/// Refuses a declaration that differs from what is there, naming the first difference.
pub(super) fn check_equivalent(
    received: &ExchangeSpec,
    current: &ExchangeSpec,
) -> Result<(), Refusal> {
    let thing = || thing(&current.name, &current.vhost);
    if received.kind != current.kind {
        return Err(arguments::inequivalent(
            "type",
            &thing(),
            received.kind,
            current.kind,
        ));
    }
    for (property, received, current) in [
        ("durable", received.durable, current.durable),
        ("auto_delete", received.auto_delete, current.auto_delete),
        ("internal", received.internal, current.internal),
    ] {
        if received != current {
            return Err(arguments::inequivalent(
                property,
                &thing(),
                received,
                current,
            ));
        }
    }
    arguments::check_equal(&received.arguments, &current.arguments, thing)
}
