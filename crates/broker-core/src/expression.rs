//! Regular expressions that operators write: for permissions and policies.
//!
//! They run in linear time, whatever the pattern, so none can be used to stall a connection or a
//! change of definitions; the price is that there are no back-references and no look-around. Their
//! length and compiled size are bounded.

use regex::{Regex, RegexBuilder};

/// Bytes a compiled expression may take.
const COMPILED_BYTES: usize = 1024 * 1024;

/// Compiles a pattern of at most so many bytes. The error goes on from the name of the attribute:
/// "is not a valid regular expression: …".
pub(crate) fn compile(pattern: &str, most_bytes: usize) -> Result<Regex, String> {
    check_len(pattern, most_bytes)?;
    RegexBuilder::new(pattern)
        .size_limit(COMPILED_BYTES)
        .dfa_size_limit(COMPILED_BYTES)
        .build()
        .map_err(|error| format!("is not a valid regular expression: {error}"))
}

/// Checks the length alone.
pub(crate) fn check_len(pattern: &str, most_bytes: usize) -> Result<(), String> {
    if pattern.len() > most_bytes {
        return Err(format!(
            "is not a valid regular expression: it is longer than {most_bytes} bytes"
        ));
    }
    Ok(())
}
