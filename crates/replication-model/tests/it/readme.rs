//! Keeps the tables in the README of the replication code equal to what the explorations find.

use std::fs;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// Tests of one run share the file.
static FILE: Mutex<()> = Mutex::new(());

/// Compares the table between this pair of markers with these rows; `UPDATE_GENERATED=1` rewrites it.
pub(crate) fn says(name: &str, head: &str, rows: &[String]) {
    let _one_at_a_time = FILE.lock().unwrap_or_else(PoisonError::into_inner);
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../broker-core/src/replication/README.md");
    let text = fs::read_to_string(&path).unwrap();
    let (begin, end) = (
        format!("<!-- {name} -->\n"),
        format!("<!-- end of {name} -->"),
    );
    let from = text.find(&begin).expect("the README has the marker") + begin.len();
    let to = text.find(&end).expect("the README has the end marker");
    let columns = head.matches('|').count() - 1;
    let rule = format!("|{}", " --- |".repeat(columns));
    let table = format!("{head}\n{rule}\n{}\n", rows.join("\n"));
    if text[from..to] == table {
        return;
    }
    assert!(
        std::env::var_os("UPDATE_GENERATED").is_some(),
        "the table `{name}` of {} is stale: run again with UPDATE_GENERATED=1 to rewrite it:\n{table}",
        path.display()
    );
    fs::write(&path, format!("{}{table}{}", &text[..from], &text[to..])).unwrap();
}
