//! Measures FerryMQ against other brokers, and against what the machine allows.
//!
//! Four parts. A **load generator** ([`flow`]) speaks AMQP 0-9-1, MQTT 3.1.1 and NATS in frames
//! encoded beforehand, from one thread, far cheaper than any broker. A **null broker** ([`null`]) echoes frames and does
//! nothing else: the yardstick for everything that is not the kernel's cost. **Targets**
//! ([`target`]) are brokers that the bench starts on loopback with settings that the report states.
//! **Scenarios** ([`scenario`]) put them together; their records become a [`report`].
//!
//! How figures are made: all brokers are up at the same time and take turns within each variant,
//! the turns are repeated, and medians are compared. The figure to compare is messages per second
//! of the *broker's* processor time, read from `/proc`: on a shared machine it holds still when
//! rates do not. Throughput runs check that every message arrives once and in order.
//!
//! One scenario is of another kind: [`sessions`] drives the engine's sessions without sockets under
//! callgrind, and counts instructions per message. It alone knows the engine.
//!
//! What it is deliberately not: a client library, a test of correctness under faults, or a source
//! of absolute numbers for machines other than the one it ran on.

pub mod amqp;
pub mod batch;
pub mod disk;
pub mod flow;
mod input;
mod mqtt;
mod nats;
pub mod null;
mod poller;
pub mod receiver;
pub mod record;
pub mod report;
pub mod run;
pub mod scenario;
pub mod sessions;
pub mod stats;
pub mod target;
pub mod usage;
