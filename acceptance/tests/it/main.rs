//! The built binaries at work: stock clients against the broker, the real Terraform against
//! provider and agent.
//!
//! One binary, a module per theme. Every test starts what it needs on ports of its own and may run
//! beside any other, except the measurements in `measured`, which `make test` runs alone.

mod aio_pika;
mod amqp;
mod amqp_tools;
mod bad_input;
mod celery;
mod clients;
mod cloudwatch;
mod crowds;
mod differential;
mod durability;
mod failover;
mod hosts;
mod lapin_client;
mod management;
mod measured;
mod node;
mod pika;
mod proof;
mod scripts;
mod shutdown;
mod terraform;
mod tls;
