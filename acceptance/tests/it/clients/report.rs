//! What a client said of the scenarios, against the list of them.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};

const README: &str = include_str!("../../../clients/README.md");

/// The scenarios that are told in the table.
pub(crate) fn names() -> Vec<&'static str> {
    let rows = README.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.filter_map(|row| row.split('`').next()).collect()
}

/// Fails unless the report holds every scenario as `ok`, once. `cannot` names those that the
/// library has no means for, each with the reason.
pub(crate) fn check(report: &str, cannot: &[(&str, &str)]) -> Result<()> {
    let names = names();
    for (name, _) in cannot {
        ensure!(
            names.contains(name),
            "there is no scenario `{name}` to leave out"
        );
    }
    let mut seen = BTreeMap::new();
    let mut wrong = Vec::new();
    for line in report.lines() {
        match line.split_once(' ') {
            Some(("ok", name)) => *seen.entry(name).or_insert(0) += 1,
            Some(("failed", rest)) => {
                let name = rest.split(':').next().unwrap_or(rest);
                *seen.entry(name).or_insert(0) += 1;
                wrong.push(line.to_owned());
            }
            _ => wrong.push(format!("not a line of a report: {line}")),
        }
    }
    for name in &names {
        let left_out = cannot.iter().any(|(left_out, _)| left_out == name);
        match seen.remove(name).unwrap_or(0) {
            0 if left_out => {}
            0 => wrong.push(format!("missing: {name}")),
            1 if !left_out => {}
            1 => wrong.push(format!(
                "reported though it is said to be impossible: {name}"
            )),
            times => wrong.push(format!("reported {times} times: {name}")),
        }
    }
    wrong.extend(
        seen.into_keys()
            .map(|name| format!("no such scenario: {name}")),
    );
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

#[test]
fn a_report_is_complete_or_refused() {
    let names = names();
    assert!(names.len() > 30, "{names:?}");
    let all: Vec<_> = names.iter().map(|name| format!("ok {name}")).collect();
    assert!(check(&all.join("\n"), &[]).is_ok());
    assert!(check(&all[1..].join("\n"), &[]).is_err());
    assert!(check(&all[1..].join("\n"), &[(names[0], "a reason")]).is_ok());
    assert!(check(&all.join("\n"), &[(names[0], "a reason")]).is_err());
    let failed = format!("failed {}: why", names[0]);
    assert!(check(&[&[failed], &all[1..]].concat().join("\n"), &[]).is_err());
    assert!(check(&[&all[..], &all[..1]].concat().join("\n"), &[]).is_err());
    assert!(
        check(
            &[&all[..], &["ok news".to_owned()]].concat().join("\n"),
            &[]
        )
        .is_err()
    );
}
