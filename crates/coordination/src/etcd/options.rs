//! How an etcd cluster is reached.

use std::fmt;
use std::time::Duration;

use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

/// Where the record is, and how to get there.
#[derive(Debug, Clone)]
pub struct EtcdOptions {
    /// Client addresses of the cluster's members: `http://host:2379`, or `https://` with [`Tls`].
    pub members: Vec<String>,
    /// The record's key: `ferry/<cluster>/<group>`.
    pub key: String,
    /// How long one call may take. Shorter than the grace, longer than etcd needs to change its
    /// leader: 2 s.
    pub timeout: Duration,
    /// Certificates, for addresses with `https://`.
    pub tls: Option<Tls>,
    /// User and password, where etcd asks for them.
    pub login: Option<Login>,
}

/// Certificates, as PEM.
#[derive(Clone)]
pub struct Tls {
    /// The authority that certifies etcd's members.
    pub authority: Vec<u8>,
    /// This node's certificate and key, where etcd asks for one.
    pub identity: Option<(Vec<u8>, Vec<u8>)>,
    /// The name in etcd's certificates, if it is not the host of the address.
    pub server_name: Option<String>,
}

/// A user of etcd's.
#[derive(Clone)]
pub struct Login {
    /// Name.
    pub user: String,
    /// Password.
    pub password: String,
}

/// Options that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OptionsError {
    /// Without addresses there is no cluster.
    #[error("no address of etcd is given")]
    NoMembers,
    /// Not a URI, or not one that fits the certificates.
    #[error("bad address of etcd `{0}`: {1}")]
    Address(String, String),
}

impl EtcdOptions {
    /// Whether addresses and certificates are what they should be and fit each other. Asks nobody.
    ///
    /// # Errors
    /// [`OptionsError`] says what does not.
    pub fn check(&self) -> Result<(), OptionsError> {
        self.endpoints().map(|_| ())
    }

    /// A channel to each member, which connects when first used.
    pub(super) fn channels(&self) -> Result<Vec<Channel>, OptionsError> {
        let endpoints = self.endpoints()?;
        Ok(endpoints.iter().map(Endpoint::connect_lazy).collect())
    }

    fn endpoints(&self) -> Result<Vec<Endpoint>, OptionsError> {
        if self.members.is_empty() {
            return Err(OptionsError::NoMembers);
        }
        self.members
            .iter()
            .map(|address| self.endpoint(address))
            .collect()
    }

    fn endpoint(&self, address: &str) -> Result<Endpoint, OptionsError> {
        let bad = |why: String| OptionsError::Address(address.to_owned(), why);
        let secured = address.starts_with("https://");
        if !secured && !address.starts_with("http://") {
            return Err(bad("it begins with neither http:// nor https://".to_owned()));
        }
        let mut endpoint = Endpoint::from_shared(address.to_owned())
            .map_err(|error| bad(error.to_string()))?
            .connect_timeout(self.timeout)
            .tcp_nodelay(true)
            // A member that is gone without a word is noticed while nothing is asked.
            .http2_keep_alive_interval(Duration::from_secs(5))
            .keep_alive_timeout(self.timeout)
            .keep_alive_while_idle(true);
        match (&self.tls, secured) {
            (Some(tls), true) => {
                endpoint = endpoint
                    .tls_config(tls.config())
                    .map_err(|error| bad(error.to_string()))?;
            }
            (None, true) => return Err(bad("no certificate authority is given".to_owned())),
            // Certificates that would not be used are a mistake, and a silent one.
            (Some(_), false) => {
                return Err(bad("certificates are given, and it is http://".to_owned()));
            }
            (None, false) => {}
        }
        Ok(endpoint)
    }
}

impl Tls {
    fn config(&self) -> ClientTlsConfig {
        let mut config =
            ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&self.authority));
        if let Some((certificate, key)) = &self.identity {
            config = config.identity(Identity::from_pem(certificate, key));
        }
        if let Some(name) = &self.server_name {
            config = config.domain_name(name);
        }
        config
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.server_name;
        f.debug_struct("Tls")
            .field("server_name", name)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}
