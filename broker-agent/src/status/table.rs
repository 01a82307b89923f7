//! A pair as a person reads it: its state, its nodes, its alarms.

use std::io::{self, Write};
use std::time::Duration;

use agent_api::v1::{ReplicationNodeStatus, ReplicationStatus};

use crate::replication::words;

const HEAD: [&str; 7] = [
    "node",
    "name",
    "agent",
    "role",
    "in sync",
    "connected",
    "lag",
];

/// Writes some lines, indented below the broker they are about.
pub(super) fn write(
    out: &mut impl Write,
    status: &ReplicationStatus,
    now_ms: u64,
) -> io::Result<()> {
    let state = words::state(status.state());
    let since = ago(status.since_ms, now_ms);
    write!(out, "  {state} for {since}, epoch {}", status.epoch)?;
    if !status.reason.is_empty() {
        write!(out, ": {}", status.reason)?;
    }
    writeln!(out)?;
    let rows: Vec<_> = status.nodes.iter().map(|node| row(status, node)).collect();
    let width = |column: usize| {
        let cells = rows.iter().map(|row: &[String; 7]| row[column].len());
        cells.chain([HEAD[column].len()]).max().unwrap_or(0)
    };
    let widths: [usize; 7] = std::array::from_fn(width);
    line(out, &HEAD.map(str::to_owned), &widths)?;
    for row in &rows {
        line(out, row, &widths)?;
    }
    for alarm in &status.alarms {
        let since = ago(alarm.since_ms, now_ms);
        writeln!(out, "  ALARM {} for {since}: {}", alarm.kind, alarm.text)?;
    }
    Ok(())
}

fn line(out: &mut impl Write, cells: &[String; 7], widths: &[usize; 7]) -> io::Result<()> {
    let cells = cells.iter().zip(widths);
    let padded: Vec<_> = cells
        .map(|(cell, width)| format!("{cell:width$}"))
        .collect();
    writeln!(out, "  {}", padded.join("  ").trim_end())
}

fn row(status: &ReplicationStatus, node: &ReplicationNodeStatus) -> [String; 7] {
    let yes = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
    let role = match status.leader {
        0 => "-",
        leader if leader == node.id => "active",
        _ => "standby",
    };
    let lag = match (node.lag_bytes, node.lag_seconds) {
        (None, _) => "?".to_owned(),
        (Some(0), _) => "none".to_owned(),
        (Some(behind), None) => words::bytes(behind),
        (Some(behind), Some(seconds)) => format!("{}, {seconds:.1} s", words::bytes(behind)),
    };
    [
        node.id.to_string(),
        node.name.clone(),
        node.agent.clone(),
        role.to_owned(),
        yes(node.in_sync),
        yes(node.connected),
        lag,
    ]
}

fn ago(since_ms: u64, now_ms: u64) -> String {
    words::span(Duration::from_millis(now_ms.saturating_sub(since_ms)))
}

#[cfg(test)]
mod tests {
    use agent_api::v1::{ReplicationAlarm, ReplicationState};

    use super::*;

    fn node(id: u32, name: &str, lag_bytes: Option<u64>) -> ReplicationNodeStatus {
        ReplicationNodeStatus {
            id,
            name: name.into(),
            agent: format!("{name}.example.com:7443"),
            in_sync: id == 1,
            connected: lag_bytes.is_some(),
            lag_bytes,
            lag_seconds: lag_bytes.map(|_| 12.34),
            ..Default::default()
        }
    }

    fn shown(status: &ReplicationStatus) -> String {
        let mut out = Vec::new();
        write(&mut out, status, 3_700_000).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_pair_reads_well() {
        let status = ReplicationStatus {
            state: ReplicationState::ActiveAlone.into(),
            epoch: 3,
            leader: 1,
            nodes: vec![node(1, "mq-a", Some(0)), node(2, "mq-bravo", Some(5 << 20))],
            alarms: vec![ReplicationAlarm {
                kind: "alone".into(),
                text: "no other node is in sync".into(),
                since_ms: 3_640_000,
            }],
            since_ms: 100_000,
            ..Default::default()
        };
        insta::assert_snapshot!(shown(&status), @r"
          active, alone for 1 h 0 min, epoch 3
          node  name      agent                      role     in sync  connected  lag
          1     mq-a      mq-a.example.com:7443      active   yes      yes        none
          2     mq-bravo  mq-bravo.example.com:7443  standby  no       yes        5.0 MiB, 12.3 s
          ALARM alone for 1 min 0 s: no other node is in sync
        ");
        let waiting = ReplicationStatus {
            state: ReplicationState::Init.into(),
            reason: "the group has no record yet; node mq-a writes the first one".into(),
            nodes: vec![node(1, "mq-a", None), node(2, "mq-b", None)],
            since_ms: 3_690_000,
            ..Default::default()
        };
        insta::assert_snapshot!(shown(&waiting), @r"
          waiting for 10 s, epoch 0: the group has no record yet; node mq-a writes the first one
          node  name  agent                  role  in sync  connected  lag
          1     mq-a  mq-a.example.com:7443  -     yes      no         ?
          2     mq-b  mq-b.example.com:7443  -     no       no         ?
        ");
    }
}
