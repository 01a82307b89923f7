//! What neither of Amazon MQ's engines has: errors, and the times of messages.

use super::super::columns::{Scope, broker, host, peer, queue};
use super::Source::{Column, HostPercent, Sum, Times};
use super::Stretch::{DeliverAck, DurableDeliver, PublishDurable};
use super::{Dimension, Engine, Metric, Unit, metrics};

metrics! { FerryMq:
    "AuthenticationFailureCount" Count [Broker] Broker Column(broker::AUTHENTICATION_FAILURES), "Logins that failed.";
    "ConnectionOpenedCount" Count [Broker] Broker Column(broker::OPENED), "Connections that have come.";
    "ConnectionRefusedCount" Count [Broker] Broker Column(broker::CONNECTIONS_REFUSED), "Connections turned away.";
    "AccessRefusedCount" Count [Broker] Broker Column(broker::ACCESS_REFUSED), "Operations that their user was not permitted.";
    "PublishCount" Count [Broker] Broker Column(broker::PUBLISHED), "Messages published.";
    "ConfirmCount" Count [Broker] Broker Column(broker::CONFIRMED), "Messages confirmed.";
    "DeliverCount" Count [Broker] Broker Sum(&[broker::DELIVERED, broker::GOT]), "Messages handed out.";
    "AckCount" Count [Broker] Broker Column(broker::ACKNOWLEDGED), "Messages acknowledged.";
    "UnroutableCount" Count [Broker] Broker Column(broker::UNROUTABLE), "Messages published that reached no queue.";
    "ReturnedCount" Count [Broker] Broker Column(broker::RETURNED), "Messages that reached no queue and came back to their publisher.";
    "RefusedCount" Count [Broker] Broker Column(broker::REFUSED), "Messages published that a queue or the broker refused.";
    "RejectedCount" Count [Broker] Broker Column(broker::REJECTED), "Messages rejected for good.";
    "RequeuedCount" Count [Broker] Broker Column(broker::REQUEUED), "Messages given back.";
    "RedeliveredCount" Count [Broker] Broker Column(broker::REDELIVERED), "Messages handed out again.";
    "ExpiredCount" Count [Broker] Broker Column(broker::EXPIRED), "Messages whose time was over.";
    "DroppedCount" Count [Broker] Broker Column(broker::DROPPED), "Messages let go from a queue that held too much, or to which they came back too often.";
    "DeadLetteredCount" Count [Broker] Broker Column(broker::DEAD_LETTERED), "Messages that went on to where dead letters go.";
    "DelayedCount" Count [Broker] Broker Column(broker::DELAYED), "Messages kept until they are due.";
    "PublishersPaused" Count [Broker] Broker Column(broker::PAUSED), "1 while publishers wait for memory, disk or the journal.";
    "CommitCount" Count [Broker] Broker Column(broker::COMMITS), "Commits of the journal.";
    "JournalBytes" Bytes [Broker] Broker Column(broker::JOURNAL), "Bytes of the journal.";
    "JournalWrittenBytes" Bytes [Broker] Broker Column(broker::JOURNAL_WRITTEN), "Bytes written to the journal.";
    "ReplicaActive" Count [Broker] Broker Column(broker::REPLICA_ACTIVE), "1 where the broker serves its clients.";
    "ReplicasInSync" Count [Broker] Broker Column(broker::REPLICAS_IN_SYNC), "Nodes that have everything confirmed.";
    "ReplicationLagBytes" Bytes [Broker] Broker Column(broker::LAG_BYTES), "Bytes of the journal that the node furthest behind lacks.";
    "PublishToDurable" Milliseconds [Broker] Broker Times(PublishDurable), "Time from a queue to being safe, of the messages that were timed.";
    "DurableToDeliver" Milliseconds [Broker] Broker Times(DurableDeliver), "Time from being safe to a consumer, of the messages that were timed.";
    "DeliverToAck" Milliseconds [Broker] Broker Times(DeliverAck), "Time from a consumer to its acknowledgement, of the messages that were timed.";
    "FileDescriptorUsage" Percent [Node Broker] Broker HostPercent(host::FILES, host::FILES_LIMIT), "File descriptors of the agent, of those it may have.";
    "DiskUsage" Percent [Node Broker] Broker HostPercent(host::DISK_USED, host::DISK), "Used space of the disk with the data.";

    "PublishCount" Count [Broker VirtualHost Queue] Queue Column(queue::PUBLISHED), "Messages that came in.";
    "DeliverCount" Count [Broker VirtualHost Queue] Queue Sum(&[queue::DELIVERED, queue::GOT]), "Messages handed out.";
    "AckCount" Count [Broker VirtualHost Queue] Queue Column(queue::ACKNOWLEDGED), "Messages acknowledged.";
    "RefusedCount" Count [Broker VirtualHost Queue] Queue Column(queue::REFUSED), "Messages turned away.";
    "RejectedCount" Count [Broker VirtualHost Queue] Queue Column(queue::REJECTED), "Messages rejected for good.";
    "RequeuedCount" Count [Broker VirtualHost Queue] Queue Column(queue::REQUEUED), "Messages given back.";
    "RedeliveredCount" Count [Broker VirtualHost Queue] Queue Column(queue::REDELIVERED), "Messages handed out again.";
    "ExpiredCount" Count [Broker VirtualHost Queue] Queue Column(queue::EXPIRED), "Messages whose time was over.";
    "DroppedCount" Count [Broker VirtualHost Queue] Queue Column(queue::DROPPED), "Messages let go since the queue held too much, or they came back too often.";
    "DeadLetteredCount" Count [Broker VirtualHost Queue] Queue Column(queue::DEAD_LETTERED), "Messages that went on to where dead letters go.";
    "MemoryBytes" Bytes [Broker VirtualHost Queue] Queue Column(queue::MEMORY), "Memory of its messages.";
    "PublishToDurable" Milliseconds [Broker VirtualHost Queue] Queue Times(PublishDurable), "As of the broker.";
    "DurableToDeliver" Milliseconds [Broker VirtualHost Queue] Queue Times(DurableDeliver), "As of the broker.";
    "DeliverToAck" Milliseconds [Broker VirtualHost Queue] Queue Times(DeliverAck), "As of the broker.";

    "ConnectionCount" Count [Broker User] User Column(peer::CONNECTIONS), "Connections.";
    "AuthenticationFailureCount" Count [Broker User] User Column(peer::AUTHENTICATION_FAILURES), "Logins that failed.";
    "ConnectionRefusedCount" Count [Broker User] User Column(peer::CONNECTIONS_REFUSED), "Connections turned away.";
    "AccessRefusedCount" Count [Broker User] User Column(peer::ACCESS_REFUSED), "Operations that the user was not permitted.";
    "PublishCount" Count [Broker User] User Column(peer::PUBLISHED), "Messages published.";
    "UnroutableCount" Count [Broker User] User Column(peer::UNROUTABLE), "Messages published that reached no queue.";
    "RefusedCount" Count [Broker User] User Column(peer::REFUSED), "Messages published that were refused.";
    "DeliverCount" Count [Broker User] User Column(peer::DELIVERED), "Messages handed out.";
    "AckCount" Count [Broker User] User Column(peer::ACKNOWLEDGED), "Messages acknowledged.";
    "RejectedCount" Count [Broker User] User Column(peer::REJECTED), "Messages rejected for good.";

    "ConnectionCount" Count [Broker Listener] Listener Column(peer::CONNECTIONS), "Connections.";
    "AuthenticationFailureCount" Count [Broker Listener] Listener Column(peer::AUTHENTICATION_FAILURES), "Logins that failed.";
    "ConnectionRefusedCount" Count [Broker Listener] Listener Column(peer::CONNECTIONS_REFUSED), "Connections turned away.";
    "PublishCount" Count [Broker Listener] Listener Column(peer::PUBLISHED), "Messages published.";
    "DeliverCount" Count [Broker Listener] Listener Column(peer::DELIVERED), "Messages handed out.";
}
