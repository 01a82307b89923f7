//! The built agent from outside: over its management interface, its listeners and its signals.

#![allow(clippy::unwrap_used)]

mod agent;
mod amqp;
mod bindings;
mod brokers;
mod command_line;
mod crash;
mod dev;
mod encryption;
mod expectations;
mod logs;
mod metrics;
mod pages;
mod pairs;
mod permissions;
mod process;
mod salvage;
mod secrets;
mod topology;
mod trust;
mod users;
mod vhosts;
