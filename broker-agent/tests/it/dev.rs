//! `broker-agent dev`: the broker that needs no configuration.

use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::amqp;
use crate::process::{Process, program, run};

const ANY: [&str; 5] = ["dev", "--amqp", "127.0.0.1:0", "--http", "127.0.0.1:0"];

fn port(dev: &Process) -> u16 {
    dev.endpoint("amqp")
        .rsplit_once(':')
        .unwrap()
        .1
        .parse()
        .unwrap()
}

#[tokio::test]
async fn it_tells_where_it_is_serves_guest_and_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let mut dev = Process::start(program().args(ANY), &dir.path().join("log"));
    let data_dir = dev.ready["data_dir"].as_str().unwrap().to_owned();
    assert!(Path::new(&data_dir).is_dir());
    assert!(dev.ready["pid"].is_u64());
    let (_connection, channel) = amqp::connect(port(&dev), "guest", "guest").await.unwrap();
    let options = lapin::options::QueueDeclareOptions::default();
    channel
        .queue_declare("q".into(), options, Default::default())
        .await
        .unwrap();
    amqp::publish(&channel, "q", &["hello"]).await;
    assert_eq!(amqp::get(&channel, "q").await.unwrap(), "hello");

    dev.signal("TERM");
    let before = Instant::now();
    assert!(dev.ended(Duration::from_secs(5)).success());
    assert!(before.elapsed() < Duration::from_secs(5));
    assert!(!Path::new(&data_dir).exists());
}

#[tokio::test]
async fn a_data_directory_is_kept_and_users_may_change() {
    let dir = tempfile::tempdir().unwrap();
    let start = |user: &str, password: &str| {
        let mut command = program();
        command
            .args(ANY)
            .args(["--user", user, "--password", password, "--data-dir"]);
        Process::start(
            command.arg(dir.path().join("data")),
            &dir.path().join("log"),
        )
    };
    let mut dev = start("me", "one");
    let (_connection, channel) = amqp::connect(port(&dev), "me", "one").await.unwrap();
    let options = lapin::options::QueueDeclareOptions {
        durable: true,
        ..Default::default()
    };
    channel
        .queue_declare("q".into(), options, Default::default())
        .await
        .unwrap();
    amqp::publish(&channel, "q", &["kept"]).await;
    dev.kill();

    let dev = start("me", "two");
    assert!(amqp::connect(port(&dev), "me", "one").await.is_err());
    let (_connection, channel) = amqp::connect(port(&dev), "me", "two").await.unwrap();
    assert_eq!(amqp::get(&channel, "q").await.unwrap(), "kept");
}

#[test]
fn listeners_can_be_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = program();
    command.args(["dev", "--amqp", "none", "--http", "none"]);
    let dev = Process::start(&mut command, &dir.path().join("log"));
    assert_eq!(dev.ready["endpoints"], serde_json::json!({}));
}

#[test]
fn it_is_for_this_machine_alone() {
    for flag in ["--amqp", "--http"] {
        let output = run(&["dev", flag, "0.0.0.0:0"]);
        assert_eq!(output.status.code(), Some(2));
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.contains("not a loopback address"), "{error}");
        assert_eq!(output.stdout, b"");
    }
}

#[test]
fn a_taken_port_ends_it_with_a_way_out() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for flag in ["--amqp", "--http"] {
        let other = if flag == "--amqp" { "--http" } else { "--amqp" };
        let output = run(&["dev", flag, &address, other, "none"]);
        assert_eq!(output.status.code(), Some(1));
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.contains(&address) && error.contains(flag), "{error}");
        assert_eq!(output.stdout, b"");
    }
}
