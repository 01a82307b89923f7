//! The README's tables name tests that exist.

use std::path::Path;

const README: &str = include_str!("../../README.md");

fn sources(directory: &Path, text: &mut String) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            *text += &std::fs::read_to_string(path).unwrap();
        }
    }
}

#[test]
fn every_row_names_a_test_that_exists() {
    let mut text = String::new();
    for directory in ["src", "tests"] {
        sources(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join(directory),
            &mut text,
        );
    }
    let rows: Vec<&str> = README
        .lines()
        .filter(|line| line.starts_with("| ") && line.ends_with("` |"))
        .collect();
    assert!(rows.len() > 50, "{} rows", rows.len());
    for row in rows {
        let name = row.rsplit('`').nth(1).unwrap();
        assert!(
            text.contains(&format!("fn {name}(")),
            "no test {name}: {row}"
        );
    }
}
