//! A master key in a file: 64 hexadecimal digits, as `openssl rand -hex 32` writes them.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use broker_core::journal::SecretKey;
use zeroize::Zeroizing;

/// Digits of a key.
const DIGITS: usize = 64;
/// Read at most; what is longer is no key.
const READ_MAX: u64 = 4096;

/// Why a file gives no key.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyFileError {
    #[error("the key file {path} cannot be read: {source}")]
    Io { path: String, source: io::Error },
    #[error(
        "the key file {path} can be read or changed by others than its owner (mode {mode:03o}); \
         chmod 600 it"
    )]
    Open { path: String, mode: u32 },
    #[error(
        "the key file {path} holds no key: expected 64 hexadecimal digits, as `openssl rand -hex 32` \
         writes them"
    )]
    NoKey { path: String },
}

/// Reads the key.
pub(crate) fn read(path: &Path) -> Result<SecretKey, KeyFileError> {
    let name = || path.display().to_string();
    let failed = |source| KeyFileError::Io {
        path: name(),
        source,
    };
    let file = File::open(path).map_err(failed)?;
    let mode = file.metadata().map_err(failed)?.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyFileError::Open { path: name(), mode });
    }
    let mut text = Zeroizing::new(Vec::with_capacity(READ_MAX as usize));
    (file.take(READ_MAX).read_to_end(&mut text)).map_err(failed)?;
    let digits = text.trim_ascii();
    parse(digits).ok_or_else(|| KeyFileError::NoKey { path: name() })
}

fn parse(digits: &[u8]) -> Option<SecretKey> {
    let mut secret = SecretKey::default();
    let (pairs, []) = digits.as_chunks::<2>() else {
        return None;
    };
    if digits.len() != DIGITS {
        return None;
    }
    for (byte, [high, low]) in secret.iter_mut().zip(pairs) {
        let digit = |digit: &u8| char::from(*digit).to_digit(16);
        *byte = u8::try_from(digit(high)? << 4 | digit(low)?).ok()?;
    }
    Some(secret)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn refusal(text: &str, mode: u32) -> String {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        match read(&path) {
            Ok(_) => "none".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn sixty_four_digits_are_a_key() {
        let digits = "0123456789abcdefABCDEF0123456789".repeat(2);
        assert_eq!(refusal(&format!("{digits}\n"), 0o600), "none");
        assert_eq!(refusal(&digits, 0o400), "none");
        assert_eq!(parse(digits.as_bytes()).unwrap()[..3], [0x01, 0x23, 0x45]);
    }

    #[test]
    fn anything_else_is_refused_with_what_to_do() {
        let digits = "0".repeat(64);
        for text in [
            "",
            "\n",
            &digits[1..],
            &format!("{digits}0"),
            &digits.replace('0', "g"),
        ] {
            assert!(
                refusal(text, 0o600).contains("openssl rand -hex 32"),
                "{text:?}"
            );
        }
        assert!(refusal(&digits, 0o640).contains("chmod 600"));
        let error = read(Path::new("/nowhere/key")).unwrap_err().to_string();
        assert!(
            error.starts_with("the key file /nowhere/key cannot be read"),
            "{error}"
        );
    }
}
