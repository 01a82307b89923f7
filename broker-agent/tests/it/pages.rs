//! The status pages.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::process::{Process, program};

pub(crate) fn get(address: &str, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let body = answer.split_once("\r\n\r\n").unwrap().1.to_owned();
    (status, body)
}

#[test]
fn dev_shows_its_broker() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = program();
    command.args(["dev", "--amqp", "127.0.0.1:0", "--http", "127.0.0.1:0"]);
    let dev = Process::start(&mut command, &dir.path().join("log"));
    let http = dev.endpoint("http");
    assert_eq!(get(&http, "/health/live"), (200, "ok\n".into()));
    assert_eq!(get(&http, "/health/ready"), (200, "ready\n".into()));
    let (status, overview) = get(&http, "/api/overview");
    assert_eq!(status, 200);
    let overview: serde_json::Value = serde_json::from_str(&overview).unwrap();
    let broker = &overview["brokers"][0];
    assert_eq!(
        (broker["state"].as_str(), broker["queues"].as_u64()),
        (Some("running"), Some(0))
    );
    assert_eq!(
        broker["endpoints"][0],
        format!("amqp://{}", dev.endpoint("amqp"))
    );
    let (status, page) = get(&http, "/");
    assert_eq!(status, 200);
    assert!(
        page.contains("<!doctype html>") && page.contains("running"),
        "{page}"
    );
    assert_eq!(get(&http, "/nothing").0, 404);
}
