//! A broker's keys while it has them: the keyring, opened.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use broker_core::journal::{
    FileDisk, Keyring, Keys, Master, ReadOnlyDisk, SecretKey, fingerprint, is_encrypted,
};

use super::key_file::{self, KeyFileError};
use super::{Encryption, Unlocked};
use crate::host::JOURNAL;

/// Where the keyring is, within a broker's directory.
const KEYS: &str = "keys";

/// The keyring of one broker, opened with its master key.
pub(crate) struct Vault {
    dir: PathBuf,
    encryption: Encryption,
    keyring: Keyring,
    keys: Arc<Keys>,
    /// Name of the master key, and the key.
    name: String,
    secret: SecretKey,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vault")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Why a broker's keys are not to be had. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum VaultError {
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
    #[error(
        "{found} does not open its keyring in {dir}, which {expected} does: give it the key that it \
         was encrypted with last"
    )]
    Wrong {
        found: String,
        expected: String,
        dir: String,
    },
    #[error(
        "its data is encrypted, and there is no keyring in {0}: restore the files keyring-a and \
         keyring-b from a backup; without them the data cannot be read"
    )]
    Lost(String),
    #[error("its keyring in {dir}: {cause}")]
    Keyring { dir: String, cause: String },
}

/// A master key that is at hand.
struct Found {
    master: Master,
    secret: SecretKey,
}

impl Vault {
    /// Opens the keyring of the broker in `dir`, or makes one if nothing there is encrypted yet.
    pub(crate) async fn open(dir: &Path, encryption: &Encryption) -> Result<Self, VaultError> {
        let dir = dir.to_owned();
        let keyring = {
            let dir = dir.clone();
            blocking(move || load(&dir)).await?
        };
        match keyring {
            Some(keyring) => Self::unlock(dir, encryption, keyring).await,
            None => Self::make(dir, encryption).await,
        }
    }

    async fn make(dir: PathBuf, encryption: &Encryption) -> Result<Self, VaultError> {
        let Found { master, secret } = master(encryption).await?;
        let name = master.name.clone();
        let path = dir.clone();
        let (keyring, keys, secret) = blocking(move || {
            let disk = disk(&path)?;
            let made = Keyring::create(&*disk, master, &secret);
            let (keyring, keys) = made.map_err(|fault| failed(&path, &fault))?;
            Ok((keyring, keys, secret))
        })
        .await?;
        Ok(Self {
            dir,
            encryption: encryption.clone(),
            keyring,
            keys: Arc::new(keys),
            name,
            secret,
        })
    }

    async fn unlock(
        dir: PathBuf,
        encryption: &Encryption,
        keyring: Keyring,
    ) -> Result<Self, VaultError> {
        let Found { master, secret } = master(encryption).await?;
        let keys = keyring.open(&master.name, &secret);
        let keys = keys.map_err(|wrong| VaultError::Wrong {
            found: master.name.clone(),
            expected: wrong.0.join(" or "),
            dir: place(&dir),
        })?;
        let mut this = Self {
            dir,
            encryption: encryption.clone(),
            keyring,
            keys: Arc::new(keys),
            name: master.name,
            secret,
        };
        // What an interrupted rotation left.
        this.settle().await?;
        Ok(this)
    }

    /// What it is opened with.
    pub(crate) fn encryption(&self) -> &Encryption {
        &self.encryption
    }

    /// The keys, which change with a rotation for whoever has them.
    pub(crate) fn keys(&self) -> Arc<Keys> {
        Arc::clone(&self.keys)
    }

    /// What may be told of it.
    pub(crate) fn unlocked(&self) -> Unlocked {
        Unlocked {
            master_key: self.name.clone(),
            keys: u32::try_from(self.keys.count()).unwrap_or(u32::MAX),
        }
    }

    /// Begins a rotation: the keyring opens with the new master key, too, and everything that is
    /// written from now on has a new key. Answers what to go on with once the registry says so;
    /// until then this one is as good.
    pub(crate) async fn rotate(&mut self, to: &Encryption) -> Result<Self, VaultError> {
        let Found { master, secret } = master(to).await?;
        let name = master.name.clone();
        let (dir, mut keyring) = (self.dir.clone(), self.keyring.clone());
        let (keys, old_name, old) = (self.keys(), self.name.clone(), self.secret.clone());
        let (keyring, secret) = blocking(move || {
            let disk = disk(&dir)?;
            let added = keyring.add(&*disk, &keys, (&old_name, &old), (master, &secret));
            added.map_err(|fault| failed(&dir, &fault))?;
            Ok((keyring, secret))
        })
        .await?;
        self.keyring = keyring.clone();
        Ok(Self {
            dir: self.dir.clone(),
            encryption: to.clone(),
            keyring,
            keys: self.keys(),
            name,
            secret,
        })
    }

    /// Ends a rotation: only this master key opens the keyring from now on.
    pub(crate) async fn settle(&mut self) -> Result<(), VaultError> {
        if self.keyring.masters().count() < 2 {
            return Ok(());
        }
        let (dir, mut keyring) = (self.dir.clone(), self.keyring.clone());
        let (name, secret) = (self.name.clone(), self.secret.clone());
        self.keyring = blocking(move || {
            let disk = disk(&dir)?;
            let retired = keyring.retire_others(&*disk, &name, &secret);
            retired.map_err(|fault| failed(&dir, &fault))?;
            Ok(keyring)
        })
        .await?;
        Ok(())
    }
}

/// The master key of a broker.
async fn master(encryption: &Encryption) -> Result<Found, VaultError> {
    let Encryption::KeyFile(path) = encryption;
    from_file(path).await
}

async fn from_file(path: &Path) -> Result<Found, VaultError> {
    let path = path.to_owned();
    let secret = blocking(move || Ok(key_file::read(&path)?)).await?;
    let master = Master {
        name: file_name(&secret),
        data: Vec::new(),
    };
    Ok(Found { master, secret })
}

/// The keyring, if there is one, or there need not be one.
fn load(dir: &Path) -> Result<Option<Keyring>, VaultError> {
    let loaded = Keyring::load(&*disk(dir)?);
    let loaded = loaded.map_err(|error| failed(dir, &error))?;
    if loaded.is_none() && holds_encrypted(&dir.join(JOURNAL)) {
        return Err(VaultError::Lost(place(dir)));
    }
    Ok(loaded)
}

/// A journal that a broker works on is one that was opened: with its keys, or without any.
fn holds_encrypted(journal: &Path) -> bool {
    let disk = ReadOnlyDisk::open(journal);
    disk.is_ok_and(|disk| is_encrypted(&disk).unwrap_or(false))
}

/// The keys of a broker that is not opened, to read what can be read of it. Nothing is written.
pub(crate) fn keys_for_salvage(journal: &Path, key_file: &Path) -> Result<Keys, VaultError> {
    let dir = journal.parent().unwrap_or(journal);
    let disk = ReadOnlyDisk::open(&dir.join(KEYS)).map_err(|error| failed(dir, &error))?;
    let keyring = Keyring::load(&disk).map_err(|error| failed(dir, &error))?;
    let keyring = keyring.ok_or_else(|| VaultError::Lost(place(dir)))?;
    let secret = key_file::read(key_file)?;
    let name = file_name(&secret);
    let keys = keyring.open(&name, &secret);
    keys.map_err(|wrong| VaultError::Wrong {
        found: name,
        expected: wrong.0.join(" or "),
        dir: place(dir),
    })
}

/// What the master key of a file is called.
fn file_name(secret: &SecretKey) -> String {
    format!("file:{}", fingerprint(secret))
}

fn disk(dir: &Path) -> Result<Arc<FileDisk>, VaultError> {
    FileDisk::open(&dir.join(KEYS)).map_err(|error| failed(dir, &error))
}

fn place(dir: &Path) -> String {
    dir.join(KEYS).display().to_string()
}

fn failed(dir: &Path, error: &dyn std::fmt::Display) -> VaultError {
    VaultError::Keyring {
        dir: place(dir),
        cause: error.to_string(),
    }
}

/// Runs disk work where it may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, VaultError> + Send + 'static,
) -> Result<T, VaultError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}
