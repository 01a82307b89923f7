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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_expression_takes_longer_than_its_text() {
        let text = format!("{}!", "a".repeat(100_000));
        for pattern in ["^(a+)+$", "^(a|a)*$", "^(a?){50}a{50}$", "(.*a){20}$"] {
            // Seconds at most; backtracking would take longer than the sun shines.
            let expression = compile(pattern, 100).unwrap();
            assert!(!expression.is_match(&text), "{pattern}");
        }
        for pattern in ["(?=a)", "(?<!a)b", r"(a)\1"] {
            assert!(compile(pattern, 100).is_err(), "{pattern}");
        }
    }
}
