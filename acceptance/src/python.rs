//! A Python environment with the stock clients, and the scripts of `clients/python`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::cache;
use crate::prerequisite::Part;
use crate::process::Finished;

const REQUIREMENTS: &str = include_str!("../clients/python/requirements.txt");

/// A Python with the packages of `clients/python/requirements.txt`.
pub struct Python {
    interpreter: PathBuf,
}

impl Python {
    /// Makes the environment, unless an earlier run did; `None` if Python is left out by name.
    pub fn prepare() -> Result<Option<Self>> {
        if !Part::Python.wanted()? {
            return Ok(None);
        }
        let dir = cache::prepared("python", REQUIREMENTS, |dir| {
            install(dir, &scripts().join("requirements.txt"))
        })?;
        Ok(Some(Self {
            interpreter: dir.join("bin/python"),
        }))
    }

    /// Runs a script, by its path below `clients/python`, to its end; it fails by exiting with another status than 0.
    pub fn script(&self, name: &str, arguments: &[&str]) -> Result<Finished> {
        Finished::run(&mut self.command(name, arguments))
    }

    /// The command that runs a script from elsewhere.
    pub fn interpret(&self, script: &Path) -> Command {
        let mut command = Command::new(&self.interpreter);
        command.arg("-B").arg(script);
        command
    }

    /// The command that runs a script, for a test that keeps it running.
    pub fn command(&self, name: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.interpreter);
        command.arg("-B").arg(scripts().join(name)).args(arguments);
        command
    }
}

/// Where the scripts are.
pub fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/python")
}

/// Makes an environment with the packages of this list.
pub(crate) fn install(dir: &Path, requirements: &Path) -> Result<()> {
    let python = Command::new("python3")
        .args(["-m", "venv"])
        .arg(dir)
        .output();
    let way = "on Debian: `apt-get install python3 python3-venv`";
    match python {
        Ok(output) if output.status.success() => {}
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            bail!(
                "{}\n{said}",
                Part::Python.missing("python3 cannot make an environment", way)
            );
        }
        Err(error) => bail!(
            "{} ({error})",
            Part::Python.missing("python3 is missing", way)
        ),
    }
    let mut pip = Command::new(dir.join("bin/python"));
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "-r",
    ]);
    let done = Finished::run(pip.arg(requirements))?;
    done.success().with_context(|| {
        Part::Python.missing(
            "pip cannot install the stock clients",
            "check the package index",
        )
    })?;
    Ok(())
}
