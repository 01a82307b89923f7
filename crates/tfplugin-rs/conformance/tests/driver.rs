//! The driver by itself: what it says of a provider that is compared with itself, and with another.

use std::process::{Command, Output};

/// Runs the driver with the provider in Rust in both places.
fn compare(arguments: &[&str]) -> Output {
    let provider = env!("CARGO_BIN_EXE_tfplugin-conformance-provider");
    Command::new(env!("CARGO_BIN_EXE_tfplugin-conformance"))
        .args(["--reference", provider, "--ours", provider])
        .args(arguments)
        .output()
        .expect("the driver starts")
}

#[test]
fn a_provider_does_not_differ_from_itself() {
    let output = compare(&["--requests", "1500", "--seed", "7"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("0 differ without a reason"), "{text}");
    assert!(text.contains("PlanResourceChange"), "{text}");
    // Everything was asked about, and no row of the table claims anything where nothing differs.
    assert!(!text.contains("nothing was asked about"), "{text}");
    let rows = text.split("| Justified difference |").nth(1);
    let rows = rows.unwrap_or_default().lines().skip(2);
    let rows: Vec<_> = rows.take_while(|line| line.starts_with('|')).collect();
    assert!(rows.len() > 10, "{text}");
    for row in rows {
        assert!(row.contains(" | 0 | nothing | "), "{row}");
    }
}

#[test]
fn one_changed_answer_fails_the_run_and_is_shown() {
    let directory = tempfile::tempdir().expect("a directory");
    let report = directory.path().join("REPORT.md");
    let report_path = report.to_str().expect("a path in UTF-8");
    let output = compare(&[
        "--requests",
        "100",
        "--show",
        "3",
        "--ours-argument",
        "-changed",
        "--report",
        report_path,
    ]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(!text.contains("; 0 differ without a reason"), "{text}");
    let places = [r#"planned.stamp: "note "#, r#", ours "changed note "#];
    let shown = text.split("Difference, from a table, smallest request:\n");
    let shown: Vec<_> = shown.skip(1).collect();
    assert!(!shown.is_empty(), "{text}");
    for finding in &shown {
        assert!(finding.starts_with("PlanResourceChange of "), "{finding}");
        assert!(finding.contains(r#"script = "plan_meta""#), "{finding}");
        for place in places {
            assert!(finding.contains(place), "{finding}");
        }
    }
    assert!(!report.exists(), "a run that fails has been reported");
}

#[test]
fn a_reference_that_does_not_start_is_named() {
    let output = Command::new(env!("CARGO_BIN_EXE_tfplugin-conformance"))
        .args(["--reference", "/nonexistent/reference"])
        .output()
        .expect("the driver starts");
    assert!(!output.status.success());
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("/nonexistent/reference"), "{text}");
}
