//! Whom a client's certificate names, once it has been verified.

use rustls::pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::objects::{oid_registry, oid2abbrev};
use x509_parser::prelude::FromDer as _;
use x509_parser::x509::{AttributeTypeAndValue, RelativeDistinguishedName};

/// What of a certificate is the user's name: RabbitMQ's `ssl_cert_login_from`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UserFrom {
    /// The subject's common name. Several are joined by commas.
    #[default]
    CommonName,
    /// The whole subject as RFC 4514 writes it, the common name mostly first: `CN=orders,O=Ferry`.
    DistinguishedName,
    /// The first DNS name among the alternative names.
    SubjectAlternativeName,
}

impl UserFrom {
    /// The user's name; none if the certificate has no such name, or one that is no text.
    pub fn user(self, certificate: &CertificateDer<'_>) -> Option<String> {
        let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
        let name = match self {
            Self::CommonName => common_name(&certificate),
            Self::DistinguishedName => distinguished_name(&certificate),
            Self::SubjectAlternativeName => alternative_name(&certificate),
        };
        name.filter(|name| !name.is_empty() && !name.contains(char::is_control))
    }
}

fn common_name(certificate: &X509Certificate<'_>) -> Option<String> {
    let names = certificate.subject().iter_common_name();
    let names: Option<Vec<_>> = names.map(|name| name.as_str().ok()).collect();
    Some(names?.join(","))
}

fn distinguished_name(certificate: &X509Certificate<'_>) -> Option<String> {
    let subject: Vec<_> = certificate.subject().iter_rdn().collect();
    let parts: Option<Vec<_>> = subject.into_iter().rev().map(relative_name).collect();
    Some(parts?.join(","))
}

fn relative_name(name: &RelativeDistinguishedName<'_>) -> Option<String> {
    let attributes: Option<Vec<_>> = name.iter().map(attribute).collect();
    Some(attributes?.join("+"))
}

fn attribute(attribute: &AttributeTypeAndValue<'_>) -> Option<String> {
    let kind = attribute.attr_type();
    let value = escaped(attribute.as_str().ok()?);
    Some(match oid2abbrev(kind, oid_registry()) {
        Ok(short) => format!("{short}={value}"),
        Err(_) => format!("{kind}={value}"),
    })
}

/// As RFC 4514 wants it, so that no value can look like another attribute.
fn escaped(value: &str) -> String {
    let last = value.chars().count().saturating_sub(1);
    let mut out = String::with_capacity(value.len());
    for (at, letter) in value.chars().enumerate() {
        let at_end = letter == ' ' && (at == 0 || at == last);
        if at_end || (letter == '#' && at == 0) || ",+\"\\<>;=".contains(letter) {
            out.push('\\');
        }
        out.push(letter);
    }
    out
}

fn alternative_name(certificate: &X509Certificate<'_>) -> Option<String> {
    let names = certificate.subject_alternative_name().ok()??;
    let mut names = names.value.general_names.iter();
    names.find_map(|name| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};

    use super::*;

    fn users(subject: &[(DnType, &str)], alternatives: &[&str]) -> [Option<String>; 3] {
        let alternatives: Vec<_> = alternatives.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(alternatives).unwrap();
        params.distinguished_name = DistinguishedName::new();
        for (kind, value) in subject {
            params.distinguished_name.push(kind.clone(), *value);
        }
        let key = KeyPair::generate().unwrap();
        let made = params.self_signed(&key).unwrap();
        let from = [
            UserFrom::CommonName,
            UserFrom::DistinguishedName,
            UserFrom::SubjectAlternativeName,
        ];
        from.map(|from| from.user(made.der()))
    }

    fn some(name: &str) -> Option<String> {
        Some(name.to_owned())
    }

    #[test]
    fn a_certificate_names_a_user_in_three_ways() {
        let subject = [
            (DnType::CountryName, "DE"),
            (DnType::OrganizationName, "Ferry, Ltd."),
            (DnType::CommonName, "orders"),
        ];
        let found = users(&subject, &["10.0.0.1", "orders.example", "other.example"]);
        let distinguished = some(r"CN=orders,O=Ferry\, Ltd.,C=DE");
        assert_eq!(
            found,
            [some("orders"), distinguished, some("orders.example")]
        );
    }

    #[test]
    fn what_is_not_there_names_nobody() {
        assert_eq!(users(&[], &[]), [None, None, None]);
        let odd = [(DnType::CommonName, "a\nb")];
        assert_eq!(users(&odd, &[])[0], None);
        assert_eq!(
            UserFrom::CommonName.user(&CertificateDer::from(vec![1, 2])),
            None
        );
    }

    #[test]
    fn no_value_looks_like_another_attribute() {
        let subject = [(DnType::CommonName, " a+O=b\\ ")];
        assert_eq!(users(&subject, &[])[1], some(r"CN=\ a\+O\=b\\\ "));
    }
}
