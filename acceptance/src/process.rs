//! Child processes: started with their output in files, killed when dropped.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::poll;

/// So much of a server's log is shown when its test panics.
const LOG_LINES_SHOWN: usize = 40;

/// A running server process. Dropping it kills it.
pub struct Server {
    child: Child,
    stdout: mpsc::Receiver<String>,
    log: PathBuf,
}

impl Server {
    /// Starts the command; its standard error goes to the end of the file `log`.
    pub fn spawn(command: &mut Command, log: &Path) -> Result<Self> {
        let file = File::options().create(true).append(true).open(log)?;
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(file)
            .spawn()
            .with_context(|| format!("start {}", command.get_program().display()))?;
        let stdout = child
            .stdout
            .take()
            .context("the child has no standard output")?;
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Ok(Self {
            child,
            stdout: receiver,
            log: log.to_owned(),
        })
    }

    /// The next line on standard output, or what went wrong instead.
    pub fn line(&mut self, deadline: Duration) -> Result<String> {
        match self.stdout.recv_timeout(deadline) {
            Ok(line) => Ok(line),
            Err(mpsc::RecvTimeoutError::Timeout) => {
                bail!(
                    "no line on standard output within {deadline:?}; its log:\n{}",
                    self.log()
                )
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                let status = self.child.wait()?;
                bail!(
                    "the process ended before it was ready ({status}); its log:\n{}",
                    self.log()
                )
            }
        }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// All it wrote to standard error so far.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_else(|error| format!("(no log: {error})"))
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    /// Kills it without warning, as a crash would.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill().context("kill the process")?;
        self.child.wait()?;
        Ok(())
    }

    /// Asks it to end.
    pub fn signal_end(&self) -> Result<()> {
        self.signal(Signal::TERM)
    }

    /// Interrupts it, as a person at the terminal would.
    pub fn interrupt(&self) -> Result<()> {
        self.signal(Signal::INT)
    }

    /// Stops it where it is, or lets it go on.
    pub fn freeze(&self, frozen: bool) -> Result<()> {
        self.signal(if frozen { Signal::STOP } else { Signal::CONT })
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.context("a process id out of range")?, signal)?;
        Ok(())
    }

    /// Asks it to end, and waits.
    pub fn terminate(&mut self, deadline: Duration) -> Result<ExitStatus> {
        self.signal_end()?;
        self.wait(deadline)
    }

    /// Waits for it to end by itself.
    pub fn wait(&mut self, deadline: Duration) -> Result<ExitStatus> {
        poll::until("the process to end", deadline, || {
            Ok(self.child.try_wait()?)
        })
    }

    /// Processor time it has used, in steps of the kernel's clock (10 ms).
    pub fn cpu_time(&self) -> Result<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The name of the program, in parentheses, may hold anything.
        let (_, fields) = stat.rsplit_once(')').context("no name in its stat")?;
        let mut fields = fields.split_whitespace().skip(11);
        let mut ticks = || fields.next().and_then(|it| it.parse::<u64>().ok());
        let (user, system) = ticks().zip(ticks()).context("no times in its stat")?;
        let second = rustix::param::clock_ticks_per_second();
        Ok(Duration::from_secs(user + system) / u32::try_from(second)?)
    }

    /// Resident memory in bytes.
    pub fn resident_bytes(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line
            .and_then(|line| line.trim().strip_suffix(" kB"))
            .context("no VmRSS line")?;
        Ok(kib.trim().parse::<u64>()? * 1024)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Already gone is what we want; there is nobody to tell about anything else.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            let log = self.log();
            let from = log.lines().count().saturating_sub(LOG_LINES_SHOWN);
            let tail: Vec<_> = log.lines().skip(from).collect();
            eprintln!("--- end of {}:\n{}", self.log.display(), tail.join("\n"));
        }
    }
}

/// What a finished command left behind.
#[derive(Debug)]
pub struct Finished {
    /// The command as typed.
    pub command: String,
    /// How it ended.
    pub status: ExitStatus,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl Finished {
    /// Runs a command to its end.
    pub fn run(command: &mut Command) -> Result<Self> {
        let shown = format!("{command:?}");
        let output = command
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("start {}", command.get_program().display()))?;
        Ok(Self {
            command: shown,
            status: output.status,
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// Itself if it succeeded; otherwise an error with all it said.
    pub fn success(self) -> Result<Self> {
        if !self.status.success() {
            bail!("{self}");
        }
        Ok(self)
    }

    /// Itself if it failed; otherwise an error.
    pub fn failure(self) -> Result<Self> {
        if self.status.success() {
            bail!("succeeded, but should have failed: {self}");
        }
        Ok(self)
    }
}

impl std::fmt::Display for Finished {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            command,
            status,
            stdout,
            stderr,
        } = self;
        write!(
            f,
            "{command}\n{status}\n--- stdout\n{stdout}\n--- stderr\n{stderr}"
        )
    }
}
