//! A node's time of day, which can be stepped. A kernel has one for all its processes, so a small library
//! that is loaded before an agent's own steps it for that process.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use acceptance::process::Finished;
use anyhow::{Context as _, Result};

const SOURCE: &str = include_str!("clock.c");

/// Of one process at a time.
pub(crate) struct Clock {
    library: PathBuf,
    step: PathBuf,
}

impl Clock {
    /// Compiles the library in `dir`.
    pub(crate) fn make(dir: &Path) -> Result<Self> {
        let (source, library) = (dir.join("clock.c"), dir.join("clock.so"));
        fs::write(&source, SOURCE)?;
        let mut compile = Command::new("cc");
        compile.args(["-O2", "-shared", "-fPIC", "-o"]);
        Finished::run(compile.arg(&library).arg(&source))
            .context("compile the clock (Debian: `apt-get install gcc libc6-dev`)")?
            .success()?;
        let clock = Self {
            library,
            step: dir.join("clock"),
        };
        clock.step(0)?;
        Ok(clock)
    }

    /// Has the process that is started tell the time by this clock.
    pub(crate) fn set(&self, command: &mut Command) {
        command.env("LD_PRELOAD", &self.library);
        command.env("CAMPAIGN_CLOCK", &self.step);
    }

    /// The clock is so many seconds ahead from now on.
    pub(crate) fn step(&self, ahead_s: i64) -> Result<()> {
        let next = self.step.with_extension("next");
        fs::write(&next, ahead_s.to_string())?;
        Ok(fs::rename(&next, &self.step)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The time of day, and the time since the start of the machine, as a process sees them.
    fn seen(clock: Option<&Clock>) -> (i64, i64) {
        let mut read = Command::new("date");
        read.arg("+%s");
        if let Some(clock) = clock {
            clock.set(&mut read);
        }
        let date = Finished::run(&mut read).unwrap().success().unwrap().stdout;
        let up = fs::read_to_string("/proc/uptime").unwrap();
        let up = up.split('.').next().unwrap().parse().unwrap();
        (date.trim().parse().unwrap(), up)
    }

    #[test]
    fn the_time_of_day_is_stepped() {
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::make(dir.path()).unwrap();
        for ahead_s in [3600, -3600, 0] {
            clock.step(ahead_s).unwrap();
            let ((here, before), (there, after)) = (seen(None), seen(Some(&clock)));
            let off = there - here - ahead_s;
            assert!((0..=after - before + 1).contains(&off), "{ahead_s}: {off}");
        }
    }
}
