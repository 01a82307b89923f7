//! The page that says what there is stays true.

use wire::amqp091::Method;

use super::kit::World;

const PAGE: &str = include_str!("../README.md");

/// All tests the page may name.
const TESTS: &[&str] = &[
    include_str!("back_pressure.rs"),
    include_str!("channels.rs"),
    include_str!("consuming.rs"),
    include_str!("copies.rs"),
    include_str!("dead_letters.rs"),
    include_str!("delays.rs"),
    include_str!("errors.rs"),
    include_str!("expiry.rs"),
    include_str!("handshake.rs"),
    include_str!("overdue.rs"),
    include_str!("publishing.rs"),
    include_str!("quorum.rs"),
    include_str!("replies.rs"),
    include_str!("streams.rs"),
    include_str!("table.rs"),
    include_str!("transactions.rs"),
    include_str!("../../../queue/tests/consumers.rs"),
    include_str!("../../../rules.rs"),
    include_str!("../../../../tests/broker/at_least_once.rs"),
    include_str!("../../../../tests/broker/bounds_of_users.rs"),
    include_str!("../../../../tests/broker/dead_letters.rs"),
    include_str!("../../../../tests/broker/delayed.rs"),
    include_str!("../../../../tests/broker/expiry.rs"),
    include_str!("../../../../tests/broker/lengths.rs"),
    include_str!("../../../../tests/broker/policies.rs"),
    include_str!("../../../../tests/broker/priorities.rs"),
    include_str!("../../../../tests/broker/routing.rs"),
    include_str!("../../../../tests/broker/stream_crash.rs"),
    include_str!("../../../../tests/broker/streams.rs"),
    include_str!("../../../../tests/broker/topology.rs"),
    include_str!("../../../../tests/broker/transactions.rs"),
];

/// The words in backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The page's part under this heading.
fn part(heading: &str) -> &str {
    let (_, behind) = PAGE.split_once(heading).unwrap();
    behind.split("\n## ").next().unwrap()
}

#[test]
fn every_method_is_on_the_page_once() {
    let by_client = part("## Methods a client sends").lines();
    let by_client = by_client.filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let by_broker = quoted(part("## Methods only the broker sends"));
    let mut listed: Vec<_> = by_client.chain(by_broker).collect();
    listed.retain(|name| name.contains('.'));
    listed.sort_unstable();
    let mut names: Vec<_> = Method::NAMES.iter().map(|(_, name)| *name).collect();
    names.sort_unstable();
    assert_eq!(listed, names);
}

#[test]
fn every_test_the_page_names_exists() {
    let rows = PAGE.lines().filter(|line| line.matches(" | ").count() == 2);
    let named: Vec<_> = rows
        .filter_map(|row| row.rsplit_once(" | "))
        .flat_map(|(_, tests)| quoted(tests))
        .collect();
    assert!(named.len() > 50, "{named:?}");
    for name in named {
        let heading = format!("fn {name}(");
        let there = TESTS.iter().any(|source| source.contains(&heading));
        assert!(there, "no test {name:?}");
    }
}

#[test]
fn methods_nobody_waits_for_end_the_connection() {
    let world = World::new();
    let answers = ["channel.flow-ok", "basic.cancel-ok"];
    let by_broker = quoted(part("## Methods only the broker sends"));
    for name in by_broker.filter(|name| name.contains('.')).chain(answers) {
        let found = Method::NAMES.iter().find(|(_, known)| *known == name);
        let ((class, method), _) = found.unwrap();
        // Zeros are an empty value of every field.
        let mut payload = [class.to_be_bytes(), method.to_be_bytes()].concat();
        while Method::decode(&payload).is_err() {
            payload.push(0);
            assert!(payload.len() < 64, "{name} cannot be read");
        }
        let mut peer = world.open();
        let number = u8::from(*class != 10);
        let heading = [1, 0, number, 0, 0, 0, payload.len() as u8];
        peer.input.extend_from_slice(&heading);
        peer.input.extend_from_slice(&payload);
        peer.input.extend_from_slice(b"\xce");
        peer.turn();
        peer.expect_connection_close(&format!("COMMAND_INVALID - unexpected method {name}"));
    }
}
