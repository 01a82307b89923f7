//! Which line is in which file, and what becomes of lines that cannot be written.

use std::fs;
use std::path::Path;

use tracing::subscriber::with_default;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry;

use super::*;

const PATIENCE: Duration = Duration::from_secs(30);

fn logs(dir: &Path, bytes: u64) -> Logs {
    Logs::start(dir.to_owned(), Rotation { bytes, keep: 2 }).expect("a thread")
}

/// What is logged meanwhile goes to these files.
fn logging(logs: &Logs, work: impl FnOnce()) {
    with_default(registry().with(logs.clone()), work);
    logs.flush(PATIENCE);
}

fn read(dir: &Path, file: &str) -> Option<String> {
    fs::read_to_string(dir.join(file)).ok()
}

/// Without what is another one each time.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    for line in text.lines() {
        let mut line: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let fields = line.as_object_mut().expect("an object");
        fields.remove("timestamp");
        fields.remove("chain");
        plain.push_str(&line.to_string());
        plain.push('\n');
    }
    plain
}

#[test]
fn each_event_is_in_the_log_of_its_broker_and_kind() {
    let dir = tempfile::tempdir().expect("a directory");
    let logs = logs(dir.path(), 1 << 20);
    logging(&logs, || {
        tracing::info!(broker = "orders", queues = 3, "started");
        tracing::warn!(target: AUDIT, broker = "orders", user = "ann", "login refused");
        tracing::info!(target: CONNECTION, broker = "stock", id = 7, "connection opened");
        tracing::info!(broker = %"stock", ok = true, "started");
        tracing::info!("agent ready");
    });
    let files = [
        "orders/general.log",
        "orders/audit.log",
        "stock/connection.log",
        "stock/general.log",
        "_agent/general.log",
    ];
    let texts: Vec<_> = files
        .map(|file| {
            format!(
                "{file}: {}",
                plain(&read(dir.path(), file).unwrap_or_default())
            )
        })
        .into();
    insta::assert_snapshot!(texts.concat());
    assert_eq!(read(dir.path(), "stock/audit.log"), None);
}

#[test]
fn what_is_not_wanted_is_not_written() {
    let dir = tempfile::tempdir().expect("a directory");
    let logs = logs(dir.path(), 1 << 20);
    let wanted = Wanted {
        connection: false,
        ..Wanted::default()
    };
    logs.set("orders", wanted);
    logging(&logs, || {
        tracing::info!(target: CONNECTION, broker = "orders", "connection opened");
        tracing::info!(target: CONNECTION, broker = "stock", "connection opened");
    });
    assert_eq!(read(dir.path(), "orders/connection.log"), None);
    assert!(read(dir.path(), "stock/connection.log").is_some());
}

#[test]
fn an_audit_log_holds_together_over_rotation_and_restart() {
    let dir = tempfile::tempdir().expect("a directory");
    for user in 0..20 {
        let logs = logs(dir.path(), 1000);
        logging(&logs, || {
            tracing::warn!(target: AUDIT, broker = "orders", user, "access refused");
        });
    }
    let file = dir.path().join("orders/audit.log");
    let mut out = Vec::new();
    let options = crate::cli::VerifyAudit { file: file.clone() };
    verify(&options, &mut out).expect("a check");
    let out = String::from_utf8(out).expect("text");
    assert!(
        out.ends_with("lines in 3 files are as they were written\n"),
        "{out}"
    );

    let text = fs::read_to_string(&file).expect("a log");
    fs::write(&file, text.replace("refused", "granted")).expect("a log");
    let mut out = Vec::new();
    verify(&options, &mut out).expect("a check");
    let out = String::from_utf8(out).expect("text");
    assert!(
        out.contains("line 1: it was changed after it was written"),
        "{out}"
    );
}

#[test]
fn a_disk_that_takes_nothing_costs_lines_and_says_so() {
    let dir = tempfile::tempdir().expect("a directory");
    // A file where a directory is to be.
    fs::write(dir.path().join("orders"), "").expect("a file");
    let logs = logs(dir.path(), 1 << 20);
    logging(&logs, || {
        tracing::info!(broker = "orders", "one");
        tracing::info!(broker = "orders", "two");
    });
    logging(&logs, || tracing::info!("three"));
    let agent = read(dir.path(), "_agent/general.log").unwrap_or_default();
    let lost: u64 = agent
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"))
        .filter_map(|line| line["lost"].as_u64())
        .sum();
    assert_eq!(lost, 2, "{agent}");
}
