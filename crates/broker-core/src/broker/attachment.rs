//! One connection's view of the broker.

use std::sync::Arc;

use crate::broker::Broker;
use crate::call::{
    Bind, ConnectionId, Consume, ConsumerId, DeclareExchange, DeclareQueue, Delivery, Outcome,
    Publish, Published, QueueDeclared, QueueId, Sequence,
};
use crate::journal::Lsn;
use crate::outbox::Outbox;
use crate::refusal::Refusal;

/// One connection's view of the broker. Dropping it detaches: its consumers end, its unsettled
/// messages go back to their places, its exclusive queues are deleted.
#[derive(Debug)]
pub struct Attachment {
    broker: Arc<Broker>,
    outbox: Arc<Outbox>,
}

#[allow(unused_variables, clippy::todo)]
impl Attachment {
    /// Its number.
    pub fn id(&self) -> ConnectionId {
        todo!()
    }

    /// What the broker has to say to this connection.
    pub fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// Position up to which everything is durable.
    pub fn durable(&self) -> Lsn {
        self.broker.durable()
    }

    /// Who is connected.
    pub fn username(&self) -> &str {
        todo!()
    }

    /// The virtual host it is attached to.
    pub fn vhost(&self) -> &str {
        todo!()
    }

    /// The broker it is attached to.
    pub fn broker(&self) -> &Arc<Broker> {
        &self.broker
    }

    /// Declares an exchange, or checks it when passive. Reply once durable up to the position.
    pub fn declare_exchange(&self, call: &DeclareExchange<'_>) -> Result<Lsn, Refusal> {
        todo!()
    }

    /// Deletes an exchange and its bindings. One that does not exist is deleted already.
    pub fn delete_exchange(&self, name: &str, if_unused: bool) -> Result<Lsn, Refusal> {
        todo!()
    }

    /// Joins two ends. A binding that exists stays.
    pub fn bind(&self, call: &Bind<'_>) -> Result<Lsn, Refusal> {
        todo!()
    }

    /// Parts two ends. A binding that does not exist is gone already.
    pub fn unbind(&self, call: &Bind<'_>) -> Result<Lsn, Refusal> {
        todo!()
    }

    /// Declares a queue, or checks it when passive.
    pub fn declare_queue(&self, call: &DeclareQueue<'_>) -> Result<QueueDeclared, Refusal> {
        todo!()
    }

    /// Deletes a queue and says how many ready messages went with it; 0 for one that does not exist.
    pub fn delete_queue(
        &self,
        name: &str,
        if_unused: bool,
        if_empty: bool,
    ) -> Result<(u32, Lsn), Refusal> {
        todo!()
    }

    /// Forgets the queue's ready messages and says how many.
    pub fn purge_queue(&self, name: &str) -> Result<(u32, Lsn), Refusal> {
        todo!()
    }

    /// Publishes one message.
    pub fn publish(&self, call: Publish<'_>) -> Result<Published, Refusal> {
        todo!()
    }

    /// Whether this connection should stop reading from publishers for now: the broker holds too
    /// much in memory or its disk is full. When it ends, the connection is woken.
    pub fn publish_paused(&self) -> bool {
        todo!()
    }

    /// Attaches a consumer. Deliveries may be in the outbox before this returns.
    pub fn consume(&self, call: &Consume<'_>) -> Result<(), Refusal> {
        todo!()
    }

    /// Ends a consumer; what it holds unsettled stays with the connection. Deliveries already in the
    /// outbox still arrive. Unknown numbers are ignored.
    pub fn cancel(&self, consumer: ConsumerId) {
        todo!()
    }

    /// Takes the queue's first message, and says how many are ready behind it.
    pub fn get(&self, queue: &str, auto_settle: bool) -> Result<Option<(Delivery, u32)>, Refusal> {
        todo!()
    }

    /// Settles deliveries of one queue, which this connection holds; others are ignored. The
    /// position is where the settlements are durable; nothing of AMQP 0-9-1 waits for it.
    pub fn settle(&self, queue: QueueId, sequences: &[Sequence], outcome: Outcome) -> Lsn {
        todo!()
    }

    /// Asks to be woken once, when the journal is durable up to `lsn`. Ask again after each wake for
    /// what is still open.
    pub fn watch_commit(&self, lsn: Lsn) {
        todo!()
    }

    /// Drained deliveries have left for the socket, or a prefetch limit was raised: queues that
    /// skipped this connection's consumers go on. Cheap when there is none.
    pub fn resume(&self) {
        todo!()
    }

    /// A limit shared by consumers of this connection was changed: their queues look again.
    pub fn prefetch_changed(&self) {
        todo!()
    }
}
