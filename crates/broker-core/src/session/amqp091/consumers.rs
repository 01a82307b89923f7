//! The consumers of a connection by the numbers the broker knows them by.

use std::collections::BTreeMap;
use std::sync::Arc;

use wire::amqp091::{BasicDeliver, DeliveryTemplate};

use crate::call::{ConnectionId, ConsumerId};
use crate::message::{Envelope, Properties};

/// All consumers of one connection.
#[derive(Debug, Default)]
pub(super) struct Consumers {
    by_id: BTreeMap<ConsumerId, Consumer>,
    last: u64,
}

/// Where a consumer's deliveries go.
#[derive(Debug)]
pub(super) struct Consumer {
    pub(super) channel: u16,
    pub(super) tag: Box<str>,
    /// Deliveries need no settlement.
    pub(super) auto_settle: bool,
    /// Deliveries of the latest message's envelope.
    template: Option<(Arc<Envelope>, DeliveryTemplate)>,
}

impl Consumer {
    pub(super) fn new(channel: u16, tag: &str, auto_settle: bool) -> Self {
        Self {
            channel,
            tag: tag.into(),
            auto_settle,
            template: None,
        }
    }

    /// What all deliveries of messages with this envelope have in common.
    pub(super) fn template(&mut self, envelope: &Arc<Envelope>) -> &DeliveryTemplate {
        let latest = self.template.as_ref();
        if !latest.is_some_and(|(latest, _)| Arc::ptr_eq(latest, envelope)) {
            self.template = None;
        }
        let (_, template) = self.template.get_or_insert_with(|| {
            let Properties::Amqp091(properties) = &envelope.properties;
            let deliver = BasicDeliver {
                consumer_tag: &self.tag,
                delivery_tag: 0,
                redelivered: false,
                exchange: &envelope.exchange,
                routing_key: &envelope.routing_key,
            };
            let template = DeliveryTemplate::new(self.channel, &deliver, properties);
            (Arc::clone(envelope), template)
        });
        template
    }

    /// A message with this envelope was sent: a large template is not kept for the next.
    pub(super) fn sent(&mut self, envelope: &Envelope) {
        if envelope.properties.size_bytes() > TEMPLATE_BYTES {
            self.template = None;
        }
    }
}

/// Largest properties of which a template is kept.
const TEMPLATE_BYTES: usize = 1024;

impl Consumers {
    /// Adds a consumer under a number never used before on this connection.
    pub(super) fn add(&mut self, consumer: Consumer) -> ConsumerId {
        self.last += 1;
        let id = ConsumerId(self.last);
        self.by_id.insert(id, consumer);
        id
    }

    /// A tag for the next consumer, which no other of the broker's life has had.
    pub(super) fn free_tag(&self, connection: ConnectionId) -> String {
        format!("amq.ctag-{}.{}", connection.0, self.last + 1)
    }

    pub(super) fn get_mut(&mut self, id: ConsumerId) -> Option<&mut Consumer> {
        self.by_id.get_mut(&id)
    }

    pub(super) fn remove(&mut self, id: ConsumerId) -> Option<Consumer> {
        self.by_id.remove(&id)
    }
}
