//! The binaries under test.

use std::env;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{Context, Result, bail};
use cargo_metadata::MetadataCommand;

/// `broker-agent`.
pub fn broker_agent() -> Result<PathBuf> {
    find("broker-agent")
}

/// `terraform-provider-ferrymq`.
pub fn provider() -> Result<PathBuf> {
    find("terraform-provider-ferrymq")
}

/// The root of the source tree.
pub fn source_root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    root.expect("the crate's folder has the workspace above it")
        .to_owned()
}

/// From `FERRYMQ_BIN_DIR`, or else where `cargo build --release` leaves it.
fn find(name: &str) -> Result<PathBuf> {
    static DIR: OnceLock<PathBuf> = OnceLock::new();
    let dir = match DIR.get() {
        Some(dir) => dir,
        None => {
            let dir = directory()?;
            DIR.get_or_init(|| dir)
        }
    };
    let path = dir.join(name);
    if !path.is_file() {
        let dir = dir.display();
        bail!("no `{name}` in {dir}: run `cargo build --release`, or set FERRYMQ_BIN_DIR");
    }
    Ok(path)
}

fn directory() -> Result<PathBuf> {
    if let Some(dir) = env::var_os("FERRYMQ_BIN_DIR") {
        return Ok(dir.into());
    }
    let mut command = MetadataCommand::new();
    command.no_deps().current_dir(source_root());
    let metadata = command.exec().context("find the target directory")?;
    Ok(metadata
        .target_directory
        .into_std_path_buf()
        .join("release"))
}
