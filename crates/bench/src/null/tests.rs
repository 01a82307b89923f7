//! The generator against the null broker, over real sockets: all messages come, in order.

use std::net::{Ipv4Addr, SocketAddr};

use super::*;
use crate::batch::{Batch, Protocol, Publish};
use crate::flow::{Flow, Progress, Running};

/// Several laps around the null broker's journal.
const JOURNAL_BYTES: u64 = 2 * 1024 * 1024;

fn start(journal: Option<Journal>) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    // Ends with the process.
    std::thread::spawn(move || NullBroker::new(listener, journal).unwrap().run());
    address
}

/// Runs a flow of `count` messages from each publisher.
fn check(flow: &Flow, count: u64, address: SocketAddr) {
    let mut running = Running::open(flow, "test", Protocol::Amqp, address).unwrap();
    running.run_count(count).unwrap();
    let published = count * flow.publishers as u64;
    let expected = Progress {
        delivered: published * flow.queues as u64,
        confirmed: if flow.window.is_some() { published } else { 0 },
    };
    assert_eq!(running.progress(), expected);
    running.finish().unwrap();
}

fn transient(body_bytes: usize) -> Flow {
    Flow {
        publishers: 1,
        queues: 1,
        bindings: 0,
        body_bytes,
        persistent: false,
        window: None,
        ack_every: None,
        under_way: 2000,
    }
}

#[test]
fn every_message_arrives_once_and_in_order() {
    let address = start(None);
    check(&transient(16), 20_000, address);
    check(&transient(1024), 5_000, address);
    // Longer than one frame.
    check(&transient(256 * 1024), 50, address);
}

#[test]
fn a_window_that_never_fills_a_batch_is_confirmed_to_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::with_size(dir.path(), JOURNAL_BYTES).unwrap();
    let flow = Flow {
        persistent: true,
        window: Some(7),
        ack_every: Some(3),
        ..transient(4096)
    };
    check(&flow, 1_500, start(Some(journal)));
}

#[test]
fn several_publishers_and_a_fan_out_keep_apart() {
    let address = start(None);
    let flow = Flow {
        publishers: 4,
        ..transient(100)
    };
    check(&flow, 3_000, address);
    let flow = Flow {
        queues: 20,
        ..transient(100)
    };
    check(&flow, 1_000, address);
}

#[test]
fn a_missing_message_fails_the_run() {
    let address = start(None);
    let mut consumer = crate::flow::Consumer::open("skipped", None, address).unwrap();
    let mut client = crate::amqp::Client::connect(address).unwrap();
    let mut batch = Batch::new(
        &Publish {
            exchange: "",
            key: "skipped",
            keys: 1,
            persistent: false,
            body_bytes: 16,
        },
        Protocol::Amqp,
    );
    let len = batch.stamp(1, 1, 0);
    client.send(&batch.bytes()[..len]).unwrap();
    let error = loop {
        match consumer.receive(|_| {}) {
            Ok(()) if consumer.received() == 0 => {}
            Ok(()) => panic!("message 1 was taken for message 0"),
            Err(error) => break error,
        }
    };
    assert!(error.to_string().contains("message 1 came where 0 was due"));
}
