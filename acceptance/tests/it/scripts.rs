//! One test for each script of a client, and one that finds scripts without a test.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::Result;

/// `scripts!(run, folder, ending, [tests], [others])`: a test for each script of the first list,
/// which `run` runs by its name, and one that fails if the folder holds a script in neither list.
/// The others are those that further tests run, with arguments, and what the scripts share.
macro_rules! scripts {
    ($run:expr, $folder:expr, $ending:literal, [$($name:ident),* $(,)?], [$($other:literal),* $(,)?]) => {
        $(#[test]
        fn $name() -> anyhow::Result<()> {
            $run(stringify!($name))
        })*

        #[test]
        fn no_script_is_forgotten() -> anyhow::Result<()> {
            let known = [$(stringify!($name),)* $($other),*];
            crate::scripts::compare(&$folder, $ending, &known)
        }
    };
}

pub(crate) use scripts;

/// Fails unless the files with this ending are those that are known.
pub(crate) fn compare(folder: &Path, ending: &str, known: &[&str]) -> Result<()> {
    let mut there = BTreeSet::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        there.extend(name.strip_suffix(ending).map(str::to_owned));
    }
    let known: BTreeSet<_> = known.iter().map(ToString::to_string).collect();
    assert_eq!(there, known);
    Ok(())
}
