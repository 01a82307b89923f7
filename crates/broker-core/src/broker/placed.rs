//! A message that stands in its queues and is appended to the journal afterwards: to move it forward
//! there, or because there was no room when it came.

use std::sync::Arc;

use super::{Broker, LiveQueue};
use crate::call::{QueueId, Sequence};
use crate::journal::{Admission, AppendError, Haste, Journal, Lsn, Record};
use crate::message::{Body, Envelope, Message};
use crate::records::{self, write_publish_head};

/// Where a message stands.
pub(super) type Places = Vec<(Arc<LiveQueue>, Sequence)>;

/// A message and its places.
#[derive(Debug)]
pub(super) struct Placed {
    pub(super) message: Arc<Message>,
    pub(super) places: Places,
}

/// A record that was appended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Appended {
    pub(super) start: Lsn,
    pub(super) end: Lsn,
}

impl Broker {
    /// Appends the message for these places. [`Self::moved`] has to follow.
    pub(super) fn append_placed(
        &self,
        message: &Message,
        places: &Places,
        admission: Admission,
        record: &mut Vec<u8>,
    ) -> Result<Appended, AppendError> {
        let targets: Vec<(QueueId, Sequence)> = places
            .iter()
            .map(|(queue, sequence)| (queue.id, *sequence))
            .collect();
        let Envelope {
            exchange,
            routing_key,
            properties,
            ..
        } = &*message.envelope;
        let arrived = message.arrived;
        write_publish_head(record, arrived, &targets, exchange, routing_key, properties);
        self.append_publish(record, &message.body, admission)
    }

    /// Appends the record of a publish, whose head was written. The journal has to be told to hurry
    /// where somebody waits for it.
    pub(super) fn append_publish(
        &self,
        head: &[u8],
        body: &Body,
        admission: Admission,
    ) -> Result<Appended, AppendError> {
        let (inside, shared) = match body.shared() {
            Some(shared) => (&[][..], Some(shared)),
            None => (&body[..], None),
        };
        let record = Record {
            kind: records::PUBLISH,
            admission,
            parts: &[head, inside],
            body: shared,
        };
        let end = self.journal.append(&record, Haste::OnCall)?;
        let start = Journal::start_of(end, head.len() + body.len());
        Ok(Appended { start, end })
    }

    /// Tells the queues where the message's record is now. Not before it is appended: until then the
    /// old place in the journal counts.
    ///
    /// Those who settled it meanwhile did so *before* this record, and the journal's front could be
    /// freed up to between the two: so each queue that has let the message go settles it once more.
    pub(super) fn moved(&self, places: &Places, record: Lsn) {
        for (queue, sequence) in places {
            queue.moved(*sequence, record, self);
        }
    }
}
