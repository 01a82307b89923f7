//! A child process: started, waited for until it is ready, ended.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::Value;

/// Generous: the machine may be busy.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// A `broker-agent` that says when it is ready.
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
    /// The line it printed.
    pub(crate) ready: Value,
}

/// The program under test.
pub(crate) fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_broker-agent"))
}

/// Runs a command that ends by itself.
pub(crate) fn run(args: &[&str]) -> Output {
    program().args(args).output().unwrap()
}

impl Process {
    /// Starts it and waits for its line; its log goes to a file.
    pub(crate) fn start(command: &mut Command, log: &Path) -> Self {
        let errors = File::options().create(true).append(true).open(log).unwrap();
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            while matches!(out.read_line(&mut line), Ok(1..)) {
                if sender.send(std::mem::take(&mut line)).is_err() {
                    return;
                }
            }
        });
        let Ok(line) = lines.recv_timeout(DEADLINE) else {
            let _ = child.kill();
            panic!("not ready: {}", std::fs::read_to_string(log).unwrap());
        };
        let ready = serde_json::from_str(&line).unwrap();
        Self {
            child,
            log: log.to_owned(),
            ready,
        }
    }

    /// An address from the line.
    pub(crate) fn endpoint(&self, protocol: &str) -> String {
        self.ready["endpoints"][protocol]
            .as_str()
            .unwrap_or_else(|| panic!("{}", self.ready))
            .into()
    }

    /// What it logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// As a crash would.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends a signal by name.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-s", name, &pid])
                .status()
                .unwrap()
                .success()
        );
    }

    /// From now on the disk refuses what goes beyond this size of a file, or nothing any more.
    pub(crate) fn limit_files(&self, limit: &str) {
        let (pid, limit) = (self.child.id().to_string(), format!("--fsize={limit}:"));
        assert!(
            Command::new("prlimit")
                .args(["--pid", &pid, &limit])
                .status()
                .unwrap()
                .success()
        );
    }

    /// Waits for its end.
    pub(crate) fn ended(&mut self, within: Duration) -> ExitStatus {
        let end = Instant::now() + within;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < end, "still running: {}", self.log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Polls until something is there.
pub(crate) async fn eventually<T>(what: &str, look: impl AsyncFnMut() -> Option<T>) -> T {
    eventually_within(DEADLINE, what, look).await
}

/// The same of what may take longer.
pub(crate) async fn eventually_within<T>(
    deadline: Duration,
    what: &str,
    mut look: impl AsyncFnMut() -> Option<T>,
) -> T {
    let end = Instant::now() + deadline;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < end, "{what} did not happen");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
