//! Policies of virtual hosts: declared, deleted, and applied to what is there, live.
//!
//! A change finds out what is different for whom while messages flow, and holds them up only to make
//! it so: publishers must not be between two queues of different standing.

use std::sync::Arc;

use super::changes::check_expected;
use super::exchanges::no_exchange;
use super::standing::Standing;
use super::topology::Exchange;
use super::{Broker, LiveQueue, Topology, Vhost, exhausted};
use crate::arguments;
use crate::clock::Timestamp;
use crate::definitions::{
    AppliedPolicies, Changed, ExchangeSpec, Expect, PolicySpec, QueueSpec, Stored,
};
use crate::journal::Lsn;
use crate::lock::{read, write};
use crate::names;
use crate::policy::{self, Applied, Policy, Subject};
use crate::queue_kind::QueueKind;
use crate::records::Change;
use crate::refusal::{Reason, Refusal};

impl Broker {
    /// The policy, or operator policy, of that name.
    pub(crate) fn policy(
        &self,
        vhost: &str,
        name: &str,
        operator: bool,
    ) -> Result<Stored<PolicySpec>, Refusal> {
        let vhost = self.vhost(vhost)?;
        let topology = read(&vhost.topology);
        let found = topology.policies.get(name, operator);
        let found = found.ok_or_else(|| no_policy(name, &vhost.name, operator))?;
        Ok(found.definition.clone())
    }

    /// All of a virtual host, those that would apply first before others.
    pub(crate) fn policy_list(
        &self,
        vhost: &str,
        operator: bool,
    ) -> Result<Vec<Stored<PolicySpec>>, Refusal> {
        let vhost = self.vhost(vhost)?;
        let topology = read(&vhost.topology);
        let list = topology.policies.list(operator).iter();
        Ok(list.map(|policy| policy.definition.clone()).collect())
    }

    /// What applies to an exchange.
    pub(crate) fn exchange_policies(
        &self,
        vhost: &Vhost,
        name: &str,
    ) -> Result<AppliedPolicies, Refusal> {
        let topology = read(&vhost.topology);
        let exchange = topology.exchange(name);
        let exchange = exchange.ok_or_else(|| no_exchange(name, &vhost.name))?;
        Ok(exchange.applied.shown())
    }

    /// Checks what a policy says, whatever there is already.
    pub(crate) fn check_policy(&self, spec: &PolicySpec) -> Result<(), Refusal> {
        names::check("policy", &spec.name, &self.limits)?;
        policy::compile(spec, self.limits.expression_bytes)?;
        policy::check(&spec.definition, spec.operator)?;
        arguments::check_size(&spec.definition, &self.limits)
            .map_err(|refusal| refusal.at("definition"))
    }

    /// Declares or changes a policy, and applies it.
    pub(crate) fn put_policy(
        &self,
        spec: &PolicySpec,
        expect: Expect,
    ) -> Result<Changed<PolicySpec>, Refusal> {
        self.check_policy(spec)?;
        let mut change = self.change();
        let vhost = self.vhost(&spec.vhost)?;
        let (found, count) = {
            let policies = &read(&vhost.topology).policies;
            let found = policies.get(&spec.name, spec.operator);
            let found = found.map(|policy| policy.definition.clone());
            (found, policies.list(spec.operator).len())
        };
        let thing = || thing(&spec.name, &spec.vhost, spec.operator);
        check_expected(expect, found.as_ref(), thing)?;
        if found.is_none() && count >= self.limits.policies_per_vhost {
            return Err(exhausted("policies", self.limits.policies_per_vhost));
        }
        if let Some(object) = found.filter(|stored| stored.value == *spec) {
            let lsn = self.last_change();
            return Ok(Changed { object, lsn });
        }
        let object = Stored {
            value: spec.clone(),
            generation: change.next_id()?,
        };
        let policy = Policy::new(object.clone(), self.limits.expression_bytes)?;
        let lsn = change.put(&Change::PolicyPut(object.clone()))?;
        write(&vhost.topology).policies.put(policy);
        self.apply_policies(&vhost);
        drop(change);
        self.bury();
        Ok(Changed { object, lsn })
    }

    /// Deletes a policy; what it said holds no more.
    pub(crate) fn delete_policy(
        &self,
        vhost: &str,
        name: &str,
        operator: bool,
        expect: Expect,
    ) -> Result<Lsn, Refusal> {
        let mut change = self.change();
        let stored = self.policy(vhost, name, operator)?;
        check_expected(expect, Some(&stored), || thing(name, vhost, operator))?;
        let lsn = change.delete(&Change::PolicyDeleted {
            vhost: vhost.to_owned(),
            name: name.to_owned(),
            operator,
        })?;
        let vhost = self.vhost(vhost)?;
        write(&vhost.topology).policies.remove(name, operator);
        self.apply_policies(&vhost);
        drop(change);
        self.bury();
        Ok(lsn)
    }

    /// Gives the queues and exchanges of a virtual host the standing its policies give them. The
    /// caller is the one who changes definitions now, so the topology is the same in both steps.
    fn apply_policies(&self, vhost: &Vhost) {
        let (queues, exchanges) = {
            let topology = read(&vhost.topology);
            (topology.restanding(), topology.reapplied())
        };
        let now = self.clock.now();
        let mut topology = write(&vhost.topology);
        for (name, applied) in exchanges {
            if let Some(exchange) = topology.exchanges.get_mut(&name) {
                exchange.apply(applied);
            }
        }
        let set = |(queue, standing): (Arc<LiveQueue>, _)| {
            queue.set_standing(standing, now);
            queue
        };
        let queues: Vec<_> = queues.into_iter().map(set).collect();
        drop(topology);
        // A backlog may have to go now, and be read for that: publishers do not wait for it.
        queues.iter().for_each(|queue| queue.pump(self));
    }
}

impl Topology {
    /// The standing of a queue so defined, under the policies there are.
    pub(crate) fn standing(&self, definition: Stored<QueueSpec>) -> Standing {
        let spec = &definition.value;
        let subject = Subject::Queue(QueueKind::of(&spec.arguments));
        let applied = self.policies.applied(subject, &spec.name);
        Standing::new(definition, applied)
    }

    /// What applies to an exchange so defined.
    pub(super) fn applied_to(&self, spec: &ExchangeSpec) -> Applied {
        self.policies.applied(Subject::Exchange, &spec.name)
    }

    /// Gives everything the standing it has by the policies; nobody uses it yet.
    pub(super) fn settle_policies(&mut self) {
        for (queue, standing) in self.restanding() {
            queue.set_standing(standing, Timestamp::NEVER);
        }
        for (name, applied) in self.reapplied() {
            if let Some(exchange) = self.exchanges.get_mut(&name) {
                exchange.apply(applied);
            }
        }
    }

    /// The queues to which other policies apply than before, with what they are to do.
    fn restanding(&self) -> Vec<(Arc<LiveQueue>, Standing)> {
        let mut changed = Vec::new();
        for queue in self.queues() {
            let before = queue.standing();
            let subject = Subject::Queue(QueueKind::of(&before.definition.value.arguments));
            let applied = self.policies.applied(subject, &queue.name);
            if applied != before.applied {
                let standing = Standing::new(before.definition.clone(), applied);
                changed.push((Arc::clone(queue), standing));
            }
        }
        changed
    }

    /// The same for exchanges.
    fn reapplied(&self) -> Vec<(Arc<str>, Applied)> {
        let of = |exchange: &Exchange| {
            let applied = self.applied_to(&exchange.definition.value);
            (applied != exchange.applied).then(|| (Arc::clone(&exchange.name), applied))
        };
        self.exchanges().filter_map(of).collect()
    }
}

impl Applied {
    /// For people.
    pub(crate) fn shown(&self) -> AppliedPolicies {
        let name = |policy: &Option<Arc<Policy>>| {
            let policy = policy.as_ref();
            policy.map(|policy| policy.definition.value.name.clone())
        };
        AppliedPolicies {
            policy: name(&self.policy),
            operator_policy: name(&self.operator_policy),
            definition: self.definition(),
        }
    }
}

fn thing(name: &str, vhost: &str, operator: bool) -> String {
    let kind = if operator {
        "operator policy"
    } else {
        "policy"
    };
    format!("{kind} '{name}' in vhost '{vhost}'")
}

fn no_policy(name: &str, vhost: &str, operator: bool) -> Refusal {
    let text = format!("no {}", thing(name, vhost, operator));
    Refusal::new(Reason::NotFound, text)
}
