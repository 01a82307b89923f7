//! The page that lists bad input stays true.

use std::fs;
use std::path::Path;

const PAGE: &str = include_str!("BAD_INPUT.md");

#[test]
fn every_test_the_page_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let of_heading = |line: &str| line.starts_with("| what comes |") || line.starts_with("| --- |");
    let rows = PAGE
        .lines()
        .filter(|line| line.starts_with("| ") && !of_heading(line));
    let mut named = 0;
    for row in rows {
        let (_, tests) = row.rsplit_once(" | ").unwrap();
        let mut source = String::new();
        let before = named;
        for quoted in tests.split('`').skip(1).step_by(2) {
            if quoted.ends_with(".rs") {
                let file = root.join(quoted);
                source = fs::read_to_string(&file).unwrap_or_else(|_| panic!("no file {quoted}"));
                continue;
            }
            let there = source.contains(&format!("fn {quoted}("));
            assert!(there, "no test {quoted:?} where this row says: {row}");
            named += 1;
        }
        assert!(named > before, "no test in this row: {row}");
    }
    assert!(named > 30, "only {named}");
}
