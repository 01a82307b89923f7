//! The keys of an encrypted journal, as they are in memory (rule J8).
//!
//! A data key is made for each life of a segment and for each checkpoint and index. It lies in the
//! file's header, wrapped by a key-encryption key, which the broker keeps in its
//! [`Keyring`](super::Keyring).
//!
//! ```text
//! wrapped data key
//! offset  size  field
//!      0     8  id of the key-encryption key
//!      8    12  nonce, random
//!     20    32  ciphertext of the data key: AES-256-GCM, authenticated with what the file is
//!     52    16  tag
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use zeroize::Zeroizing;

use super::cipher::{DataKey, KEY_LEN, TAG_LEN};
use super::disk::Disk;

const NONCE_LEN: usize = 12;
const ID_LEN: usize = 8;
/// A key encrypted by another: nonce, ciphertext, tag.
pub(super) const WRAPPED_LEN: usize = NONCE_LEN + KEY_LEN + TAG_LEN;

/// A key that is not written anywhere, and is erased from memory when it is dropped.
pub type SecretKey = Zeroizing<[u8; KEY_LEN]>;

/// Names a key-encryption key; random.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub [u8; ID_LEN]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

/// Why something encrypted cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The journal was opened without keys.
    #[error("it is encrypted, and no key was given")]
    NoKeys,
    /// Its key-encryption key is not in the keyring.
    #[error("it is encrypted with key {0}, which is not in the keyring")]
    Unknown(KeyId),
    /// The key-encryption key of that id did not make it, or it was changed since.
    #[error("key {0} does not decrypt it")]
    Refused(KeyId),
    /// Its key is there, and what it encrypted was changed since.
    #[error("its own key does not decrypt it")]
    Changed,
}

/// A data key as it lies on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WrappedKey {
    pub(super) by: KeyId,
    pub(super) bytes: [u8; WRAPPED_LEN],
}

impl WrappedKey {
    pub(super) const LEN: usize = ID_LEN + WRAPPED_LEN;

    pub(super) fn encode(&self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        bytes[..ID_LEN].copy_from_slice(&self.by.0);
        bytes[ID_LEN..].copy_from_slice(&self.bytes);
        bytes
    }

    pub(super) fn decode(from: &[u8; Self::LEN]) -> Self {
        let (mut by, mut bytes) = ([0; ID_LEN], [0; WRAPPED_LEN]);
        by.copy_from_slice(&from[..ID_LEN]);
        bytes.copy_from_slice(&from[ID_LEN..]);
        Self {
            by: KeyId(by),
            bytes,
        }
    }
}

/// The key-encryption keys of a journal. What is written anew is encrypted under the current one;
/// the others are kept for what was written before.
pub struct Keys {
    state: RwLock<State>,
}

#[derive(Clone)]
pub(super) struct State {
    pub(super) current: KeyId,
    pub(super) all: BTreeMap<KeyId, SecretKey>,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        let all: Vec<_> = state.all.keys().collect();
        (f.debug_struct("Keys").field("current", &state.current))
            .field("all", &all)
            .finish()
    }
}

impl Keys {
    pub(super) fn new(state: State) -> Self {
        Self {
            state: RwLock::new(state),
        }
    }

    /// The key under which data keys are made now.
    pub fn current(&self) -> KeyId {
        self.state().current
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.state().all.len()
    }

    pub(super) fn state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on these.
    pub(super) fn replace(&self, state: State) {
        *(self.state.write()).unwrap_or_else(PoisonError::into_inner) = state;
    }

    /// Makes a data key for what `context` describes.
    pub(super) fn make(
        &self,
        disk: &dyn Disk,
        context: &[u8],
    ) -> io::Result<(WrappedKey, DataKey)> {
        let secret = random_key(disk)?;
        let state = self.state();
        let by = state.current;
        let Some(kek) = state.all.get(&by) else {
            return Err(io::Error::other("the current key is not in the keyring"));
        };
        let bytes = wrap(kek, context, &secret, random_nonce(disk)?);
        Ok((WrappedKey { by, bytes }, DataKey::new(&secret)))
    }

    /// The data key of what `context` describes.
    pub(super) fn unwrap(&self, wrapped: &WrappedKey, context: &[u8]) -> Result<DataKey, KeyError> {
        let state = self.state();
        let kek = (state.all.get(&wrapped.by)).ok_or(KeyError::Unknown(wrapped.by))?;
        let secret = unwrap(kek, context, &wrapped.bytes).ok_or(KeyError::Refused(wrapped.by))?;
        Ok(DataKey::new(&secret))
    }

    /// Encrypts a whole file's contents under a key of their own, which goes before them.
    pub(super) fn encrypt(
        &self,
        disk: &dyn Disk,
        context: &[u8],
        plain: &[u8],
    ) -> io::Result<Vec<u8>> {
        let (wrapped, key) = self.make(disk, context)?;
        let mut out = wrapped.encode().to_vec();
        out.extend(key.encrypt_all(context, plain));
        Ok(out)
    }

    /// Decrypts what [`Self::encrypt`] made.
    pub(super) fn decrypt(&self, context: &[u8], sealed: &[u8]) -> Result<Vec<u8>, KeyError> {
        let (wrapped, sealed) = sealed.split_first_chunk().ok_or(KeyError::Changed)?;
        let key = self.unwrap(&WrappedKey::decode(wrapped), context)?;
        key.decrypt_all(context, sealed.to_vec())
            .map_err(|_| KeyError::Changed)
    }
}

/// Decrypts a file's contents if there are keys.
pub(super) fn decrypt(
    keys: Option<&Keys>,
    context: &[u8],
    sealed: &[u8],
) -> Result<Vec<u8>, KeyError> {
    keys.ok_or(KeyError::NoKeys)?.decrypt(context, sealed)
}

pub(super) fn random_key(disk: &dyn Disk) -> io::Result<SecretKey> {
    let mut secret = SecretKey::default();
    for half in secret.chunks_exact_mut(KEY_LEN / 2) {
        half.copy_from_slice(&*Zeroizing::new(disk.unique()?));
    }
    Ok(secret)
}

pub(super) fn random_id(disk: &dyn Disk) -> io::Result<KeyId> {
    let mut id = [0; ID_LEN];
    id.copy_from_slice(&disk.unique()?[..ID_LEN]);
    Ok(KeyId(id))
}

pub(super) fn random_nonce(disk: &dyn Disk) -> io::Result<[u8; NONCE_LEN]> {
    let mut nonce = [0; NONCE_LEN];
    nonce.copy_from_slice(&disk.unique()?[..NONCE_LEN]);
    Ok(nonce)
}

/// Encrypts a key with another. The nonce is new.
pub(super) fn wrap(
    with: &SecretKey,
    context: &[u8],
    secret: &SecretKey,
    nonce: [u8; NONCE_LEN],
) -> [u8; WRAPPED_LEN] {
    let mut out = [0; WRAPPED_LEN];
    out[..NONCE_LEN].copy_from_slice(&nonce);
    let (plain, tag) = out[NONCE_LEN..].split_at_mut(KEY_LEN);
    plain.copy_from_slice(&secret[..]);
    let sealed = aead(with)
        .seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(context),
            plain,
        )
        .expect("a key is short enough for the cipher");
    tag.copy_from_slice(sealed.as_ref());
    out
}

/// Decrypts a key; none if another key made it, or it was changed since.
pub(super) fn unwrap(
    with: &SecretKey,
    context: &[u8],
    wrapped: &[u8; WRAPPED_LEN],
) -> Option<SecretKey> {
    let (nonce, rest) = wrapped.split_first_chunk::<NONCE_LEN>()?;
    let nonce = Nonce::assume_unique_for_key(*nonce);
    let mut secret = SecretKey::default();
    let (sealed, tag) = rest.split_at(KEY_LEN);
    aead(with)
        .open_separate_gather(nonce, Aad::from(context), sealed, tag, &mut secret[..])
        .ok()?;
    Some(secret)
}

fn aead(key: &SecretKey) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key[..]).expect("32 bytes are a key"))
}
