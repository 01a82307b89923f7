//! `broker-agent verify-audit`: whether an audit log is as it was written.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};

use super::chain::Chain;
use super::file::numbered;
use crate::cli::VerifyAudit;

/// Exit code for a log that is not as it was written.
const CHANGED: u8 = 1;

/// Checks the chain through all files of a log, the oldest first.
pub(crate) fn verify(options: &VerifyAudit, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    let files = files(&options.file)?;
    let (mut chain, mut lines) = (None, 0_u64);
    for path in &files {
        let file = File::open(path).with_context(|| format!("{}", path.display()))?;
        for (index, line) in BufReader::new(file).lines().enumerate() {
            let line = line.with_context(|| format!("{}", path.display()))?;
            match Chain::check(chain.as_ref(), &line) {
                Ok(next) => chain = Some(next),
                Err(broken) => {
                    let number = index + 1;
                    writeln!(out, "{}, line {number}: {broken}", path.display())?;
                    return Ok(ExitCode::from(CHANGED));
                }
            }
            lines += 1;
        }
    }
    writeln!(
        out,
        "{lines} lines in {} files are as they were written",
        files.len()
    )?;
    Ok(ExitCode::SUCCESS)
}

/// The files of a log, the oldest first.
fn files(file: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files: Vec<_> = (0..)
        .map(|number| numbered(file, number))
        .take_while(|path| exists(path))
        .collect();
    if files.is_empty() {
        bail!(
            "{}: there is no such file; audit logs are in DATA_DIR/logs/BROKER/audit.log",
            file.display()
        );
    }
    files.reverse();
    Ok(files)
}

fn exists(path: &Path) -> bool {
    !matches!(fs::metadata(path), Err(error) if error.kind() == io::ErrorKind::NotFound)
}
