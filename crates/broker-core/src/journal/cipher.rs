//! Payloads under a data key (rule J8): how one record is encrypted and decrypted.
//!
//! ```text
//! payload of an encrypted record, as long as its header says
//! offset     size  field
//!      0        n  ciphertext, as long as the plaintext
//!      n       16  tag
//!   n+16        8  opening: random, new each time the journal is opened
//! ```
//!
//! AES-256-GCM under the data key of the segment. The nonce is the opening, then the record's offset
//! in the segment by eight, in four bytes. Between two openings no place is written twice, and a data
//! key belongs to one life of one file: so no nonce is used twice under a key, even where a torn write
//! is written over after a restart. Authenticated with the payload are bytes 0 to 19 of its header: length, kind,
//! flags, lsn and epoch. The checksum in the header is that of what is on the disk, so that damage is
//! told without keys.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use super::record::{self, ALIGN, AUTHENTICATED_LEN, HEADER_LEN, Header};
use super::{Lsn, checksum};

/// What encryption adds to a payload.
pub(super) const TRAILER_LEN: usize = TAG_LEN + OPENING_LEN;
pub(super) const KEY_LEN: usize = 32;
pub(super) const TAG_LEN: usize = 16;
const OPENING_LEN: usize = 8;

/// Tells what is written after one opening of a journal from what is written after any other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Opening(pub(super) [u8; OPENING_LEN]);

/// The key of one segment, or of one file.
pub(super) struct DataKey(LessSafeKey);

/// Bytes that this key did not make, or that were changed since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Undecryptable;

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey")
    }
}

/// A payload too long for the cipher: one of 64 GiB.
const SHORT: &str = "what is encrypted fits into a segment or a file in memory";

impl DataKey {
    pub(super) fn new(secret: &[u8; KEY_LEN]) -> Self {
        let key = UnboundKey::new(&AES_256_GCM, secret).expect("32 bytes are a key");
        Self(LessSafeKey::new(key))
    }

    /// Encrypts a whole framed record in place; the header gets the checksum of the payload.
    pub(super) fn encrypt_record(&self, opening: Opening, base: Lsn, framed: &mut [u8]) {
        let (header, payload) = framed.split_at_mut(HEADER_LEN);
        let nonce = nonce(opening, base, record::lsn_of(header));
        let aad = Aad::from(&header[..AUTHENTICATED_LEN]);
        let len = record::u32_at(header, 0) as usize;
        let (plain, trailer) = payload[..len].split_at_mut(len - TRAILER_LEN);
        let tag = (self.0)
            .seal_in_place_separate_tag(nonce, aad, plain)
            .expect(SHORT);
        trailer[..TAG_LEN].copy_from_slice(tag.as_ref());
        trailer[TAG_LEN..].copy_from_slice(&opening.0);
        let crc = record::payload_crc([&payload[..len]]);
        record::put_payload_crc(header, crc);
    }

    /// The same of a record whose body is elsewhere, and stays as it is: `head` is its header and
    /// what of the payload comes before the body, `trailer` what comes behind. Answers the
    /// encrypted body.
    pub(super) fn encrypt_spliced(
        &self,
        opening: Opening,
        base: Lsn,
        head: &mut [u8],
        body: &[u8],
        trailer: &mut [u8],
    ) -> Vec<u8> {
        let (header, before) = head.split_at_mut(HEADER_LEN);
        let nonce = nonce(opening, base, record::lsn_of(header));
        let aad = Aad::from(&header[..AUTHENTICATED_LEN]);
        let mut out = vec![0; body.len() + TAG_LEN];
        (self.0)
            .seal_in_place_scatter(nonce, aad, before, body, &mut out)
            .expect(SHORT);
        trailer[..TAG_LEN].copy_from_slice(&out[body.len()..]);
        trailer[TAG_LEN..TRAILER_LEN].copy_from_slice(&opening.0);
        out.truncate(body.len());
        let crc = [before, &out[..], &trailer[..TRAILER_LEN]]
            .into_iter()
            .fold(0, checksum::append);
        record::put_payload_crc(header, crc);
        out
    }

    /// Decrypts the payload of a record into `out`.
    pub(super) fn decrypt<'o>(
        &self,
        base: Lsn,
        header: &Header,
        payload: &[u8],
        out: &'o mut Vec<u8>,
    ) -> Result<&'o [u8], Undecryptable> {
        let (nonce, len) = parts(base, header.lsn, payload)?;
        let (sealed, rest) = payload.split_at(len);
        out.resize(len, 0);
        let header = header.unsealed();
        let aad = Aad::from(&header[..AUTHENTICATED_LEN]);
        (self.0)
            .open_separate_gather(nonce, aad, sealed, &rest[..TAG_LEN], out)
            .map_err(|_| Undecryptable)?;
        Ok(out)
    }

    /// Decrypts a whole framed record in place: zeros take the place of what encryption added, and the
    /// header gets the checksum of that.
    pub(super) fn decrypt_record(&self, base: Lsn, framed: &mut [u8]) -> Result<(), Undecryptable> {
        let (header, payload) = framed.split_at_mut(HEADER_LEN);
        let payload_len = record::u32_at(header, 0) as usize;
        let payload = payload.get_mut(..payload_len).ok_or(Undecryptable)?;
        let (nonce, len) = parts(base, record::lsn_of(header), payload)?;
        let aad = Aad::from(&header[..AUTHENTICATED_LEN]);
        (self.0)
            .open_in_place(nonce, aad, &mut payload[..len + TAG_LEN])
            .map_err(|_| Undecryptable)?;
        payload[len..].fill(0);
        let crc = record::payload_crc([&*payload]);
        record::put_payload_crc(header, crc);
        Ok(())
    }

    /// Encrypts what is all that this key ever encrypts; the tag is behind it.
    pub(super) fn encrypt_all(&self, context: &[u8], plain: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(plain.len() + TAG_LEN);
        out.extend_from_slice(plain);
        (self.0)
            .seal_in_place_append_tag(ONCE.nonce(), Aad::from(context), &mut out)
            .expect(SHORT);
        out
    }

    /// Decrypts what [`Self::encrypt_all`] made.
    pub(super) fn decrypt_all(
        &self,
        context: &[u8],
        mut sealed: Vec<u8>,
    ) -> Result<Vec<u8>, Undecryptable> {
        let plain = (self.0)
            .open_in_place(ONCE.nonce(), Aad::from(context), &mut sealed)
            .map_err(|_| Undecryptable)?;
        let len = plain.len();
        sealed.truncate(len);
        Ok(sealed)
    }
}

/// The nonce of a key that is used once.
const ONCE: NonceBytes = NonceBytes([0; 12]);

struct NonceBytes([u8; 12]);

impl NonceBytes {
    fn nonce(&self) -> Nonce {
        Nonce::assume_unique_for_key(self.0)
    }
}

fn nonce(opening: Opening, base: Lsn, lsn: Lsn) -> Nonce {
    let place = (lsn.0 - base.0) / ALIGN as u64;
    let place = u32::try_from(place).expect("a segment is below 4 GiB");
    let mut bytes = [0; 12];
    bytes[..OPENING_LEN].copy_from_slice(&opening.0);
    bytes[OPENING_LEN..].copy_from_slice(&place.to_le_bytes());
    Nonce::assume_unique_for_key(bytes)
}

/// The nonce of a payload as it is on the disk, and the length of its plaintext.
fn parts(base: Lsn, lsn: Lsn, payload: &[u8]) -> Result<(Nonce, usize), Undecryptable> {
    let Some((_, opening)) = payload.split_last_chunk::<OPENING_LEN>() else {
        return Err(Undecryptable);
    };
    let len = payload
        .len()
        .checked_sub(TRAILER_LEN)
        .ok_or(Undecryptable)?;
    if lsn < base {
        return Err(Undecryptable);
    }
    Ok((nonce(Opening(*opening), base, lsn), len))
}
