//! Encryption at rest: where the master key of a broker comes from, and the keyring that it opens.
//!
//! ```text
//! DATA/brokers/ID/keys/keyring-a, keyring-b   the broker's keys, encrypted with the master key
//! DATA/brokers/ID/journal/                    encrypted with those keys
//! ```
//!
//! The master key itself is in a file that is not the broker's. It is needed to start a
//! broker, and to change what it is encrypted with; while the agent runs, it keeps the keys in memory.
//!
//! Another master key is a rotation: the keyring is written for both, the registry says the new one,
//! then the keyring is written for the new one alone. A crash in between finds a keyring that opens
//! with what the registry says. Everything that is written from then on has another key, too.

mod key_file;
mod vault;

use std::path::PathBuf;

use agent_api::Failure;
use agent_api::v1::{self, Reason};
use serde::{Deserialize, Serialize};

pub(crate) use self::vault::{Vault, VaultError, keys_for_salvage};

/// Where the master key of a broker comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Encryption {
    /// A file on this machine: 64 hexadecimal digits.
    KeyFile(PathBuf),
}

impl Encryption {
    /// As a caller asks for it.
    pub(crate) fn asked(asked: &v1::Encryption) -> Result<Self, Failure> {
        let path = PathBuf::from(&asked.key_file);
        if !path.is_absolute() {
            let sentence = "a key_file is an absolute path on the agent's machine";
            return Err(Failure::new(Reason::Invalid, sentence).at("encryption.key_file"));
        }
        Ok(Self::KeyFile(path))
    }

    /// As it is shown.
    pub(crate) fn shown(&self) -> v1::Encryption {
        let Self::KeyFile(path) = self;
        v1::Encryption {
            key_file: path.display().to_string(),
        }
    }
}

/// What is known of a broker's keys while it has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unlocked {
    /// Name of the master key: `file:` and its fingerprint.
    pub(crate) master_key: String,
    /// Keys in the keyring.
    pub(crate) keys: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_file_is_an_absolute_path() {
        let asked = |key_file: &str| {
            Encryption::asked(&v1::Encryption {
                key_file: key_file.to_owned(),
            })
        };
        let file = asked("/etc/ferrymq/key").unwrap();
        assert_eq!(file, Encryption::KeyFile("/etc/ferrymq/key".into()));
        assert_eq!(file.shown().key_file, "/etc/ferrymq/key");
        for key_file in ["", "relative"] {
            assert_eq!(asked(key_file).unwrap_err().field, "encryption.key_file");
        }
    }
}
