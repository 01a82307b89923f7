//! A queue whose rules change while it works.

use std::sync::Arc;

use super::afar::Afar;
use super::bounds::Load;
use super::leaving::{Leaving, Stuck};
use super::{Features, State};
use crate::account::Account;
use crate::call::Sequence;
use crate::clock::Timestamp;
use crate::rules::Rules;

impl State {
    /// From now on these rules hold; what they ask of the messages there already is done by the
    /// next [pump](Self::pump). Messages keep the time they were given when they came, as in
    /// RabbitMQ. Priorities and single active consumers never change.
    ///
    /// Nobody is on the way with a message that [was let in](Self::admit).
    pub(crate) fn set_rules(&mut self, rules: Option<Arc<Rules>>, now: Timestamp) {
        let max_age_ms = rules.as_ref().and_then(|rules| rules.max_age_ms);
        self.replace_rules(rules, now);
        if let Some(stream) = &mut self.stream {
            stream.set_max_age(max_age_ms, now);
        }
    }

    fn replace_rules(&mut self, rules: Option<Arc<Rules>>, now: Timestamp) {
        let Some(features) = &mut self.features else {
            let account = self.held.account();
            self.features = rules.map(|rules| Box::new(Features::new(rules, now, account)));
            self.weigh_all();
            return;
        };
        // Without rules it keeps the place for them: dead letters may still be on their way.
        let rules = rules.unwrap_or_default();
        if features.rules.expires_ms != rules.expires_ms {
            features.last_used = now;
        }
        let weighed = features.rules.max_bytes.is_some();
        features.rules = rules;
        if !weighed {
            self.weigh_all();
        }
    }

    /// Counts the bytes of messages that came before bytes were limited. Of them it counts
    /// properties and routing keys as well, as of those from before a restart: of some only the sum
    /// is known.
    fn weigh_all(&mut self) {
        let ready = &self.ready;
        let Some(features) = &mut self.features else {
            return;
        };
        if features.rules.max_bytes.is_none() {
            return;
        }
        let unsettled = self.held.sequences().map(Sequence::number);
        let mut behind = unsettled.max().map_or(0, |number| number + 1);
        let mut bytes = 0;
        let in_memory = ready.entries().map(|entry| {
            let size_bytes = entry.message.size_bytes() as u64;
            (entry.sequence, size_bytes)
        });
        let paged = ready.stubs();
        let paged = paged.map(|stub| (stub.sequence, u64::from(stub.size_bytes)));
        for (sequence, size_bytes) in in_memory.chain(paged) {
            behind = behind.max(sequence.number() + 1);
            bytes += size_bytes;
        }
        features.load = Load::of(bytes, behind);
    }
}

impl Features {
    pub(super) fn new(rules: Arc<Rules>, last_used: Timestamp, account: &'static Account) -> Self {
        Self {
            rules,
            last_used,
            load: Load::default(),
            leaving: Leaving::default(),
            stuck: Stuck::new(account),
            dying: Afar::new(account),
            risen: Vec::new(),
        }
    }
}
