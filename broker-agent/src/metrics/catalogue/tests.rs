//! The catalogue against Amazon MQ's, and its values.

use std::collections::BTreeSet;

use super::super::columns::{broker, host, queue};
use super::super::rows::tests::queue_row;
use super::*;

/// One line for each metric: engine, name, unit and dimensions.
fn lines() -> Vec<String> {
    let line = |metric: &Metric| {
        let names: Vec<_> = metric.dimensions.iter().map(|it| it.name()).collect();
        let unit = format!("{:?}", metric.unit);
        format!(
            "{} {} {unit} {}",
            metric.engine.name(),
            metric.name,
            names.join(",")
        )
    };
    all().map(line).collect()
}

/// The same of the table in `amazon_mq.txt`.
fn amazon_mq() -> BTreeSet<String> {
    let text = include_str!("amazon_mq.txt");
    let rows = text.lines().filter(|line| !line.starts_with('#'));
    rows.flat_map(|row| {
        let [engine, dimensions, unit, names] =
            row.split('|').map(str::trim).collect::<Vec<_>>()[..]
        else {
            panic!("{row}");
        };
        let line = |name| format!("{engine} {name} {unit} {dimensions}");
        names.split_whitespace().map(line).collect::<Vec<_>>()
    })
    .collect()
}

#[test]
fn every_metric_of_amazon_mq_is_here_with_its_unit_and_dimensions() {
    let amazon_mq = amazon_mq();
    assert_eq!(amazon_mq.len(), 86);
    let ours: BTreeSet<_> = lines().into_iter().collect();
    let missing: Vec<_> = amazon_mq.difference(&ours).collect();
    assert!(missing.is_empty(), "missing: {missing:#?}");
    let invented = ours.difference(&amazon_mq);
    let invented: Vec<_> = invented
        .filter(|line| !line.starts_with("ferrymq "))
        .collect();
    assert!(invented.is_empty(), "not of Amazon MQ: {invented:#?}");
}

#[test]
fn no_metric_is_there_twice_and_each_says_what_it_means() {
    let lines = lines();
    let distinct: BTreeSet<_> = lines.iter().collect();
    assert_eq!(distinct.len(), lines.len());
    for metric in all() {
        assert!(metric.meaning.ends_with('.'), "{}", metric.name);
        assert!(metric.name.is_ascii() && metric.name.len() <= 255);
        assert!(metric.dimensions.len() <= 30);
        let columns = metric.scope.columns().len();
        let known = match metric.source {
            Source::Column(column) => column < columns,
            Source::Sum(of) | Source::Rate(of) => of.iter().all(|column| *column < columns),
            Source::Percent(part, whole) => part < columns && whole < columns,
            _ => true,
        };
        assert!(known, "{}", metric.name);
    }
}

/// What is not given out, so that nothing joins it unnoticed.
#[test]
fn what_means_nothing_here_is_listed() {
    let absent: BTreeSet<_> = all()
        .filter(|metric| !metric.is_given())
        .map(|metric| metric.name)
        .collect();
    insta::assert_debug_snapshot!(absent);
}

fn value(engine: Engine, name: &str, rows: &Rows) -> Option<Value> {
    let mut values =
        values(rows, std::slice::from_ref(&engine)).map(|(metric, _, value)| (metric, value));
    values
        .find(|(metric, _)| metric.name == name)
        .map(|(_, value)| value)
}

#[test]
fn values_are_made_of_a_period() {
    let mut values = vec![0; broker::COLUMNS.len()];
    values[broker::PUBLISHED] = 600;
    values[broker::MEMORY] = 250;
    values[broker::MEMORY_LIMIT] = 1000;
    let orders = Subject {
        scope: Scope::Broker,
        broker: "orders".into(),
        vhost: "".into(),
        name: "".into(),
    };
    let mut machine = vec![0; host::COLUMNS.len()];
    machine[host::CPU_BUSY] = 150;
    machine[host::CPU_ALL] = 600;
    machine[host::WRITES] = 4;
    machine[host::WRITE_TIME] = 10;
    let mut queue = queue_row("q", &[(queue::ACKNOWLEDGED, 3), (queue::AUTO_SETTLED, 4)]);
    let mut latencies = Latencies::default();
    latencies.publish_durable.record(2000);
    latencies.durable_deliver.record(1000);
    latencies.durable_deliver.record(3000);
    queue.latencies = Some(Box::new(latencies));
    let row = |subject, values| Row {
        subject,
        values,
        latencies: None,
    };
    let rows = Rows {
        at_ms: 0,
        seconds: 60,
        rows: vec![row(Subject::host(), machine), row(orders, values), queue],
    };
    let is = |engine, name, expected| {
        assert_eq!(
            value(engine, name, &rows),
            Some(Value::One(expected)),
            "{name}"
        );
    };
    is(Engine::RabbitMq, "PublishRate", 10.0);
    is(Engine::ActiveMq, "HeapUsage", 25.0);
    is(Engine::ActiveMq, "CpuUtilization", 25.0);
    is(Engine::RabbitMq, "RabbitMQIOWriteAverageTime", 2.5);
    is(Engine::ActiveMq, "DequeueCount", 7.0);
    is(Engine::ActiveMq, "EnqueueTime", 4.0);
    // Nothing was read: an average of nothing has no value.
    assert_eq!(
        value(Engine::RabbitMq, "RabbitMQIOReadAverageTime", &rows),
        None
    );
    assert_eq!(value(Engine::ActiveMq, "BurstBalance", &rows), None);
    let times = value(Engine::FerryMq, "DurableToDeliver", &rows).unwrap();
    assert_eq!(times, Value::Times(Box::new(latencies.durable_deliver)));
}

#[test]
fn dimensions_name_what_a_metric_is_about() {
    let mut subject = queue_row("q", &[]).subject;
    let labels = |engine: Engine, subject: &Subject| {
        let mut metrics = all().filter(|it| it.engine == engine && it.scope == Scope::Queue);
        let labels = metrics.next().unwrap().labels(subject, 2);
        let labels = labels
            .iter()
            .map(|(name, value)| format!("{}={value}", name.name()));
        labels.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(
        labels(Engine::ActiveMq, &subject),
        "Broker=orders-2 Queue=q"
    );
    assert_eq!(
        labels(Engine::RabbitMq, &subject),
        "Queue=q VirtualHost=/ Broker=orders"
    );
    subject.vhost = "shop".into();
    assert_eq!(
        labels(Engine::ActiveMq, &subject),
        "Broker=orders-2 Queue=shop/q"
    );
    assert_eq!(
        labels(Engine::FerryMq, &subject),
        "Broker=orders VirtualHost=shop Queue=q"
    );
}
