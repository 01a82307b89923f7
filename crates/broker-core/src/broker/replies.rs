//! Queues for answers: who waits for some is given an address that nobody can guess, and publishes
//! to that address, through the default exchange, reach it.
//!
//! Such a queue is transient and its consumer's alone. It goes with the consumer, and what is then in
//! it is gone. Nobody finds it by name, so nobody can bind, delete or list it.

use std::sync::Arc;

use super::attachment::Attachment;
use super::standing::Standing;
use super::{Broker, LiveQueue, Vhost, exhausted};
use crate::call::{Consume, ConsumerId, QueueId};
use crate::definitions::{QueueSpec, Stored};
use crate::lock::{read, write};
use crate::names::{self, REPLY_TO};
use crate::policy::Applied;
use crate::queue::Start;
use crate::refusal::Refusal;
use crate::value::Arguments;

impl Attachment {
    /// Attaches a consumer of answers and says their address. It settles nothing, and needs no
    /// permission: the answers are for whoever asks.
    pub fn consume_replies(&self, consumer: ConsumerId) -> Result<Arc<str>, Refusal> {
        let queue = self.make_reply_queue()?;
        let call = Consume {
            queue: &queue.name,
            consumer,
            auto_settle: true,
            exclusive: true,
            prefetch: 0,
            shared: None,
            arguments: Arguments::new(),
        };
        self.attach_consumer(&call, &queue, 0, Start::default())
            .inspect_err(|_| self.broker.end_replies(&self.connection.vhost, &queue))?;
        Ok(Arc::clone(&queue.name))
    }

    /// Whether answers to that address reach somebody, or it is the name that stands for all
    /// addresses.
    pub fn is_reply_address(&self, name: &str) -> bool {
        name == REPLY_TO
            || names::is_reply_address(name) && {
                let topology = read(&self.connection.vhost.topology);
                topology.replies.contains_key(name)
            }
    }

    fn make_reply_queue(&self) -> Result<Arc<LiveQueue>, Refusal> {
        let vhost = &self.connection.vhost;
        let spec = QueueSpec {
            vhost: vhost.name.to_string(),
            name: names::generate_reply_address()?,
            durable: false,
            exclusive: true,
            auto_delete: true,
            arguments: Arguments::new(),
        };
        let mut change = self.broker.change();
        vhost.check_alive()?;
        let most = self.broker.limits().queues_per_vhost;
        if read(&vhost.topology).replies.len() >= most {
            return Err(exhausted("consumers of answers", most));
        }
        let definition = Stored {
            value: spec,
            generation: change.next_id()?,
        };
        let (owner, account) = (Some(self.id()), self.broker.account);
        let id = QueueId(definition.generation);
        // No policy is for a queue that nobody sees.
        let standing = Standing::new(definition, Applied::default());
        let queue = Arc::new(LiveQueue::new(id, standing, owner, account));
        let (name, place) = (Arc::clone(&queue.name), Arc::clone(&queue));
        write(&vhost.topology).replies.insert(name, place);
        Ok(queue)
    }
}

impl Broker {
    /// The consumer of answers is gone.
    pub(super) fn end_replies(&self, vhost: &Vhost, queue: &Arc<LiveQueue>) {
        // First the way to it: then no answer is on its way there any more.
        write(&vhost.topology).replies.remove(&queue.name);
        queue.end(self);
    }
}
