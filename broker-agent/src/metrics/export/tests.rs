//! The exporter by itself, with a clock of its own.

use broker_core::metrics::Latencies;

use super::super::columns::queue;
use super::super::rows::tests::queue_row;
use super::*;

const MINUTE_MS: u64 = 60_000;

fn rows(minute: u64, queues: usize) -> Rows {
    let row = |number| queue_row(&format!("q{number}"), &[(queue::PUBLISHED, minute)]);
    Rows {
        at_ms: minute * MINUTE_MS,
        seconds: 60,
        rows: (0..queues).map(row).collect(),
    }
}

fn exporter(buffer_bytes: usize) -> Exporter {
    let choice = Choice {
        namespace: "Ferry".into(),
        engines: vec![Engine::RabbitMq],
        scopes: Scope::ALL.to_vec(),
        high_resolution: false,
        buffer_bytes,
    };
    Exporter::new(choice, 7)
}

/// Minutes whose values are in the batches that can be sent now, in order, and the batches' lengths.
fn drain(exporter: &mut Exporter, now_ms: u64) -> (Vec<u64>, Vec<usize>) {
    let (mut minutes, mut lengths) = (Vec::new(), Vec::new());
    while let Some(batch) = exporter.next(now_ms) {
        lengths.push(batch.data.len());
        minutes.extend(batch.data.iter().map(|datum| datum.at_ms / MINUTE_MS));
        exporter.sent(now_ms, &Ok(()));
    }
    minutes.dedup();
    (minutes, lengths)
}

#[test]
fn a_call_carries_a_thousand_values() {
    let mut exporter = exporter(1 << 20);
    assert_eq!(exporter.push(&rows(1, 600), &Nodes::default()), 0);
    assert_eq!(exporter.due_ms(), Some(0));
    // Four values of each queue.
    assert_eq!(drain(&mut exporter, 0), (vec![1], vec![1000, 1000, 400]));
    assert_eq!(
        (exporter.due_ms(), exporter.lost()),
        (None, Lost::default())
    );
}

#[test]
fn a_call_stays_below_a_megabyte() {
    let mut exporter = exporter(10 << 20);
    let mut long = rows(1, 0);
    for number in 0..400 {
        long.rows
            .push(queue_row(&format!("{}{number:03}", "ü".repeat(126)), &[]));
    }
    exporter.push(&long, &Nodes::default());
    let mut count = 0;
    while let Some(batch) = exporter.next(0) {
        let bytes: usize = batch.data.iter().map(Datum::size_bytes).sum();
        assert!(bytes <= BATCH_BYTES && batch.data.len() < BATCH_LEN);
        count += batch.data.len();
        exporter.sent(0, &Ok(()));
    }
    assert_eq!(count, 1600);
}

#[test]
fn an_outage_is_survived_within_the_buffer_and_what_is_lost_is_counted() {
    let nodes = Nodes::default();
    let one = codec::encode(&rows(1, 10)).len();
    let mut exporter = exporter(5 * one + one / 2);
    exporter.push(&rows(1, 10), &nodes);
    let later = Err(SendError::Later("no route".into()));
    let mut now = 0;
    assert!(exporter.next(now).is_some());
    exporter.sent(now, &later);
    for minute in 2..10 {
        exporter.push(&rows(minute, 10), &nodes);
    }
    // The first is being sent; of the eight others five have room.
    assert_eq!(exporter.lost().dropped, 3 * 40);
    now = exporter.due_ms().unwrap();
    assert!(exporter.next(now - 1).is_none());
    assert_eq!(drain(&mut exporter, now).0, [1, 5, 6, 7, 8, 9]);
    assert_eq!(
        exporter.lost(),
        Lost {
            dropped: 120,
            refused: 0
        }
    );
}

#[test]
fn attempts_become_rarer_and_differ_by_chance() {
    let mut exporter = exporter(1 << 20);
    exporter.push(&rows(1, 1), &Nodes::default());
    let (mut now, mut pauses) = (0, Vec::new());
    for _ in 0..12 {
        assert!(exporter.next(now).is_some());
        assert!(exporter.next(now).is_none(), "one at a time");
        exporter.sent(now, &Err(SendError::Later("throttled".into())));
        pauses.push(exporter.due_ms().unwrap() - now);
        now = exporter.due_ms().unwrap();
    }
    for (attempt, pause) in pauses.iter().enumerate() {
        let full = (1000 << attempt).min(300_000);
        assert!((full / 2..full).contains(pause), "{pauses:?}");
    }
    assert!(exporter.next(now).is_some());
    exporter.sent(now, &Ok(()));
    exporter.push(&rows(2, 1), &Nodes::default());
    assert_eq!(exporter.due_ms(), Some(0), "all is well again");
}

#[test]
fn what_is_refused_or_too_old_is_not_sent_again() {
    let mut exporter = exporter(1 << 20);
    exporter.push(&rows(1, 1), &Nodes::default());
    assert!(exporter.next(0).is_some());
    exporter.sent(0, &Err(SendError::Never("bad".into())));
    assert_eq!((exporter.lost().refused, exporter.due_ms()), (4, None));
    exporter.push(&rows(1, 1), &Nodes::default());
    assert!(exporter.next(MAX_AGE_MS + 2 * MINUTE_MS).is_none());
    assert_eq!(exporter.lost().dropped, 4);
}

#[test]
fn values_have_the_form_of_cloudwatch() {
    let mut row = queue_row("straße %:", &[(queue::READY, 3)]);
    let mut latencies = Latencies::default();
    for us in [1500, 1500, 6000] {
        latencies.deliver_ack.record(us);
    }
    row.latencies = Some(Box::new(latencies));
    let mut exporter = exporter(1 << 20);
    exporter.choice.engines = vec![Engine::ActiveMq, Engine::FerryMq];
    exporter.choice.high_resolution = true;
    let rows = Rows {
        at_ms: 5,
        seconds: 1,
        rows: vec![row],
    };
    let nodes = Arc::new([(Arc::from("orders"), 2)].into());
    exporter.push(&rows, &nodes);
    let batch = exporter.next(5).unwrap();
    let named = |name: &str| {
        batch
            .data
            .iter()
            .find(|it| it.name == name)
            .unwrap()
            .clone()
    };
    let size = named("QueueSize");
    let dimensions = vec![
        ("Broker", "orders-2".to_owned()),
        ("Queue", "stra%C3%9Fe %25:".to_owned()),
    ];
    let expected = Datum {
        name: "QueueSize",
        unit: "Count",
        dimensions,
        at_ms: 5,
        value: Sent::One(3.0),
        resolution_s: 1,
    };
    assert_eq!(size, expected);
    let times = Sent::Distribution {
        values: vec![1.28, 5.12],
        counts: vec![2.0, 1.0],
        sum: 9.0,
    };
    assert_eq!(named("DeliverToAck").value, times);
}

#[test]
fn only_what_is_chosen_is_sent() {
    let mut exporter = exporter(1 << 20);
    exporter.choice.scopes = vec![Scope::Broker];
    exporter.push(&rows(1, 1), &Nodes::default());
    assert!(exporter.next(0).is_none());
    assert_eq!(exporter.lost(), Lost::default());
}
