//! What Amazon MQ for ActiveMQ calls it.

use super::super::columns::{Scope, broker, host, queue, topic};
use super::Source::{Absent, Column, EnqueueTime, Host, HostPercent, Millis, Percent, Sum};
use super::{Dimension, Engine, Metric, Unit, metrics};

metrics! { ActiveMq:
    "AmqpMaximumConnections" Count [Broker] Broker Column(broker::CONNECTIONS_LIMIT), "Most connections of the broker, of all protocols.";
    "BurstBalance" Percent [Broker] Broker Absent, "I/O credits of an EBS volume, which AWS/EBS tells of the volume itself.";
    "CpuCreditBalance" Credits [Broker] Broker Absent, "CPU credits of an EC2 instance, which AWS/EC2 tells of the instance itself.";
    "CpuUtilization" Percent [Broker] Broker HostPercent(host::CPU_BUSY, host::CPU_ALL), "Share of the machine's processor time that was used.";
    "CurrentConnectionsCount" Count [Broker] Broker Column(broker::CONNECTIONS), "Connections whose login is behind them.";
    "EstablishedConnectionsCount" Count [Broker] Broker Column(broker::OPENED_SUM), "Connections there have been since the broker was opened, those that are gone included.";
    "HeapUsage" Percent [Broker] Broker Percent(broker::MEMORY, broker::MEMORY_LIMIT), "Memory of messages, of what it may be; there is no heap beside it that could run out.";
    "InactiveDurableTopicSubscribersCount" Count [Broker] Broker Absent, "Durable subscriptions belong to protocols that are not spoken yet.";
    "JobSchedulerStorePercentUsage" Percent [Broker] Broker Absent, "Messages that are kept until they are due are in the journal: see StorePercentUsage.";
    "JournalFilesForFastRecovery" Count [Broker] Broker Column(broker::RECOVERY_FILES), "Files of the journal with what came after the last checkpoint.";
    "JournalFilesForFullRecovery" Count [Broker] Broker Column(broker::FILES), "Files of the journal.";
    "MqttMaximumConnections" Count [Broker] Broker Absent, "MQTT is not spoken yet.";
    "NetworkConnectorConnectionCount" Count [Broker] Broker Absent, "There are no network connectors.";
    "NetworkIn" Bytes [Broker] Broker Host(host::NETWORK_IN), "Bytes that came to the machine.";
    "NetworkOut" Bytes [Broker] Broker Host(host::NETWORK_OUT), "Bytes that left the machine.";
    "OpenTransactionCount" Count [Broker] Broker Absent, "A transaction of AMQP 0-9-1 is a state of its channel; they are not counted.";
    "OpenwireMaximumConnections" Count [Broker] Broker Absent, "OpenWire is not spoken yet.";
    "StompMaximumConnections" Count [Broker] Broker Absent, "STOMP is not spoken yet.";
    "StorePercentUsage" Percent [Broker] Broker Percent(broker::JOURNAL, broker::STORE_LIMIT), "Bytes of the journal, of what it may grow to before publishers wait.";
    "TempPercentUsage" Percent [Broker] Broker Absent, "Messages that are not persistent are in memory: see HeapUsage.";
    "TotalConsumerCount" Count [Broker] Broker Column(broker::CONSUMERS), "Consumers of all queues.";
    "TotalMessageCount" Count [Broker] Broker Sum(&[broker::READY, broker::UNSETTLED]), "Messages of all queues.";
    "TotalProducerCount" Count [Broker] Broker Column(broker::PRODUCERS), "Connections that have published.";
    "VolumeReadOps" Count [Broker] Broker Host(host::READS), "Reads of the disk with the data.";
    "VolumeWriteOps" Count [Broker] Broker Host(host::WRITES), "Writes of the disk with the data.";
    "WsMaximumConnections" Count [Broker] Broker Absent, "WebSocket is not spoken yet.";

    "ConsumerCount" Count [Broker Queue] Queue Column(queue::CONSUMERS), "Consumers.";
    "ProducerCount" Count [Broker Queue] Queue Absent, "In AMQP 0-9-1 no producer belongs to a queue: see TotalProducerCount.";
    "EnqueueCount" Count [Broker Queue] Queue Column(queue::PUBLISHED), "Messages that came in.";
    "DequeueCount" Count [Broker Queue] Queue Sum(&[queue::ACKNOWLEDGED, queue::AUTO_SETTLED]), "Messages acknowledged, or handed out without need of that.";
    "DispatchCount" Count [Broker Queue] Queue Sum(&[queue::DELIVERED, queue::GOT]), "Messages handed out.";
    "ExpiredCount" Count [Broker Queue] Queue Column(queue::EXPIRED), "Messages whose time was over.";
    "InFlightCount" Count [Broker Queue] Queue Column(queue::UNSETTLED), "Messages handed out and not settled yet.";
    "EnqueueTime" Milliseconds [Broker Queue] Queue EnqueueTime, "Time from arrival to delivery, on average of the messages that were timed.";
    "MemoryUsage" Percent [Broker Queue] Queue Absent, "Queues have no memory of their own that could run out: see HeapUsage, and ferrymq_queue_memory_bytes in Prometheus.";
    "QueueSize" Count [Broker Queue] Queue Sum(&[queue::READY, queue::UNSETTLED]), "Messages that were not acknowledged.";
    "TotalEnqueueCount" Count [Broker Queue] Queue Column(queue::PUBLISHED), "As EnqueueCount: there are no advisories.";
    "TotalDequeueCount" Count [Broker Queue] Queue Sum(&[queue::ACKNOWLEDGED, queue::AUTO_SETTLED]), "As DequeueCount: there are no advisories.";

    "ConsumerCount" Count [Broker Topic] Topic Column(topic::BINDINGS), "Bindings: who subscribes has a queue, which is bound.";
    "ProducerCount" Count [Broker Topic] Topic Absent, "In AMQP 0-9-1 no producer belongs to an exchange: see TotalProducerCount.";
    "EnqueueCount" Count [Broker Topic] Topic Column(topic::PUBLISHED), "Messages published to it.";
    "DequeueCount" Count [Broker Topic] Topic Absent, "An exchange holds nothing; its subscribers' queues count what leaves them.";
    "DispatchCount" Count [Broker Topic] Topic Absent, "An exchange holds nothing; its subscribers' queues count what they hand out.";
    "ExpiredCount" Count [Broker Topic] Topic Absent, "An exchange holds nothing; its subscribers' queues count what expires in them.";
    "InFlightCount" Count [Broker Topic] Topic Absent, "An exchange holds nothing; its subscribers' queues count what they have handed out.";
    "EnqueueTime" Milliseconds [Broker Topic] Topic Absent, "An exchange holds nothing; its subscribers' queues time their messages.";
    "MemoryUsage" Percent [Broker Topic] Topic Absent, "An exchange holds nothing.";
    "TotalEnqueueCount" Count [Broker Topic] Topic Column(topic::PUBLISHED), "As EnqueueCount: there are no advisories.";
    "TotalDequeueCount" Count [Broker Topic] Topic Absent, "As DequeueCount.";
    "ReceiveCount" Count [Broker NetworkConnector] Broker Absent, "There are no network connectors.";

    "TotalReplicationLag" Milliseconds [Broker] Broker Millis(broker::LAG), "For how long something has been missing on another node of the pair.";
    "ReplicationLag" Milliseconds [Broker] Broker Millis(broker::LAG), "As TotalReplicationLag: all queues of a pair are replicated together.";
    "PrimaryWaitTime" Milliseconds [Broker] Broker Absent, "The active waits for no batch: a confirm waits for both disks, and PublishToDurable times that.";
    "ReplicaWaitTime" Milliseconds [Broker] Broker Absent, "The standby waits for no batch: it takes what comes.";
    "QueueSize" Count [Broker] Broker Absent, "There is no queue of changes to replicate; ferrymq_broker_replication_lag_bytes in Prometheus has what the other node lacks.";
}
