//! Bindings: joining and parting.

use std::sync::Arc;

use super::changes::check_expected;
use super::exchanges::{check_not_default, exchanges_deleted, no_exchange};
use super::queues::no_queue;
use super::topology::Removal;
use super::{Broker, Topology, Vhost, exhausted};
use crate::arguments;
use crate::definitions::{BindingSpec, Changed, Endpoint, Expect, Stored};
use crate::journal::Lsn;
use crate::lock::{read, write};
use crate::names;
use crate::records::Change;
use crate::refusal::{Reason, Refusal};
use crate::routing;

impl Broker {
    pub(crate) fn binding(
        &self,
        vhost: &Vhost,
        spec: &BindingSpec,
    ) -> Result<Stored<BindingSpec>, Refusal> {
        read(&vhost.topology)
            .binding(spec)
            .cloned()
            .ok_or_else(|| no_binding(spec))
    }

    /// Joins two ends; a binding that exists stays as it is.
    pub(crate) fn put_binding(
        &self,
        vhost: &Arc<Vhost>,
        spec: &BindingSpec,
        expect: Expect,
    ) -> Result<Changed<BindingSpec>, Refusal> {
        check_ends_bindable(spec)?;
        names::check_key(&spec.routing_key, &self.limits)?;
        arguments::check_size(&spec.arguments, &self.limits)?;
        let mut change = self.change();
        vhost.check_alive()?;
        let durable = {
            let topology = read(&vhost.topology);
            let durable = check_ends(&topology, spec)?;
            if let Some(source) = topology.exchange(&spec.source) {
                let kind = source.definition.value.picks_like();
                routing::check_binding(kind, spec)?;
            }
            let found = topology.binding(spec);
            check_expected(expect, found, || thing(spec))?;
            if let Some(found) = found {
                return Ok(Changed {
                    object: found.clone(),
                    lsn: self.last_change(),
                });
            }
            if topology.binding_count() >= self.limits.bindings_per_vhost {
                return Err(exhausted("bindings", self.limits.bindings_per_vhost));
            }
            durable
        };
        let object = Stored {
            value: spec.clone(),
            generation: change.next_id()?,
        };
        let lsn = if durable {
            change.put(&Change::BindingPut(object.clone()))?
        } else {
            self.last_change()
        };
        let inserted = write(&vhost.topology).insert_binding(object.clone());
        debug_assert!(
            inserted,
            "both ends were there, and changes come one at a time"
        );
        Ok(Changed { object, lsn })
    }

    /// Parts two ends.
    pub(crate) fn delete_binding(
        &self,
        vhost: &Arc<Vhost>,
        spec: &BindingSpec,
        expect: Expect,
    ) -> Result<Lsn, Refusal> {
        check_ends_bindable(spec)?;
        let mut change = self.change();
        let removal = Removal::Binding(spec);
        let records = {
            let topology = read(&vhost.topology);
            let found = topology.binding(spec).ok_or_else(|| no_binding(spec))?;
            check_expected(expect, Some(found), || thing(spec))?;
            let durable = check_ends(&topology, spec)?;
            let itself = durable.then(|| Change::BindingDeleted(spec.clone()));
            itself
                .into_iter()
                .chain(exchanges_deleted(&topology, removal))
                .collect()
        };
        let lsn = change.delete_together(records)?;
        let gone = write(&vhost.topology).remove(removal);
        self.end_delays(&gone);
        Ok(lsn)
    }
}

/// Checks that both ends exist, and tells whether both survive a restart.
fn check_ends(topology: &Topology, spec: &BindingSpec) -> Result<bool, Refusal> {
    let exchange = |name: &str| {
        let found = topology
            .exchange(name)
            .ok_or_else(|| no_exchange(name, &spec.vhost))?;
        Ok(found.definition.value.durable)
    };
    let source = exchange(&spec.source)?;
    let destination = match &spec.destination {
        Endpoint::Exchange(name) => exchange(name)?,
        Endpoint::Queue(name) => {
            let queue = topology
                .queue(name)
                .ok_or_else(|| no_queue(name, &spec.vhost))?;
            queue.is_durable()
        }
    };
    Ok(source && destination)
}

/// The default exchange cannot be bound.
fn check_ends_bindable(spec: &BindingSpec) -> Result<(), Refusal> {
    check_not_default(&spec.source)?;
    match &spec.destination {
        Endpoint::Exchange(name) => check_not_default(name),
        Endpoint::Queue(_) => Ok(()),
    }
}

fn thing(spec: &BindingSpec) -> String {
    let (kind, destination) = match &spec.destination {
        Endpoint::Exchange(name) => ("exchange", name),
        Endpoint::Queue(name) => ("queue", name),
    };
    format!(
        "binding of exchange '{}' to {kind} '{destination}' with key '{}' in vhost '{}'",
        spec.source, spec.routing_key, spec.vhost
    )
}

fn no_binding(spec: &BindingSpec) -> Refusal {
    Refusal::new(Reason::NotFound, format!("no {}", thing(spec)))
}
