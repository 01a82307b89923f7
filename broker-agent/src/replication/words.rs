//! States and figures in words, for the command line and the status pages.

use std::time::Duration;

use agent_api::v1::ReplicationState;

/// What a person calls the state.
pub(crate) const fn state(state: ReplicationState) -> &'static str {
    match state {
        ReplicationState::Unspecified => "unknown",
        ReplicationState::Init => "waiting",
        ReplicationState::Recovering => "recovering",
        ReplicationState::Syncing => "standby, syncing",
        ReplicationState::InSync => "standby, in sync",
        ReplicationState::Candidate => "standby, being elected",
        ReplicationState::Promoting => "becoming active",
        ReplicationState::ActiveReplicated => "active",
        ReplicationState::ActiveAlone => "active, alone",
        ReplicationState::ActiveBlocked => "active, publishers wait",
        ReplicationState::Draining => "active, handing over",
        ReplicationState::Fenced => "no longer active",
        ReplicationState::Repair => "in repair",
    }
}

/// For programs that read text: one word of the contract's, lower case.
pub(crate) fn code(state: ReplicationState) -> String {
    let name = state.as_str_name().to_ascii_lowercase();
    name.trim_start_matches("replication_state_").to_owned()
}

/// Whether this is a state in which clients are served.
pub(crate) const fn is_active(state: ReplicationState) -> bool {
    matches!(
        state,
        ReplicationState::ActiveAlone
            | ReplicationState::ActiveBlocked
            | ReplicationState::ActiveReplicated
    )
}

/// "1.5 MiB".
pub(crate) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut unit = 0;
    let mut rest = bytes;
    let mut below = 0;
    while rest >= 1024 && unit + 1 < UNITS.len() {
        below = rest % 1024;
        rest /= 1024;
        unit += 1;
    }
    if unit == 0 {
        format!("{rest} B")
    } else {
        format!("{rest}.{} {}", below * 10 / 1024, UNITS[unit])
    }
}

/// "2 h 3 min", "12 s".
pub(crate) fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, ..) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_well() {
        let shown = [0, 1023, 1024, 1536, 5 << 30].map(bytes);
        assert_eq!(shown, ["0 B", "1023 B", "1.0 KiB", "1.5 KiB", "5.0 GiB"]);
        let shown = [0, 59, 60, 3700, 200_000].map(|s| span(Duration::from_secs(s)));
        assert_eq!(shown, ["0 s", "59 s", "1 min 0 s", "1 h 1 min", "2 d 7 h"]);
    }

    #[test]
    fn codes_are_the_contracts_names() {
        assert_eq!(code(ReplicationState::ActiveAlone), "active_alone");
        assert_eq!(code(ReplicationState::InSync), "in_sync");
    }
}
