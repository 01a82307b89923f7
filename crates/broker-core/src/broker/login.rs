//! Logging in: from a name and a password, or a certificate, to the right to attach.

use std::sync::Arc;
use std::time::Instant;

use super::Broker;
use crate::access::{PasswordHash, Remembered};
use crate::lock::read;
use crate::refusal::{Reason, Refusal};

/// A password that waits to be checked; the check is heavy on CPU and runs where the driver wants.
pub struct PasswordCheck {
    username: Arc<str>,
    /// The hash is the user's own; otherwise the outcome is no, and only takes as long.
    genuine: bool,
    hash: PasswordHash,
    password: Vec<u8>,
    remembered: Arc<Remembered>,
}

/// Proof of a successful login.
#[derive(Debug, Clone)]
pub struct Login {
    pub(super) username: Arc<str>,
}

impl Broker {
    /// Prepares the check of a user's password. Cheap.
    pub fn login(&self, username: &str, password: &[u8]) -> PasswordCheck {
        let users = read(&self.users);
        let hash = users
            .get(username)
            .and_then(|user| user.definition.value.password.clone());
        PasswordCheck {
            username: username.into(),
            genuine: hash.is_some(),
            hash: hash.unwrap_or_else(|| self.fake_hash.clone()),
            password: password.to_vec(),
            remembered: Arc::clone(&self.remembered),
        }
    }
}

impl Broker {
    /// The login of who has proved by other means to be that user, who must exist.
    pub(crate) fn login_certified(&self, username: &str) -> Result<Login, Refusal> {
        match read(&self.users).get_key_value(username) {
            Some((username, _)) => Ok(Login {
                username: Arc::clone(username),
            }),
            None => {
                let text = format!("there is no user '{username}', whom the certificate names");
                Err(Refusal::new(Reason::AccessRefused, text))
            }
        }
    }
}

impl PasswordCheck {
    /// The login if the very same one succeeded a short while ago: some microseconds. None says
    /// nothing but that the check must run.
    pub fn recall(&self, now: Instant) -> Option<Login> {
        let Self { hash, password, .. } = self;
        let known = self.remembered.knows(&self.username, hash, password, now);
        (known && self.may_succeed()).then(|| Login {
            username: Arc::clone(&self.username),
        })
    }

    /// Runs the check: tens of milliseconds and 19 MiB. The refusal is the same for an unknown
    /// user, a user without a password and a wrong password. An empty password never matches.
    pub fn run(self, now: Instant) -> Result<Login, Refusal> {
        let matches = self.hash.matches(&self.password);
        if matches && self.may_succeed() {
            self.remembered
                .add(&self.username, &self.hash, &self.password, now);
            return Ok(Login {
                username: self.username,
            });
        }
        Err(Refusal::new(Reason::AccessRefused, "login was refused"))
    }

    fn may_succeed(&self) -> bool {
        self.genuine && !self.password.is_empty()
    }

    /// Who wants to log in.
    pub fn username(&self) -> &str {
        &self.username
    }
}

impl std::fmt::Debug for PasswordCheck {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PasswordCheck")
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

impl Login {
    /// Who logged in.
    pub fn username(&self) -> &str {
        &self.username
    }
}
