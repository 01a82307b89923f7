//! What Amazon MQ for RabbitMQ calls it. Rates are means over the period.

use super::super::columns::{Scope, broker, host, queue};
use super::Source::{Column, Host, HostMean, HostPercent, Rate, Sum};
use super::{Dimension, Engine, Metric, Unit, metrics};

metrics! { RabbitMq:
    "ExchangeCount" Count [Broker] Broker Column(broker::EXCHANGES), "Exchanges, those every virtual host has included.";
    "QueueCount" Count [Broker] Broker Column(broker::QUEUES), "Queues.";
    "ConnectionCount" Count [Broker] Broker Column(broker::CONNECTIONS), "Connections whose login is behind them.";
    "ChannelCount" Count [Broker] Broker Column(broker::CHANNELS), "Open channels.";
    "ConsumerCount" Count [Broker] Broker Column(broker::CONSUMERS), "Consumers of all queues.";
    "MessageCount" Count [Broker] Broker Sum(&[broker::READY, broker::UNSETTLED]), "Messages of all queues.";
    "MessageReadyCount" Count [Broker] Broker Column(broker::READY), "Messages that wait in queues.";
    "MessageUnacknowledgedCount" Count [Broker] Broker Column(broker::UNSETTLED), "Messages handed out and not settled yet.";
    "PublishRate" Count [Broker] Broker Rate(&[broker::PUBLISHED]), "Messages published, a second.";
    "ConfirmRate" Count [Broker] Broker Rate(&[broker::CONFIRMED]), "Messages confirmed to their publishers, a second.";
    "AckRate" Count [Broker] Broker Rate(&[broker::ACKNOWLEDGED]), "Messages acknowledged, a second.";
    "SystemCpuUtilization" Percent [Broker] Broker HostPercent(host::CPU_BUSY, host::CPU_ALL), "Share of the machine's processor time that was used.";
    "RabbitMQMemLimit" Bytes [Broker] Broker Column(broker::MEMORY_LIMIT), "Memory of messages from which on publishers wait.";
    "RabbitMQMemUsed" Bytes [Broker] Broker Column(broker::MEMORY), "Memory of messages.";
    "RabbitMQDiskFreeLimit" Bytes [Broker] Broker Host(host::DISK_LIMIT), "Free space of the disk below which publishers wait.";
    "RabbitMQDiskFree" Bytes [Broker] Broker Host(host::DISK_FREE), "Free space of the disk with the data.";
    "RabbitMQFdUsed" Count [Broker] Broker Host(host::FILES), "File descriptors of the agent, sockets included.";
    "RabbitMQIOReadAverageTime" Count [Broker] Broker HostMean(host::READ_TIME, host::READS), "Milliseconds that a read of the disk with the data took, on average.";
    "RabbitMQIOWriteAverageTime" Count [Broker] Broker HostMean(host::WRITE_TIME, host::WRITES), "Milliseconds that a write of the disk with the data took, on average.";

    "SystemCpuUtilization" Percent [Node Broker] Broker HostPercent(host::CPU_BUSY, host::CPU_ALL), "Share of the machine's processor time that was used.";
    "RabbitMQMemLimit" Bytes [Node Broker] Broker Column(broker::MEMORY_LIMIT), "Memory of messages from which on publishers wait.";
    "RabbitMQMemUsed" Bytes [Node Broker] Broker Column(broker::MEMORY), "Memory of messages.";
    "RabbitMQDiskFreeLimit" Bytes [Node Broker] Broker Host(host::DISK_LIMIT), "Free space of the disk below which publishers wait.";
    "RabbitMQDiskFree" Bytes [Node Broker] Broker Host(host::DISK_FREE), "Free space of the disk with the data.";
    "RabbitMQFdUsed" Count [Node Broker] Broker Host(host::FILES), "File descriptors of the agent, sockets included.";

    "ConsumerCount" Count [Queue VirtualHost Broker] Queue Column(queue::CONSUMERS), "Consumers.";
    "MessageReadyCount" Count [Queue VirtualHost Broker] Queue Column(queue::READY), "Messages that wait.";
    "MessageUnacknowledgedCount" Count [Queue VirtualHost Broker] Queue Column(queue::UNSETTLED), "Messages handed out and not settled yet.";
    "MessageCount" Count [Queue VirtualHost Broker] Queue Sum(&[queue::READY, queue::UNSETTLED]), "Messages.";

    "NetworkIn" Bytes [BrokerId] Broker Host(host::NETWORK_IN), "Bytes that came to the machine.";
    "NetworkOut" Bytes [BrokerId] Broker Host(host::NETWORK_OUT), "Bytes that left the machine.";
}
