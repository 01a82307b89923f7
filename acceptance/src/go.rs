//! Go: the program of `clients/go`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::cache;
use crate::debian;
use crate::prerequisite::Part;
use crate::process::Finished;

/// The scenarios over `amqp091-go`, built unless an earlier run did; `None` if Go is left out by
/// name.
pub fn scenarios() -> Result<Option<PathBuf>> {
    if !Part::Go.wanted()? {
        return Ok(None);
    }
    let mut recipe = String::new();
    for file in files()? {
        recipe += &fs::read_to_string(file)?;
    }
    let dir = cache::prepared("go-scenarios", &recipe, build)?;
    Ok(Some(dir.join("scenarios")))
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/go")
}

fn files() -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder())?;
    let mut files = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()?;
    files.sort();
    Ok(files)
}

fn build(dir: &Path) -> Result<()> {
    if debian::on_path("go").is_none() {
        let way = "get it from https://go.dev/dl";
        anyhow::bail!("{}", Part::Go.missing("`go` is missing", way));
    }
    let mut go = Command::new("go");
    go.args(["build", "-mod=readonly", "-o"])
        .arg(dir.join("scenarios"))
        .current_dir(folder());
    let done = Finished::run(go.arg("."))?.success();
    done.with_context(|| {
        let what = "go cannot build the scenarios";
        Part::Go.missing(what, "check the connection to the module proxy")
    })?;
    Ok(())
}
