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
        let attributes = attributes(before(sources, at));
        let is_one_of = |names: &[&str]| {
            let name = |attribute: &String| {
                let end = attribute.find(|c: char| !c.is_alphanumeric() && !"_:".contains(c));
                attribute[..end.unwrap_or(attribute.len())].to_owned()
            };
            attributes
                .iter()
                .any(|attribute| names.contains(&&*name(attribute)))
        };
        is_one_of(&["test", "tokio::test"]) && !is_one_of(&["ignore"])
    })
}

/// What belongs to the item declared at `at`: the lines before it, up to an empty one or the end of
/// another item.
fn before(sources: &str, at: usize) -> &str {
    let line = sources[..at].rfind('\n').map_or(0, |end| end + 1);
    let mut start = line;
    for text in sources[..line].lines().rev() {
        let end = text.trim_end();
        if end.is_empty() || end.ends_with(['{', '}', ';']) {
            break;
        }
        // With the end of the line.
        start -= text.len() + 1;
    }
    &sources[start..line]
}

/// The contents of `#[…]` in `text`, brackets and strings inside included.
fn attributes(text: &str) -> Vec<String> {
    let is_code = |line: &&str| !line.trim_start().starts_with("//");
    let code: Vec<&str> = text.lines().filter(is_code).collect();
    let (code, mut attributes) = (code.join("\n"), Vec::new());
    let mut rest = &*code;
    while let Some(open) = rest.find("#[") {
        rest = &rest[open + 2..];
        let (mut depth, mut quoted, mut escaped) = (1, false, false);
        let close = rest.find(|c| {
            match c {
                _ if escaped => escaped = false,
                '\\' if quoted => escaped = true,
                '"' => quoted = !quoted,
                '[' if !quoted => depth += 1,
                ']' if !quoted => depth -= 1,
                _ => {}
            }
            depth == 0
        });
        let Some(end) = close else { break };
        attributes.push(rest[..end].trim().to_owned());
        rest = &rest[end..];
    }
    attributes
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
    let sources = "fn first() {}\n#[test]\nfn a() {\n}\n\n#[tokio::test(start_paused = true)]\n/// Why.\nasync fn \
                   b() {\n}\n\nfn c() {}\n#[test]\nfn x() {}\nfn d() {}\n\n#[test]\n#[ignore = \"slow\"]\nfn f() \
                   {}\n\n#[ignore]\n#[test]\nfn g() {}\n\n\
                   #[tokio::test(\n    flavor = \"multi_thread\",\n    worker_threads = 2\n)]\nasync fn h() {}\n\n\
                   #[test]\n#[ignore = \n    \"needs ] a disk\"\n]\nfn i() {}\n\n\
                   #[test]\n#[expect(\n    clippy::too_many_lines,\n    reason = \"a [table], ignored\"\n)]\n// Why.\nfn j() {}\n\n\
                   #[test_only]\nfn k() {}\n#[tokio::test_only]\nfn l() {}\n\n// #[test]\nfn m() {}\n";
    for (name, expected) in [
        ("a", true),
        ("b", true),
        ("c", false),
        ("d", false),
        ("e", false),
        // One that does not run shows nothing.
        ("f", false),
        ("g", false),
        // Attributes of several lines, with brackets in their texts.
        ("h", true),
        ("i", false),
        ("j", true),
        ("k", false),
        ("l", false),
        ("m", false),
    ] {
        assert_eq!(is_test(sources, name), expected, "{name}");
    }
    let table =
        "| what | test |\n| --- | --- |\n| one | `a` |\n| two | |\n\n| else |\n| --- |\n| x |\n";
    let found: Vec<&str> = cells(table).into_iter().map(|(_, cell)| cell).collect();
    assert_eq!(found, ["`a`", ""]);
}
