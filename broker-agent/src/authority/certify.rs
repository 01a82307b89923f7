//! Certificates of agents, by the CA of `broker-agent init`.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use aws_lc_rs::digest;
use rcgen::{
    CertificateParams, CertificateSigningRequestParams, DnType, ExtendedKeyUsagePurpose, KeyPair,
    KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::init::{Authority, LOCAL_NAMES, VALIDITY, limit};

/// Makes certificates.
pub(super) struct Certifier {
    authority: Authority,
    lifetime: Duration,
}

/// A certificate request that was signed by the key it is for.
pub(super) fn request(pem: &str) -> Result<CertificateSigningRequestParams, String> {
    CertificateSigningRequestParams::from_pem(pem)
        .map_err(|error| format!("the certificate request cannot be used: {error}"))
}

/// What a machine signs: this challenge, for this request and no other.
pub(crate) fn bind(challenge: &str, csr: &str) -> String {
    let text = format!("{challenge}\n{}", csr.trim());
    let digest = digest::digest(&digest::SHA256, text.as_bytes());
    digest
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

impl Certifier {
    pub(super) fn load(dir: &Path, lifetime: Duration) -> anyhow::Result<Self> {
        let authority = Authority::load(dir)?;
        Ok(Self {
            authority,
            lifetime,
        })
    }

    /// The certificate of an agent at this address.
    pub(super) fn certify(
        &self,
        request: CertificateSigningRequestParams,
        host: IpAddr,
        instance: &str,
    ) -> Result<String, rcgen::Error> {
        let mut names = LOCAL_NAMES.map(str::to_owned).to_vec();
        names.push(host.to_string());
        // Of what the machine asks for, only its key counts.
        let request = CertificateSigningRequestParams {
            params: self.params(names, instance, self.lifetime)?,
            public_key: request.public_key,
        };
        Ok(request.signed_by(self.authority.issuer())?.pem())
    }

    /// Settings for serving under these names, with a key that is made now and kept nowhere.
    pub(super) fn server(&self, hosts: Vec<String>) -> anyhow::Result<Arc<ServerConfig>> {
        let mut names = LOCAL_NAMES.map(str::to_owned).to_vec();
        names.extend(hosts);
        let key = KeyPair::generate()?;
        let mut params = self.params(names, "FerryMQ authority", VALIDITY)?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params.signed_by(&key, self.authority.issuer())?;
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .context("use the authority's own certificate")?;
        Ok(Arc::new(config))
    }

    fn params(
        &self,
        names: Vec<String>,
        common_name: &str,
        lifetime: Duration,
    ) -> Result<CertificateParams, rcgen::Error> {
        use ExtendedKeyUsagePurpose::{ClientAuth, ServerAuth};
        let mut params = CertificateParams::new(names)?;
        limit(&mut params, lifetime);
        params.distinguished_name = rcgen::DistinguishedName::new();
        params
            .distinguished_name
            .push(DnType::CommonName, common_name);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ServerAuth, ClientAuth];
        params.use_authority_key_identifier_extension = true;
        Ok(params)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject as _;

    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 3600);

    #[test]
    fn a_machine_is_certified_for_its_address_alone_whatever_it_asks_for() {
        let dir = tempfile::tempdir().unwrap();
        crate::init::tests::make(dir.path());
        let certifier = Certifier::load(dir.path(), DAY).unwrap();
        let key = KeyPair::generate().unwrap();
        let asked = CertificateParams::new(vec!["bank.example.com".to_owned()]).unwrap();
        let csr = asked.serialize_request(&key).unwrap().pem().unwrap();
        let host = IpAddr::from(Ipv4Addr::new(10, 1, 0, 7));
        let made = certifier
            .certify(request(&csr).unwrap(), host, "i-0abc")
            .unwrap();

        let der = CertificateDer::from_pem_slice(made.as_bytes()).unwrap();
        let (_, parsed) = x509_parser::parse_x509_certificate(&der).unwrap();
        let names = parsed.subject_alternative_name().unwrap().unwrap();
        let names = format!("{:?}", names.value.general_names);
        assert!(names.contains("[10, 1, 0, 7]"), "{names}");
        assert!(!names.contains("bank"), "{names}");
        assert_eq!(parsed.subject().to_string(), "CN=i-0abc");
        assert!(!parsed.is_ca());
        let validity = parsed.validity();
        let hours = (validity.not_after.timestamp() - validity.not_before.timestamp()) / 3600;
        assert_eq!(hours, 25); // It begins an hour ago.
    }

    #[test]
    fn a_request_that_its_key_has_not_signed_is_none() {
        let key = KeyPair::generate().unwrap();
        let csr = CertificateParams::default()
            .serialize_request(&key)
            .unwrap();
        let mut der = csr.der().to_vec();
        let last = der.len() - 1;
        der[last] ^= 1;
        let pem = pem(&der);
        assert!(request(&pem).is_err());
        assert!(request("garbage").is_err());
    }

    fn pem(der: &[u8]) -> String {
        use base64::Engine as _;
        let text = base64::prelude::BASE64_STANDARD.encode(der);
        format!("-----BEGIN CERTIFICATE REQUEST-----\n{text}\n-----END CERTIFICATE REQUEST-----\n")
    }

    #[test]
    fn what_is_signed_is_one_challenge_for_one_request() {
        assert_eq!(bind("a", "csr\n"), bind("a", "csr"));
        assert_ne!(bind("a", "csr"), bind("b", "csr"));
        assert_ne!(bind("a", "csr"), bind("a", "another"));
    }
}
