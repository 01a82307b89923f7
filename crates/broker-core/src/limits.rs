//! Limits: every table, name and depth of the broker is bounded, all by finite defaults.

/// Upper bounds of one broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Connections attached at a time.
    pub connections: usize,
    /// Virtual hosts.
    pub vhosts: usize,
    /// Users.
    pub users: usize,
    /// Topic permissions of one user.
    pub topic_permissions_per_user: usize,
    /// Exchanges of one virtual host, presets included.
    pub exchanges_per_vhost: usize,
    /// Queues of one virtual host.
    pub queues_per_vhost: usize,
    /// Bindings of one virtual host.
    pub bindings_per_vhost: usize,
    /// Policies of one virtual host, and as many operator policies.
    pub policies_per_vhost: usize,
    /// Consumers of one queue.
    pub consumers_per_queue: usize,
    /// Consumers of one connection.
    pub consumers_per_connection: usize,
    /// Bytes of a name or routing key; AMQP 0-9-1 cannot carry more.
    pub name_bytes: usize,
    /// Bytes of one permission expression.
    pub expression_bytes: usize,
    /// Levels of lists and maps inside one set of arguments.
    pub argument_depth: usize,
    /// Bytes of one set of arguments, as the journal stores it.
    pub argument_bytes: usize,
    /// Bytes of one message's body; sessions refuse larger ones before they arrive.
    pub message_bytes: usize,
    /// Bytes of messages and settlements in open transactions of one connection. What one transaction
    /// commits must fit into three quarters of a segment of the journal besides.
    pub transaction_bytes: usize,
    /// Milliseconds a client may keep a delivery without settling it; its channel is closed then.
    pub consumer_timeout_ms: u64,
    /// Bytes of undelivered messages in one connection's outbox; queues skip its consumers above.
    pub outbox_bytes: usize,
    /// Bytes of messages kept in memory at either end of a queue. What lies between them and is in
    /// the journal is read back when it is due. A sixteenth of it while memory is tight.
    pub queue_window_bytes: usize,
    /// Bytes of messages the broker holds in memory; publishers pause above. Those that hold
    /// unsettled deliveries, and so can make room, go on up to twice as much.
    pub memory_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 20_000,
            vhosts: 1_000,
            users: 10_000,
            topic_permissions_per_user: 1_000,
            exchanges_per_vhost: 10_000,
            queues_per_vhost: 100_000,
            bindings_per_vhost: 1_000_000,
            policies_per_vhost: 1_000,
            consumers_per_queue: 10_000,
            consumers_per_connection: 20_000,
            name_bytes: 255,
            expression_bytes: 4 * 1024,
            argument_depth: 16,
            argument_bytes: 64 * 1024,
            message_bytes: 16 * 1024 * 1024,
            transaction_bytes: 20 * 1024 * 1024,
            consumer_timeout_ms: 30 * 60 * 1000,
            outbox_bytes: 1024 * 1024,
            queue_window_bytes: 1024 * 1024,
            memory_bytes: 1024 * 1024 * 1024,
        }
    }
}
