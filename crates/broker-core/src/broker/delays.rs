//! Delayed exchanges: each keeps its messages in a queue of its own until they are due.
//!
//! Nobody sees that queue. To routing it is where messages go that are to be kept, so that they are
//! journaled, confirmed, held to memory budgets and recovered like any others; it is ordered by when
//! they are due ([`Sequence::due`](crate::call::Sequence::due)). What is due leaves it as dead letters
//! leave theirs, and is routed by the bindings of that moment. The journal takes note in one piece that
//! it left and where it went: after a crash it is in either place and never in both.

use std::sync::Arc;

use super::standing::Standing;
use super::{Broker, LiveQueue};
use crate::account::Account;
use crate::call::QueueId;
use crate::definitions::{ExchangeKind, ExchangeSpec, QueueSpec, Stored};
use crate::message::Envelope;
use crate::policy::Applied;
use crate::rules::Rules;
use crate::value::Arguments;

/// Where that exchange keeps messages, if it is a delayed one. Messages name the queue by `id`, the
/// exchange's first generation.
pub(super) fn queue_of(
    exchange: &Stored<ExchangeSpec>,
    id: QueueId,
    account: &'static Account,
) -> Option<Arc<LiveQueue>> {
    let exchange = &exchange.value;
    if exchange.kind != ExchangeKind::Delayed {
        return None;
    }
    let value = QueueSpec {
        vhost: exchange.vhost.clone(),
        name: exchange.name.clone(),
        durable: exchange.durable,
        exclusive: false,
        auto_delete: false,
        arguments: Arguments::new(),
    };
    let standing = Standing {
        definition: Stored {
            value,
            generation: id.0,
        },
        applied: Applied::default(),
        rules: Some(Arc::new(Rules::of_delayed(&exchange.name))),
    };
    Some(Arc::new(LiveQueue::new(id, standing, None, account)))
}

/// How a message goes on that was kept for as long as its publisher said.
pub(super) fn envelope_after(envelope: &Envelope) -> Envelope {
    Envelope {
        properties: envelope.properties.after_delay(),
        ..envelope.clone()
    }
}

impl Broker {
    /// What exchanges kept that are gone is dropped.
    pub(super) fn end_delays(&self, delays: &[Arc<LiveQueue>]) {
        for queue in delays {
            queue.end(self);
        }
    }
}
