//! Finds and parses the workspace's own Rust files, for the other rules to read.

use std::path::{Path, PathBuf};
use std::{fs, sync::OnceLock};

use anyhow::{Context, Result, ensure};
use cargo_metadata::MetadataCommand;
use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;

/// One Rust file of the workspace that a person wrote.
pub(crate) struct Source {
    /// Path from the workspace's root, with forward slashes.
    pub path: String,
    /// The file as it is.
    pub text: String,
    /// The file parsed.
    pub syntax: syn::File,
    /// Test code as a whole: by its folder, or included under `#[cfg(test)]`.
    pub is_test: bool,
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
        let is_test = is_in_test_folder(&path);
        sources.push(Source {
            path,
            text,
            syntax,
            is_test,
        });
    }
    let test_modules: Vec<_> = sources.iter().flat_map(test_modules).collect();
    for source in &mut sources {
        let stem = source.path.trim_end_matches(".rs").trim_end_matches("/mod");
        let within = |module: &String| {
            stem.strip_prefix(module)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        source.is_test |= test_modules.iter().any(within);
    }
    ensure!(
        sources.len() > 20,
        "only {} Rust files found: the search is broken",
        sources.len()
    );
    Ok(sources)
}

fn is_in_test_folder(path: &str) -> bool {
    let mut parts = path.split('/');
    parts.any(|part| matches!(part, "acceptance" | "benches" | "fuzz" | "tests"))
}

/// Paths, without ending, of the modules that this file includes under `#[cfg(test)]`.
fn test_modules(source: &Source) -> Vec<String> {
    let stem = source.path.trim_end_matches(".rs");
    let (folder, name) = stem.rsplit_once('/').unwrap_or(("", stem));
    let own_folder = if matches!(name, "lib" | "main" | "mod") {
        folder
    } else {
        stem
    };
    let items = source.syntax.items.iter().filter(|item| is_test_item(item));
    items
        .filter_map(|item| match item {
            syn::Item::Mod(module) if module.content.is_none() => {
                let beside = path_attribute(module)
                    .map(|file| format!("{folder}/{}", file.trim_end_matches(".rs")));
                Some(beside.unwrap_or_else(|| format!("{own_folder}/{}", module.ident)))
            }
            _ => None,
        })
        .collect()
}

/// The file named by `#[path = "…"]`.
fn path_attribute(module: &syn::ItemMod) -> Option<String> {
    module.attrs.iter().find_map(|attr| {
        let named = attr
            .meta
            .require_name_value()
            .ok()
            .filter(|meta| meta.path.is_ident("path"))?;
        match &named.value {
            syn::Expr::Lit(syn::ExprLit {
                lit: syn::Lit::Str(file),
                ..
            }) => Some(file.value()),
            _ => None,
        }
    })
}

/// Marked `#[cfg(test)]`, `#[cfg(all(test, …))]`, `#[test]` or by another macro named `test`.
pub(crate) fn is_test_item(item: &syn::Item) -> bool {
    let attrs = match item {
        syn::Item::Const(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Macro(item) => &item.attrs,
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Struct(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        _ => return false,
    };
    attrs.iter().any(|attr| {
        let path = attr.path();
        let named_test = path
            .segments
            .last()
            .is_some_and(|segment| segment.ident == "test");
        named_test || (path.is_ident("cfg") && mentions_test(attr.meta.to_token_stream()))
    })
}

fn mentions_test(tokens: TokenStream) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Group(group) => mentions_test(group.stream()),
        TokenTree::Ident(ident) => ident == "test",
        _ => false,
    })
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
