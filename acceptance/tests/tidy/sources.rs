//! Finds and parses the workspace's own Rust files, for the other rules to read.

use std::path::{Path, PathBuf};
use std::{fs, sync::OnceLock};

use anyhow::{Context, Result, ensure};
use cargo_metadata::MetadataCommand;

/// One Rust file of the workspace that a person wrote.
pub(crate) struct Source {
    /// Path from the workspace's root, with forward slashes.
    pub path: String,
    /// The file as it is.
    pub text: String,
    /// The file parsed.
    pub syntax: syn::File,
}

impl Source {
    /// The file as a whole is test code, or support of tests: by its folder, or a module file that
    /// its parent includes under `#[cfg(test)]`, which by habit ends in `tests`.
    pub(crate) fn is_test(&self) -> bool {
        self.path.starts_with("acceptance/")
            || self.path.ends_with("tests.rs")
            || self
                .path
                .split('/')
                .any(|part| matches!(part, "tests" | "benches" | "fuzz"))
    }
}

/// The workspace's root directory.
pub(crate) fn root() -> Result<PathBuf> {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    if let Some(root) = ROOT.get() {
        return Ok(root.clone());
    }
    let metadata = MetadataCommand::new()
        .no_deps()
        .exec()
        .context("run cargo metadata")?;
    Ok(ROOT
        .get_or_init(|| metadata.workspace_root.into_std_path_buf())
        .clone())
}

/// Every hand-written Rust file: all `.rs` files but those whose first line says `@generated`.
pub(crate) fn rust() -> Result<Vec<Source>> {
    let mut sources = Vec::new();
    for path in files(&["rs"])? {
        let text = read(&path)?;
        if text
            .lines()
            .next()
            .is_some_and(|line| line.contains("@generated"))
        {
            continue;
        }
        let syntax = syn::parse_file(&text).with_context(|| format!("parse {path}"))?;
        sources.push(Source { path, text, syntax });
    }
    ensure!(
        sources.len() > 20,
        "only {} Rust files found: the search is broken",
        sources.len()
    );
    Ok(sources)
}

/// Text of a file named by its path from the root.
pub(crate) fn read(path: &str) -> Result<String> {
    fs::read_to_string(root()?.join(path)).with_context(|| format!("read {path}"))
}

/// All files with one of these endings, below the root and outside of what builds leave behind.
pub(crate) fn files(extensions: &[&str]) -> Result<Vec<String>> {
    let root = root()?;
    let mut found = Vec::new();
    collect(&root, &root, extensions, &mut found)?;
    found.sort();
    Ok(found)
}

fn collect(root: &Path, dir: &Path, extensions: &[&str], found: &mut Vec<String>) -> Result<()> {
    for entry in fs::read_dir(dir).with_context(|| format!("list {}", dir.display()))? {
        let path = entry?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if path.is_dir() && !path.is_symlink() {
            let hidden = name.starts_with('.') && name != ".ci";
            if !hidden && !matches!(name.as_str(), "target" | "node_modules" | "__pycache__") {
                collect(root, &path, extensions, found)?;
            }
        } else if extensions
            .iter()
            .any(|ext| name == *ext || name.ends_with(&format!(".{ext}")))
        {
            let relative = path.strip_prefix(root).unwrap_or(&path);
            found.push(relative.to_string_lossy().replace('\\', "/"));
        }
    }
    Ok(())
}
