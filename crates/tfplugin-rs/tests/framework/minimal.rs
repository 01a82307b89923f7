//! The guide's provider: short, shown as it is, and complete.

use crate::terraform::Workspace;

const EXAMPLE: &str = include_str!("../../examples/minimal.rs");

#[test]
fn a_provider_of_one_resource_takes_sixty_lines() {
    let lines = EXAMPLE.lines().filter(|line| !line.trim().is_empty());
    assert!(lines.clone().count() <= 60, "{} lines", lines.count());
}

#[test]
fn the_guide_shows_the_example() {
    let guide = include_str!("../../src/lib.rs").lines();
    let shown: Vec<&str> = guide
        .skip_while(|line| *line != "//! ```no_run")
        .skip(1)
        .take_while(|line| *line != "//! ```")
        .map(|line| line.trim_start_matches("//!").trim_start_matches(' '))
        .collect();
    let code = EXAMPLE.lines().filter(|line| !line.starts_with("//!"));
    let code: Vec<&str> = code.skip(1).map(str::trim_start).collect();
    assert_eq!(shown, code);
}

#[test]
fn a_note_is_made_changed_repaired_and_removed() {
    let workspace = Workspace::new("minimal");
    let note = |text: &str| {
        let body = format!("resource \"minimal_note\" \"a\" {{\n  name = \"a\"\n{text}}}\n");
        workspace.configure(&body);
    };
    let kept = || std::fs::read_to_string(workspace.notes().join("a"));
    note("");
    workspace.apply();
    assert_eq!(kept().unwrap(), "");
    note("  text = \"hello\"\n");
    workspace.apply();
    assert_eq!(kept().unwrap(), "hello");
    workspace.expect_empty_plan();

    // It notices what others do to the file.
    std::fs::write(workspace.notes().join("a"), "hallo").unwrap();
    workspace.apply();
    assert_eq!(kept().unwrap(), "hello");
    std::fs::remove_file(workspace.notes().join("a")).unwrap();
    let said = workspace.apply();
    assert!(said.contains("1 added"), "{said}");

    workspace.succeed(&["destroy", "-auto-approve", "-no-color"]);
    assert!(kept().is_err());
}
