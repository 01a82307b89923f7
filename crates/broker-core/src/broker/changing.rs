//! Changing what is declared: arguments of queues and exchanges that can change while these work.
//!
//! Only management does it, and says which generation it changes; a client that declares a queue
//! with other arguments is refused as before.

use std::sync::Arc;

use super::changes::check_expected;
use super::exchanges::{self, no_exchange};
use super::queues::{self, no_queue};
use super::{Broker, LiveQueue, Vhost};
use crate::arguments;
use crate::definitions::{Changed, ExchangeSpec, Expect, QueueSpec, Stored};
use crate::journal::Lsn;
use crate::lock::{read, write};
use crate::records::Change;
use crate::refusal::Refusal;
use crate::value::Arguments;

impl Broker {
    /// Changes a queue to what the caller wants it to be, in place: its messages and consumers stay.
    /// Refused when something else would have to change than
    /// [`arguments::QUEUE_CHANGEABLE`].
    pub(crate) fn change_queue(
        &self,
        vhost: &Arc<Vhost>,
        mut spec: QueueSpec,
        expect: Expect,
    ) -> Result<(Arc<LiveQueue>, Lsn), Refusal> {
        arguments::normalize_queue(&mut spec.arguments, spec.durable && !spec.exclusive);
        let thing = || queues::thing(&spec.name, &vhost.name);
        self.check_queue(&spec)?;
        let mut change = self.change();
        vhost.check_alive()?;
        let queue = vhost.queue(&spec.name);
        let current = queue.as_deref().map(LiveQueue::definition);
        check_expected(expect, current.as_ref(), thing)?;
        let (Some(queue), Some(current)) = (queue, current) else {
            return Err(no_queue(&spec.name, &vhost.name));
        };
        if current.value == spec {
            return Ok((queue, self.last_change()));
        }
        let fixed = |spec: &QueueSpec| QueueSpec {
            arguments: without(&spec.arguments, arguments::QUEUE_CHANGEABLE),
            ..spec.clone()
        };
        queues::check_equivalent(&fixed(&spec), &fixed(&current.value))?;
        let definition = Stored {
            value: spec,
            generation: change.next_id()?,
        };
        let lsn = if queue.is_durable() {
            change.put(&Change::QueueChanged {
                id: queue.id,
                definition: definition.clone(),
            })?
        } else {
            self.last_change()
        };
        let topology = write(&vhost.topology);
        queue.set_standing(topology.standing(definition), self.clock.now());
        drop(topology);
        queue.pump(self);
        drop(change);
        self.bury();
        Ok((queue, lsn))
    }

    /// The same for an exchange, of which only the alternate can change.
    pub(crate) fn change_exchange(
        &self,
        vhost: &Arc<Vhost>,
        spec: ExchangeSpec,
        expect: Expect,
    ) -> Result<Changed<ExchangeSpec>, Refusal> {
        self.check_exchange(&spec)?;
        let mut change = self.change();
        vhost.check_alive()?;
        let current = {
            let topology = read(&vhost.topology);
            let exchange = topology.exchange(&spec.name);
            exchange.map(|exchange| exchange.definition.clone())
        };
        let thing = || exchanges::thing(&spec.name, &vhost.name);
        check_expected(expect, current.as_ref(), thing)?;
        let current = current.ok_or_else(|| no_exchange(&spec.name, &vhost.name))?;
        if current.value == spec {
            let (object, lsn) = (current, self.last_change());
            return Ok(Changed { object, lsn });
        }
        let fixed = |spec: &ExchangeSpec| ExchangeSpec {
            arguments: without(&spec.arguments, &[arguments::ALTERNATE]),
            ..spec.clone()
        };
        exchanges::check_equivalent(&fixed(&spec), &fixed(&current.value))?;
        let object = Stored {
            value: spec,
            generation: change.next_id()?,
        };
        let lsn = if object.value.durable {
            change.put(&Change::ExchangeChanged(object.clone()))?
        } else {
            self.last_change()
        };
        write(&vhost.topology).change_exchange(object.clone());
        Ok(Changed { object, lsn })
    }
}

fn without(arguments: &Arguments, names: &[&str]) -> Arguments {
    let mut rest = arguments.clone();
    rest.retain(|name, _| !names.contains(&&**name));
    rest
}
