//! Node.js with the packages of `clients/node`, and the scripts there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use crate::cache;
use crate::prerequisite::Part;
use crate::process::Finished;

const LOCKFILE: &str = include_str!("../clients/node/package-lock.json");

/// A Node.js that finds the packages of `clients/node/package.json`.
pub struct Node {
    dir: PathBuf,
}

impl Node {
    /// Installs the packages, unless an earlier run did; `None` if Node.js is left out by name.
    pub fn prepare() -> Result<Option<Self>> {
        if !Part::Node.wanted()? {
            return Ok(None);
        }
        let dir = cache::prepared("node", LOCKFILE, install)?;
        // ES modules are resolved from the script's own place, so the scripts go beside the
        // packages: fresh at every run, because they change more often than the packages.
        for entry in fs::read_dir(scripts())? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "mjs") {
                fs::copy(&path, dir.join(path.file_name().unwrap_or_default()))?;
            }
        }
        Ok(Some(Self { dir }))
    }

    /// Runs a script of `clients/node` to its end; it fails by exiting with another status than 0.
    pub fn script(&self, name: &str, arguments: &[&str]) -> Result<Finished> {
        Finished::run(
            Command::new("node")
                .arg(self.dir.join(name))
                .args(arguments),
        )
    }
}

/// Where the scripts are.
pub fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/node")
}

fn install(dir: &Path) -> Result<()> {
    for name in ["package.json", "package-lock.json"] {
        fs::copy(scripts().join(name), dir.join(name))?;
    }
    let npm = Command::new("npm")
        .args(["ci", "--no-audit", "--no-fund"])
        .current_dir(dir)
        .output();
    let way = "on Debian: `apt-get install nodejs npm`";
    match npm {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            bail!(
                "{}\n{said}",
                Part::Node.missing("npm cannot install the stock clients", way)
            )
        }
        Err(error) => bail!("{} ({error})", Part::Node.missing("npm is missing", way)),
    }
}
