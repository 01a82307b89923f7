//! Publishing to queues that turn messages away: a message goes to those that let it in, and its
//! publisher is told if one did not.

use std::mem;
use std::sync::Arc;

use super::LiveQueue;
use super::attachment::{Attachment, Own};
use super::dead_letters::Dead;
use crate::call::{Publish, Published};
use crate::death::DeathReason;
use crate::message::Message;
use crate::refusal::Refusal;

/// Queues a message reaches, and the places in the batch that are theirs.
type Reached = (Vec<Arc<LiveQueue>>, Vec<usize>);

impl Attachment {
    /// Asks each queue, and takes the message in for those that let it in.
    #[cold] // Kept out of the way of queues that do not ask for this.
    pub(super) fn take_in_if_let(
        &self,
        publish: Publish,
        size_bytes: usize,
        own: &mut Own,
    ) -> Result<Published, Refusal> {
        let body_bytes = publish.body.len();
        let all = own.take_reached();
        let (mut turned_away, mut let_in) = (Vec::new(), Reached::default());
        for (queue, run) in all.0.iter().zip(&all.1) {
            if queue.admit(body_bytes) {
                let_in.0.push(Arc::clone(queue));
                let_in.1.push(*run);
            } else {
                turned_away.push(Arc::clone(queue));
            }
        }
        own.set_reached(let_in);
        let tally = &self.connection.tally;
        let outcome = if own.route.queues.is_empty() {
            Ok(Published::Refused)
        } else {
            let accepted = self.accept(publish.clone(), size_bytes, own);
            accepted.map(Published::Routed)
        };
        let let_in = own.take_reached();
        own.set_reached(all);
        if outcome.is_err() {
            let_in.0.iter().for_each(|it| it.call_off(body_bytes));
        }
        let outcome = outcome?;
        if turned_away.is_empty() {
            return Ok(outcome);
        }
        tally.refused.add(1);
        self.bury_turned_away(&publish, &turned_away);
        Ok(Published::Refused)
    }

    /// What was turned away goes on as a dead letter from queues that want that.
    fn bury_turned_away(&self, publish: &Publish, queues: &[Arc<LiveQueue>]) {
        let broker = &self.broker;
        for queue in queues.iter().filter(|queue| queue.buries_turned_away()) {
            let mut message = Message::new(Arc::clone(&publish.envelope), publish.body.clone());
            // It may have to wait for room on the disk.
            message.hold = Some(broker.account.hold(message.size_bytes(), None));
            queue.buried_turned_away();
            broker.dead_letters.add(Dead {
                queue: Arc::clone(queue),
                rules: queue.rules(),
                place: None,
                journaled: false,
                message: Arc::new(message),
                reason: DeathReason::MaxLen,
                time: broker.clock.now(),
            });
        }
    }
}

impl Own {
    fn take_reached(&mut self) -> Reached {
        let queues = mem::take(&mut self.route.queues);
        (queues, mem::take(&mut self.batch.reached))
    }

    fn set_reached(&mut self, (queues, runs): Reached) {
        self.route.queues = queues;
        self.batch.reached = runs;
    }
}
