//! A message that stands in its queues and is appended to the journal afterwards: to move it forward
//! there, or because there was no room when it came.

use std::sync::Arc;

use bytes::Bytes;

use super::{Broker, LiveQueue};
use crate::call::{QueueId, Sequence};
use crate::journal::{Admission, AppendError, Haste, Lsn, Record};
use crate::message::{Body, Message};
use crate::records::{self, write_publish_head, write_settle};

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
        write_publish_head(record, message.arrived, &targets, &message.envelope);
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
        let (inside, shared) = parts_of(body);
        let record = Record {
            kind: records::PUBLISH,
            admission,
            parts: &[head, inside],
            body: shared,
        };
        let end = self.journal.append(&record, Haste::OnCall)?;
        let start = self.journal.start_of(end, head.len() + body.len());
        Ok(Appended { start, end })
    }

    /// Appends the message for these places, and that it has left the place `from`: after a crash it is
    /// in the ones or in the other. Answers the position of each record.
    pub(super) fn append_moved(
        &self,
        message: &Message,
        places: &Places,
        from: (QueueId, Sequence),
        [publish, settle]: [&mut Vec<u8>; 2],
    ) -> Result<(Appended, Lsn), AppendError> {
        let targets: Vec<_> = places
            .iter()
            .map(|(queue, sequence)| (queue.id, *sequence))
            .collect();
        write_publish_head(publish, message.arrived, &targets, &message.envelope);
        write_settle(settle, from.0, &mut [from.1]);
        let (body, shared) = parts_of(&message.body);
        let records = [
            Record {
                kind: records::PUBLISH,
                admission: Admission::Ordinary,
                parts: &[publish, body],
                body: shared,
            },
            Record {
                kind: records::SETTLE,
                admission: Admission::Essential,
                parts: &[settle],
                body: None,
            },
        ];
        let ends = self.journal.append_together(&records, Haste::OnCall)?;
        let [end, settled] = ends[..] else {
            unreachable!("a position for each record");
        };
        let start = self
            .journal
            .start_of(end, publish.len() + message.body.len());
        Ok((Appended { start, end }, settled))
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

/// What of the body goes into the journal's own buffer, and what is taken from where it is.
fn parts_of(body: &Body) -> (&[u8], Option<&Bytes>) {
    match body.shared() {
        Some(shared) => (&[], Some(shared)),
        None => (body, None),
    }
}
