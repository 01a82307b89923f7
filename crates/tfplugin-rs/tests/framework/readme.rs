//! The README's tables name tests, in every row.

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

/// True if a function of this name has an attribute that makes it a test, and none that keeps it
/// from running.
fn is_test(sources: &str, name: &str) -> bool {
    let declared = format!("fn {name}(");
    sources.match_indices(&declared).any(|(at, _)| {
        let line = sources[..at].rfind('\n').unwrap_or(0);
        let before = sources[..line].lines().rev().map(str::trim_start);
        let attributes: Vec<&str> = before
            .take_while(|line| line.starts_with("#[") || line.starts_with("///"))
            .filter(|line| line.starts_with("#["))
            .collect();
        let tests = |line: &&str| *line == "#[test]" || line.starts_with("#[tokio::test");
        attributes.iter().any(tests) && !attributes.iter().any(|line| line.contains("ignore"))
    })
}

/// The last cells of the rows of all tables whose last column is `test`.
fn cells(readme: &str) -> Vec<(&str, &str)> {
    let (mut cells, mut in_table) = (Vec::new(), false);
    for line in readme.lines() {
        if !line.starts_with('|') {
            in_table = false;
        } else if line.ends_with("| test |") {
            in_table = true;
        } else if in_table && !line.starts_with("| ---") {
            let row = line.trim_end_matches('|');
            cells.push((line, row.rsplit('|').next().unwrap().trim()));
        }
    }
    cells
}

#[test]
fn every_row_names_its_tests() {
    let mut text = String::new();
    for directory in ["src", "tests"] {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
        sources(&directory, &mut text);
    }
    let cells = cells(README);
    assert!(cells.len() > 60, "{} rows", cells.len());
    for (row, cell) in cells {
        if cell == "untested" {
            continue;
        }
        for name in cell.split(", ") {
            let name = name
                .strip_prefix('`')
                .and_then(|name| name.strip_suffix('`'));
            let name = name.unwrap_or_else(|| panic!("no test is named: {row}"));
            assert!(is_test(&text, name), "{name} is no test: {row}");
        }
    }
}

#[test]
fn only_tests_count_as_tests() {
    let sources = "#[test]\nfn a() {\n}\n\n#[tokio::test(start_paused = true)]\n/// Why.\nasync fn \
                   b() {\n}\n\nfn c() {}\n#[test]\nfn x() {}\nfn d() {}\n\n#[test]\n#[ignore = \"slow\"]\nfn f() \
                   {}\n\n#[ignore]\n#[test]\nfn g() {}\n";
    for (name, expected) in [
        ("a", true),
        ("b", true),
        ("c", false),
        ("d", false),
        ("e", false),
        // One that does not run shows nothing.
        ("f", false),
        ("g", false),
    ] {
        assert_eq!(is_test(sources, name), expected, "{name}");
    }
    let table =
        "| what | test |\n| --- | --- |\n| one | `a` |\n| two | |\n\n| else |\n| --- |\n| x |\n";
    let found: Vec<&str> = cells(table).into_iter().map(|(_, cell)| cell).collect();
    assert_eq!(found, ["`a`", ""]);
}
