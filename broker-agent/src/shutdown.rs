//! The end of the process: one token everyone holds, fired by a signal.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// Exit code after a second signal, as shells report SIGINT.
const IMPATIENT: i32 = 130;

/// Fires the token at SIGTERM or SIGINT; a second signal ends the process at once.
pub(crate) fn on_signal() -> std::io::Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let token = CancellationToken::new();
    let fired = token.clone();
    tokio::spawn(async move {
        let signal = next(&mut terminate, &mut interrupt).await;
        info!(signal, "stopping");
        fired.cancel();
        let signal = next(&mut terminate, &mut interrupt).await;
        warn!(
            signal,
            "stopping at once; confirmed messages are safe on disk"
        );
        std::process::exit(IMPATIENT);
    });
    Ok(token)
}

async fn next(terminate: &mut Signal, interrupt: &mut Signal) -> &'static str {
    tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    }
}
