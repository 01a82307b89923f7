//! Passwords: argon2id with the parameters OWASP gives as its floor (19 MiB, two passes, one
//! lane), kept as PHC strings. Hashing costs tens of milliseconds of CPU on purpose: call it from a
//! thread that may be busy that long.

use std::fmt;

use argon2::password_hash::{
    Error, PasswordHash as Phc, PasswordHasher, PasswordVerifier, SaltString,
};
use argon2::{Algorithm, Argon2, Params, Version};

use crate::refusal::{Reason, Refusal};

/// A password's hash in PHC string form (`$argon2id$v=19$…`). Its debug form shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(Box<str>);

/// Bytes of salt; the PHC recommendation.
const SALT_BYTES: usize = 16;

/// Most memory a hash handed in from outside may ask for, KiB: a login must not be a memory bomb.
const MAX_MEMORY_KIB: u32 = 256 * 1024;

/// Most passes a hash handed in from outside may ask for.
const MAX_PASSES: u32 = 16;

impl PasswordHash {
    /// Takes an argon2 hash made elsewhere, such as one given to Terraform.
    pub fn parse(phc: &str) -> Result<Self, Refusal> {
        let invalid = |why: &str| {
            let text = format!("password hash is not usable: {why}");
            Refusal::new(Reason::Invalid, text).at("password")
        };
        let hash = Phc::new(phc).map_err(|_| invalid("it is not a PHC string"))?;
        if Algorithm::try_from(hash.algorithm).is_err() {
            return Err(invalid("its algorithm is not argon2id, argon2i or argon2d"));
        }
        let params = Params::try_from(&hash).map_err(|_| invalid("its parameters are wrong"))?;
        if params.m_cost() > MAX_MEMORY_KIB || params.t_cost() > MAX_PASSES || params.p_cost() > 16
        {
            return Err(invalid("its parameters ask for too much memory or time"));
        }
        if hash.hash.is_none() || hash.salt.is_none() {
            return Err(invalid("it lacks the salt or the hash"));
        }
        Ok(Self(phc.into()))
    }

    /// The PHC string. It is a secret of sorts: do not log it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is the password's hash. Heavy on CPU.
    pub fn matches(&self, password: &[u8]) -> bool {
        verify(&self.0, password)
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

/// Hashes a password with a fresh salt. Heavy on CPU.
pub fn hash_password(password: &[u8]) -> Result<PasswordHash, Refusal> {
    let mut salt = [0; SALT_BYTES];
    getrandom::fill(&mut salt)
        .map_err(|error| Refusal::new(Reason::Unavailable, format!("no randomness: {error}")))?;
    hash_with_salt(password, &salt)
}

/// A hash of no password, made up without hashing: what an unknown user's login is checked
/// against, so that its answer takes as long as a known user's.
pub(crate) fn fake_hash() -> Result<PasswordHash, Refusal> {
    let mut random = [0; SALT_BYTES + Params::DEFAULT_OUTPUT_LEN];
    getrandom::fill(&mut random)
        .map_err(|error| Refusal::new(Reason::Unavailable, format!("no randomness: {error}")))?;
    let (salt, hash) = random.split_at(SALT_BYTES);
    let encode = |bytes| SaltString::encode_b64(bytes).map_err(refuse);
    let params = Params::DEFAULT;
    let (m, t, p) = (params.m_cost(), params.t_cost(), params.p_cost());
    let (salt, hash) = (encode(salt)?, encode(hash)?);
    PasswordHash::parse(&format!("$argon2id$v=19$m={m},t={t},p={p}${salt}${hash}"))
}

/// Whether the PHC string is the password's hash. Heavy on CPU.
pub(crate) fn verify(phc: &str, password: &[u8]) -> bool {
    Phc::new(phc).is_ok_and(|hash| hasher().verify_password(password, &hash).is_ok())
}

fn hash_with_salt(password: &[u8], salt: &[u8]) -> Result<PasswordHash, Refusal> {
    let salt = SaltString::encode_b64(salt).map_err(refuse)?;
    let hash = hasher().hash_password(password, &salt).map_err(refuse)?;
    Ok(PasswordHash(hash.to_string().into()))
}

fn refuse(error: Error) -> Refusal {
    let text = format!("password cannot be hashed: {error}");
    Refusal::new(Reason::Invalid, text).at("password")
}

fn hasher() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::DEFAULT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_matches_its_own_hash_only() {
        let hash = hash_password(b"correct horse").unwrap();
        assert!(hash.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(hash.matches(b"correct horse"));
        assert!(!hash.matches(b"correct horse "));
        assert!(!hash.matches(b""));
        assert_ne!(
            hash,
            hash_password(b"correct horse").unwrap(),
            "salts differ"
        );
    }

    #[test]
    fn a_hash_from_outside_is_checked_before_it_is_kept() {
        let own = hash_password(b"x").unwrap();
        assert_eq!(PasswordHash::parse(own.as_str()).unwrap(), own);
        for bad in [
            "",
            "plain",
            "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0",
            "$pbkdf2-sha256$i=1000$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaA",
            "$argon2id$v=19$m=4000000,t=2,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaA",
            "$argon2id$v=19$m=19456,t=4000,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaA",
        ] {
            assert_eq!(
                PasswordHash::parse(bad).unwrap_err().reason,
                Reason::Invalid,
                "{bad}"
            );
        }
    }

    #[test]
    fn a_fake_hash_costs_what_a_real_one_does_and_matches_nothing() {
        let (real, fake) = (hash_password(b"x").unwrap(), fake_hash().unwrap());
        let head = |hash: &PasswordHash| hash.as_str()[..31].to_owned();
        assert_eq!(head(&fake), head(&real), "algorithm, version, parameters");
        assert_eq!(fake.as_str().len(), real.as_str().len());
        assert_eq!(PasswordHash::parse(fake.as_str()).unwrap(), fake);
        assert!(!fake.matches(b"x"));
    }

    #[test]
    fn nothing_of_a_hash_shows_in_debug_output() {
        let hash = hash_password(b"x").unwrap();
        assert_eq!(format!("{hash:?}"), "PasswordHash(…)");
    }
}
