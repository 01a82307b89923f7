//! The committed pages and the schema's JSON are what the provider says now.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use tfplugin_rs::docs::Docs;

/// `make docs` writes both.
const STALE: &str = "is stale: run `make docs`";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// All files below a folder, by their paths in it.
fn files(folder: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let text = fs::read_to_string(&path).unwrap();
                found.insert(path.strip_prefix(folder).unwrap().to_owned(), text);
            }
        }
    }
    found
}

#[test]
fn the_pages_are_current() {
    let docs = Docs::of(provider::ferrymq()).unwrap();
    let fresh = tempfile::tempdir().unwrap();
    docs.write(&root().join("examples"), fresh.path()).unwrap();
    let (fresh, committed) = (files(fresh.path()), files(&root().join("docs")));
    let names = |files: &BTreeMap<PathBuf, String>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&fresh), names(&committed), "docs/ {STALE}");
    for (path, text) in &fresh {
        assert!(committed[path] == *text, "docs/{} {STALE}", path.display());
    }
}

#[test]
fn the_schema_as_terraform_shows_it_is_current() {
    let docs = Docs::of(provider::ferrymq()).unwrap();
    let fresh = docs.schema_json("registry.terraform.io/ferrymq/ferrymq");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema.json");
    let committed = fs::read_to_string(path).unwrap();
    assert!(
        committed == format!("{fresh:#}\n"),
        "provider/schema.json {STALE}"
    );
}

#[test]
fn everything_has_an_example_and_every_example_a_page() {
    let docs = files(&root().join("docs"));
    for (path, text) in &docs {
        let path = path.display().to_string();
        assert!(text.contains("## Example Usage"), "{path} shows no example");
        let importable = path.starts_with("resources/");
        assert_eq!(text.contains("## Import"), importable, "{path}");
    }
}
