//! What the broker keeps of a full segment's records, for the next time the journal is opened.

use crate::journal::{Indexer, RecordHead};
use crate::records::{self, IndexWriter, Malformed, read_publish_head};

/// Makes the index of one segment after the other.
#[derive(Debug)]
pub(super) struct SegmentIndexer {
    writer: IndexWriter,
    /// A record came that cannot be read: what is noted does not stand for all.
    incomplete: bool,
}

impl SegmentIndexer {
    pub(super) fn new() -> Self {
        Self {
            writer: IndexWriter::new(),
            incomplete: false,
        }
    }

    fn note(&mut self, record: &RecordHead<'_>) -> Result<(), Malformed> {
        match record.kind {
            records::PUBLISH => {
                let head = read_publish_head(record.head, record.payload_bytes)?;
                self.writer.publish(record.start, &head);
            }
            records::SETTLE => self.writer.settle(record.head),
            records::CHANGE => self.writer.change(record.end, record.head),
            records::FILLER => {}
            _ => return Err(Malformed("a record of a kind this version lacks")),
        }
        Ok(())
    }
}

impl Indexer for SegmentIndexer {
    fn record(&mut self, record: RecordHead<'_>) {
        self.incomplete |= self.note(&record).is_err();
    }

    fn finish(&mut self) -> Option<Vec<u8>> {
        let done = std::mem::replace(self, Self::new());
        (!done.incomplete).then(|| done.writer.finish())
    }
}
