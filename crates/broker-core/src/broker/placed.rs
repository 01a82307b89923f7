//! A message that stands in its queues and is appended to the journal afterwards: to move it forward
//! there, or because there was no room when it came.

use std::sync::Arc;

use super::{Broker, LiveQueue};
use crate::call::{QueueId, Sequence};
use crate::journal::{Admission, AppendError, Lsn, Record};
use crate::message::Message;
use crate::records::{self, write_publish_head};

/// A message and its places.
#[derive(Debug)]
pub(super) struct Placed {
    pub(super) message: Arc<Message>,
    pub(super) places: Vec<(Arc<LiveQueue>, Sequence)>,
}

impl Broker {
    /// Appends the message and answers the position behind it.
    ///
    /// Those who settled it meanwhile did so *before* this record, and the journal's front could be
    /// freed up to between the two: so each queue is asked again, and one that has let the message go
    /// settles it once more.
    pub(super) fn append_placed(
        &self,
        placed: &Placed,
        admission: Admission,
        record: &mut Vec<u8>,
    ) -> Result<Lsn, AppendError> {
        let Placed { message, places } = placed;
        let targets: Vec<(QueueId, Sequence)> = places
            .iter()
            .map(|(queue, sequence)| (queue.id, *sequence))
            .collect();
        let Message {
            exchange,
            routing_key,
            properties,
            body,
            hold,
            ..
        } = &**message;
        write_publish_head(record, &targets, exchange, routing_key, properties);
        let start = self.journal.end();
        let end = self.journal.append(&Record {
            kind: records::PUBLISH,
            admission,
            parts: &[record],
            body: Some(body),
        })?;
        // Not before: until it is appended, its old place in the journal counts.
        if let Some(hold) = hold {
            hold.move_to(start);
        }
        for (queue, sequence) in places {
            queue.settle_if_gone(*sequence, self);
        }
        Ok(end)
    }
}
