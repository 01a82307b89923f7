//! What was downloaded for the tests, kept between runs outside of the source tree.

use std::env;
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The directory into which `install` put what `recipe` asks for; the first who wants it installs,
/// and all others, threads and processes, wait for that.
pub fn prepared(
    name: &str,
    recipe: &str,
    install: impl FnOnce(&Path) -> Result<()>,
) -> Result<PathBuf> {
    let cache = directory()?;
    fs::create_dir_all(&cache).with_context(|| format!("create {}", cache.display()))?;
    let lock = File::create(cache.join(format!("{name}.lock")))?;
    lock.lock()?;
    // Another checkout may want other versions at the same time: each recipe has its directory.
    let dir = cache.join(format!("{name}-{:016x}", hash(recipe)));
    let installed = dir.join("installed");
    if !installed.is_file() {
        if dir.exists() {
            fs::remove_dir_all(&dir).with_context(|| format!("remove {}", dir.display()))?;
        }
        fs::create_dir(&dir)?;
        install(&dir)?;
        fs::write(&installed, recipe)?;
    }
    Ok(dir)
}

/// `FERRYMQ_CACHE`, or `ferrymq` in the user's cache directory.
pub fn directory() -> Result<PathBuf> {
    let variable = |name| {
        env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    if let Some(path) = variable("FERRYMQ_CACHE") {
        return Ok(path);
    }
    if let Some(path) = variable("XDG_CACHE_HOME") {
        return Ok(path.join("ferrymq"));
    }
    let home = variable("HOME").context("neither FERRYMQ_CACHE nor HOME is set")?;
    Ok(home.join(".cache/ferrymq"))
}

fn hash(recipe: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    recipe.hash(&mut hasher);
    hasher.finish()
}
