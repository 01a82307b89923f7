//! Messages that are in the journal alone come back from there.

use std::collections::HashSet;
use std::sync::Arc;

use super::{Broker, LiveQueue};
use crate::call::{QueueId, Sequence};
use crate::journal::{Lsn, ReadWindow, RecordRef, Stopped, Unreadable};
use crate::lock::read;
use crate::message::{Body, Envelope, Message};
use crate::queue::{Entry, Stub};
use crate::records::{self, PublishRecord, read_publish};

/// Records of a queue so far apart are not read in one go.
const GAP_BYTES: u64 = 64 * 1024;

/// What a record takes beside the message: its places, names, framing. An estimate, which decides
/// only how much is read ahead.
const RECORD_BYTES: u64 = 512;

/// The share of the window that a queue keeps while memory is tight.
const TIGHT: usize = 16;

impl Broker {
    /// Most bytes of messages a queue keeps in memory at either end: less while memory is tight, and
    /// none while there is too little.
    pub(super) fn window_bytes(&self) -> usize {
        let bytes = self.limits.queue_window_bytes;
        if self.account.is_over() {
            0
        } else if self.account.is_tight() {
            bytes / TIGHT
        } else {
            bytes
        }
    }

    /// The messages of these stubs of one queue. Nothing they need is freed meanwhile, since the
    /// queue still has the stubs.
    pub(super) fn read_back(
        &self,
        queue: &LiveQueue,
        stubs: &[Stub],
    ) -> Result<Vec<Entry>, Stopped> {
        let mut window = ReadWindow::default();
        let mut names = HashSet::new();
        let mut entries = Vec::with_capacity(stubs.len());
        let mut run = Lsn(0)..Lsn(0);
        let durable = self.durable();
        for (index, stub) in stubs.iter().enumerate() {
            if !run.contains(&stub.record) {
                run = stub.record..end_of_run(&stubs[index..]);
            }
            let place = (queue.id, stub.sequence);
            let mut message = self
                .journal
                .read(stub.record, run.end, &mut window, |record| {
                    read_message(record, place, &mut names)
                })?;
            if stub.record >= durable {
                // Found when this broker took over, and not committed yet (rule F13).
                message.lsn = Lsn(stub.record.0 + 1);
            }
            let hold = self.account.hold(message.size_bytes(), Some(stub.record));
            hold.set_record(stub.record);
            message.hold = Some(hold);
            entries.push(Entry {
                sequence: stub.sequence,
                expires: queue.expires(stub.sequence, &message),
                message: Arc::new(message),
                journaled: true,
                redelivered: stub.redelivered,
                returns: stub.returns,
            });
        }
        Ok(entries)
    }

    /// One message that only the journal has, to be copied.
    pub(super) fn read_copy(
        &self,
        record: Lsn,
        place: (QueueId, Sequence),
        window: &mut ReadWindow,
    ) -> Result<Message, Stopped> {
        // Those to be copied next are not far.
        let until = Lsn(record.0 + GAP_BYTES);
        self.journal.read(record, until, window, |record| {
            read_message(record, place, &mut HashSet::new())
        })
    }

    /// Has every queue keep less, when memory has become tight: most would not be asked otherwise.
    pub(super) fn page_out_all(&self) {
        for vhost in self.all_vhosts() {
            let queues: Vec<_> = read(&vhost.topology).holders().cloned().collect();
            queues.iter().for_each(|queue| queue.page_out(self));
        }
    }
}

/// Up to where reading in one go pays.
fn end_of_run(stubs: &[Stub]) -> Lsn {
    let mut end = Lsn(0);
    for stub in stubs {
        if end > Lsn(0)
            && !(end.0.saturating_sub(RECORD_BYTES)..end.0 + GAP_BYTES).contains(&stub.record.0)
        {
            break;
        }
        end = Lsn(stub.record.0 + u64::from(stub.size_bytes) + RECORD_BYTES);
    }
    end
}

/// The message of a publish record, which must name the place it is read for. `names` keeps the
/// exchanges' names, each once.
fn read_message(
    record: RecordRef<'_>,
    place: (QueueId, Sequence),
    names: &mut HashSet<Arc<str>>,
) -> Result<Message, Unreadable> {
    if record.kind != records::PUBLISH {
        return Err(Unreadable("expected a message".into()));
    }
    let publish = read_publish(record.payload).map_err(|error| Unreadable(error.to_string()))?;
    if !publish.targets.contains(&place) {
        return Err(Unreadable("the message of another queue".into()));
    }
    let PublishRecord {
        arrived,
        further_keys,
        exchange,
        routing_key,
        properties,
        body,
        ..
    } = publish;
    let exchange = match names.get(exchange) {
        Some(name) => Arc::clone(name),
        None => {
            let name: Arc<str> = exchange.into();
            names.insert(Arc::clone(&name));
            name
        }
    };
    let envelope = Envelope {
        exchange,
        routing_key: routing_key.into(),
        properties,
        persistent: true,
        further_keys,
    };
    // It may be delivered at once: it has been durable since it left the memory. Who reads a message
    // that was never in this broker's memory looks whether it is.
    let body = Body::copy_from_slice(body);
    let message = Message::new(Arc::new(envelope), body);
    Ok(Message { arrived, ..message })
}
