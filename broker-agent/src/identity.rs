//! The agent's certificate and key, which may be replaced while it runs.
//!
//! All TLS settings of the agent ask here what to show, so that a new certificate counts from the next
//! connection on and no listener is opened again. The files are looked at every half minute. An agent
//! that was certified by an authority ([`join`](crate::join)) asks it for another certificate when two
//! thirds of the one it has are over, and goes on asking.

use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use rustls::client::ResolvesClientCert;
use rustls::pki_types::CertificateDer;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{SignatureScheme, crypto};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::config::{Authority, Tls};
use crate::join;
use crate::tls::{self, TlsError};

/// Between two looks at the files.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// Of what is left of a certificate's life, the part after which a failed renewal is tried again.
const AGAIN_PART: u32 = 8;
/// Bounds of that.
const AGAIN: [Duration; 2] = [Duration::from_secs(3), Duration::from_secs(600)];

/// Of a certificate's life, the part at its end in which a certificate that nobody renews is told of.
const END_PART: u32 = 6;
/// Between two words of that.
const TELL_EVERY: Duration = Duration::from_secs(24 * 3600);

/// What the agent shows to whoever connects, and to whom it connects.
pub(crate) struct Identity {
    files: Tls,
    shown: RwLock<Shown>,
}

#[derive(Clone)]
struct Shown {
    certified: Arc<CertifiedKey>,
    life: Life,
    /// Of the files that it was read from.
    stamps: [Stamp; 2],
}

/// When a certificate is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Life {
    begins: SystemTime,
    ends: SystemTime,
}

/// Tells a file from what was there before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Stamp {
    inode: u64,
    bytes: u64,
    changed_s: i64,
    changed_ns: i64,
}

/// Without the key.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

impl Life {
    fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
        let moment = |at: i64| {
            let since = Duration::from_secs(at.unsigned_abs());
            match at {
                0.. => SystemTime::UNIX_EPOCH.checked_add(since),
                _ => SystemTime::UNIX_EPOCH.checked_sub(since),
            }
        };
        Some(Self {
            begins: moment(parsed.validity().not_before.timestamp())?,
            ends: moment(parsed.validity().not_after.timestamp())?,
        })
    }

    fn whole(self) -> Duration {
        self.ends.duration_since(self.begins).unwrap_or_default()
    }

    /// When another one is to be had.
    fn due(self) -> SystemTime {
        self.begins + self.whole() * 2 / 3
    }

    fn left(self, now: SystemTime) -> Duration {
        self.ends.duration_since(now).unwrap_or_default()
    }

    /// When to ask again after it was asked in vain.
    fn again(self, now: SystemTime) -> SystemTime {
        let [least, most] = AGAIN;
        now + (self.left(now) / AGAIN_PART).clamp(least, most)
    }
}

impl Stamp {
    fn of(file: &Path) -> Self {
        let found = fs::metadata(file).map(|found| Self {
            inode: found.ino(),
            bytes: found.size(),
            changed_s: found.mtime(),
            changed_ns: found.mtime_nsec(),
        });
        // A missing file is told of when it is read.
        found.unwrap_or_default()
    }
}

impl Shown {
    fn read(files: &Tls) -> Result<Self, TlsError> {
        // Before the files: what changes while they are read is read again.
        let stamps = stamps(files);
        let chain = tls::certificates("tls.certificate", &files.certificate)?;
        let key = tls::key("tls.key", &files.key)?;
        let unreadable = || rustls::CertificateError::BadEncoding.into();
        let life = chain.first().and_then(Life::of);
        let life = life.ok_or_else(|| TlsError::Pair(unreadable()))?;
        let provider = crypto::aws_lc_rs::default_provider();
        let certified = CertifiedKey::from_der(chain, key, &provider).map_err(TlsError::Pair)?;
        Ok(Self {
            certified: Arc::new(certified),
            life,
            stamps,
        })
    }
}

fn stamps(files: &Tls) -> [Stamp; 2] {
    [Stamp::of(&files.certificate), Stamp::of(&files.key)]
}

impl Identity {
    /// Reads the files.
    pub(crate) fn load(files: &Tls) -> Result<Self, TlsError> {
        let shown = Shown::read(files)?;
        Ok(Self {
            files: files.clone(),
            shown: RwLock::new(shown),
        })
    }

    /// The certificate.
    pub(crate) fn certificate(&self) -> Option<CertificateDer<'static>> {
        self.shown().certified.cert.first().cloned()
    }

    fn shown(&self) -> Shown {
        self.shown
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Takes over files that have changed, if they can be used; says so either way.
    fn look(&self) {
        let now = stamps(&self.files);
        if self.shown().stamps == now {
            return;
        }
        let read = Shown::read(&self.files);
        let mut shown = self.shown.write().unwrap_or_else(PoisonError::into_inner);
        match read {
            Ok(new) => {
                let days = new.life.left(SystemTime::now()).as_secs() / (24 * 3600);
                info!(days, "another certificate is shown from now on");
                *shown = new;
            }
            Err(error) => {
                error!(%error, "a changed certificate or key cannot be used; the one before is shown on");
                // Not before they change again.
                shown.stamps = now;
            }
        }
    }

    /// Keeps the certificate current until the agent stops.
    pub(crate) async fn keep(
        self: Arc<Self>,
        authority: Option<Authority>,
        stopping: CancellationToken,
    ) {
        let mut upkeep = Upkeep::default();
        loop {
            let turn = self.turn(authority.as_ref(), &mut upkeep);
            let Some(pause) = stopping.run_until_cancelled(turn).await else {
                return;
            };
            let slept = stopping.run_until_cancelled(tokio::time::sleep(pause));
            if slept.await.is_none() {
                return;
            }
        }
    }

    /// Does what is due; how long to sleep then.
    async fn turn(&self, authority: Option<&Authority>, upkeep: &mut Upkeep) -> Duration {
        self.look();
        let (life, now) = (self.shown().life, SystemTime::now());
        let next = match authority {
            None => {
                upkeep.tell_of_the_end(life, now);
                None
            }
            Some(_) if now < life.due().max(upkeep.again) => Some(life.due().max(upkeep.again)),
            Some(authority) => {
                let renewed = join::renew(&authority.address, &self.files).await;
                self.look();
                if let Err(error) = renewed {
                    let left_s = life.left(now).as_secs();
                    let error = format!("{error:#}");
                    warn!(
                        error,
                        left_s,
                        authority = authority.address,
                        "certificate not renewed"
                    );
                }
                // A certificate that is due again at once must not keep the authority busy.
                upkeep.again = self.shown().life.again(SystemTime::now());
                Some(upkeep.again.max(self.shown().life.due()))
            }
        };
        let left = next.map(|next| next.duration_since(SystemTime::now()).unwrap_or_default());
        left.unwrap_or(LOOK_EVERY)
            .clamp(Duration::from_millis(100), LOOK_EVERY)
    }
}

/// What [`Identity::keep`] remembers.
#[derive(Debug)]
struct Upkeep {
    /// No renewal before.
    again: SystemTime,
    told: Option<SystemTime>,
}

impl Default for Upkeep {
    fn default() -> Self {
        Self {
            again: SystemTime::UNIX_EPOCH,
            told: None,
        }
    }
}

impl Upkeep {
    fn tell_of_the_end(&mut self, life: Life, now: SystemTime) {
        let left = life.left(now);
        let lately = |told: SystemTime| {
            now.duration_since(told)
                .is_ok_and(|since| since < TELL_EVERY)
        };
        if left > life.whole() / END_PART || self.told.is_some_and(lately) {
            return;
        }
        self.told = Some(now);
        let left_hours = left.as_secs() / 3600;
        warn!(
            left_hours,
            "the agent's certificate ends; put another one in the place of tls.certificate"
        );
    }
}

impl ResolvesServerCert for Identity {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.shown().certified)
    }
}

impl ResolvesClientCert for Identity {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.shown().certified)
    }

    fn has_certs(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn at(hours: u32) -> SystemTime {
        SystemTime::UNIX_EPOCH + HOUR * 1000 + HOUR * hours
    }

    #[test]
    fn another_one_is_due_when_two_thirds_are_over_and_asked_for_ever_more_often() {
        let life = Life {
            begins: at(0),
            ends: at(24),
        };
        assert_eq!(life.due(), at(16));
        assert_eq!(life.again(at(16)), at(16) + AGAIN[1]);
        let late = at(24) - Duration::from_secs(80);
        assert_eq!(life.again(late), late + Duration::from_secs(10));
        assert_eq!(life.again(at(30)), at(30) + AGAIN[0]);
    }

    #[test]
    fn files_that_change_are_taken_over_if_they_can_be_used() {
        let dir = tempfile::tempdir().unwrap();
        crate::init::tests::make(dir.path());
        let file = |name| dir.path().join(name);
        let files = Tls {
            ca_certificate: file("ca.pem"),
            certificate: file("server.pem"),
            key: file("server-key.pem"),
        };
        let identity = Identity::load(&files).unwrap();
        let first = identity.certificate();
        assert!(first.is_some());

        let other = tempfile::tempdir().unwrap();
        crate::init::tests::make(other.path());
        // Half of a pair is no pair.
        fs::copy(other.path().join("server.pem"), &files.certificate).unwrap();
        identity.look();
        assert_eq!(identity.certificate(), first);
        fs::copy(other.path().join("server-key.pem"), &files.key).unwrap();
        identity.look();
        assert_ne!(identity.certificate(), first);
        let second = identity.certificate();
        fs::remove_file(&files.certificate).unwrap();
        identity.look();
        assert_eq!(identity.certificate(), second);
    }

    #[test]
    fn the_end_is_told_once_a_day() {
        let life = Life {
            begins: at(0),
            ends: at(600),
        };
        let mut upkeep = Upkeep::default();
        let mut told = |now| {
            let before = upkeep.told;
            upkeep.tell_of_the_end(life, now);
            upkeep.told != before
        };
        assert!(!told(at(400)));
        assert!(told(at(501)));
        assert!(!told(at(502)));
        assert!(told(at(526)));
    }
}
