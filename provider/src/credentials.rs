//! The certificates and the key of the provider block: from attribute or environment, from text or
//! file.
//!
//! Everything that can be wrong with them is said once, when the provider is configured, at the
//! attribute concerned. Only a value that is not known yet waits: planning may need no agent at all.

use agent_api::{BadIdentity, Identity, Part};
use tfplugin_rs::prelude::*;

use crate::provider::Config;

/// What agents are shown and what they must show.
#[derive(Debug)]
pub(crate) enum Credentials {
    /// Complete.
    Known(Box<Identity>),
    /// This attribute's value is known only after apply.
    Unknown(&'static str),
}

impl Credentials {
    /// Reads attributes, the variables that stand in for them, and files they name.
    pub(crate) fn resolve(
        config: Config,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self> {
        let mut problems = Diagnostics::new();
        let parts = [
            (Part::CaCertificate, config.ca_certificate),
            (Part::Certificate, config.client_certificate),
            (Part::Key, config.client_key),
        ];
        let mut unknown = None;
        let [ca_certificate, certificate, key] = parts.map(|(part, value)| {
            if value.is_unknown() {
                unknown.get_or_insert(attribute(part));
                return String::new();
            }
            let text = find(part, value.known(), &variable);
            problems
                .absorb(text.map_err(Diagnostics::from))
                .unwrap_or_default()
        });
        problems.into_result()?;
        if let Some(attribute) = unknown {
            return Ok(Self::Unknown(attribute));
        }
        let identity = Identity {
            ca_certificate,
            certificate,
            key,
        };
        identity.check().map_err(unusable)?;
        Ok(Self::Known(Box::new(identity)))
    }

    /// The identity, for a call that is about to be made.
    pub(crate) fn identity(&self) -> Result<&Identity, Diagnostic> {
        match self {
            Self::Known(identity) => Ok(identity),
            Self::Unknown(attribute) => Err(Diagnostic::error(
                "Provider is not configured yet",
                format!(
                    "The provider's `{attribute}` is known only after apply, but an agent has to \
                     be asked now. Apply what the value comes from first (`terraform apply \
                     -target=…`), or give the path of a file."
                ),
            )),
        }
    }
}

/// A certificate or key that the TLS library does not take, at its attribute.
fn unusable(error: BadIdentity) -> Diagnostic {
    let attribute = attribute(error.part);
    let detail = format!(
        "The {} of the provider cannot be used: {}.",
        error.part, error.why
    );
    Diagnostic::error(format!("Unusable {}", error.part), detail).at(attribute)
}

/// The PEM text of one part.
fn find(
    part: Part,
    value: Option<String>,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<String, Diagnostic> {
    let (attribute, name) = (attribute(part), variable_name(part));
    if let Some(value) = value {
        return text(part, &value, &format!("`{attribute}`"));
    }
    if let Some(value) = variable(name).filter(|value| !value.is_empty()) {
        return text(part, &value, &format!("The environment variable {name}"));
    }
    let detail = format!(
        "Agents talk only to callers with a certificate. Set `{attribute}` in the provider block \
         or the environment variable {name}, to PEM text or the path of a PEM file. `broker-agent \
         init` makes an authority, certificates and keys."
    );
    Err(Diagnostic::error(format!("Missing {part}"), detail).at(attribute))
}

/// PEM as it is; anything else is a path.
fn text(part: Part, value: &str, origin: &str) -> Result<String, Diagnostic> {
    if value.contains("-----BEGIN") {
        return Ok(value.to_owned());
    }
    std::fs::read_to_string(value).map_err(|error| {
        // What was meant as a key but is no PEM must not appear in the message.
        let path = match part {
            Part::Key => "a file".to_owned(),
            Part::CaCertificate | Part::Certificate => format!("the file {value:?}"),
        };
        let detail = format!(
            "{origin} holds no PEM text, and {path} of that name cannot be read: {error}. Relative \
             paths count from the directory Terraform runs in."
        );
        Diagnostic::error(format!("Unreadable {part}"), detail).at(attribute(part))
    })
}

const fn attribute(part: Part) -> &'static str {
    match part {
        Part::CaCertificate => "ca_certificate",
        Part::Certificate => "client_certificate",
        Part::Key => "client_key",
    }
}

const fn variable_name(part: Part) -> &'static str {
    match part {
        Part::CaCertificate => "FERRYMQ_CA_CERTIFICATE",
        Part::Certificate => "FERRYMQ_CLIENT_CERTIFICATE",
        Part::Key => "FERRYMQ_CLIENT_KEY",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(ca: Attr<String>, certificate: Attr<String>, key: Attr<String>) -> Config {
        Config {
            aws: None,
            ca_certificate: ca,
            client_certificate: certificate,
            client_key: key,
        }
    }

    #[track_caller]
    fn refused(config: Config, variables: &[(&str, &str)]) -> String {
        let look_up = |name: &str| {
            variables
                .iter()
                .find(|(n, _)| *n == name)
                .map(|(_, value)| (*value).to_owned())
        };
        Credentials::resolve(config, look_up)
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn every_missing_part_is_named_at_its_attribute() {
        let text = refused(
            config(Attr::Null, Attr::Null, Attr::Null),
            &[("FERRYMQ_CLIENT_KEY", "")],
        );
        for (title, variable) in [
            (
                "Missing CA certificate (at ca_certificate)",
                "FERRYMQ_CA_CERTIFICATE",
            ),
            (
                "Missing client certificate (at client_certificate)",
                "FERRYMQ_CLIENT_CERTIFICATE",
            ),
            ("Missing client key (at client_key)", "FERRYMQ_CLIENT_KEY"),
        ] {
            assert!(text.contains(title) && text.contains(variable), "{text}");
        }
    }

    #[test]
    fn an_unreadable_file_names_the_attribute_and_never_shows_a_key() {
        let pem = "-----BEGIN CERTIFICATE-----".to_owned();
        let text = refused(
            config(
                "no/such/ca.pem".into(),
                pem.into(),
                "MIIEvQIBADANsecret".into(),
            ),
            &[],
        );
        assert!(
            text.contains("Unreadable CA certificate (at ca_certificate)"),
            "{text}"
        );
        assert!(
            text.contains("\"no/such/ca.pem\" of that name cannot be read: No such"),
            "{text}"
        );
        assert!(
            text.contains("Unreadable client key (at client_key)"),
            "{text}"
        );
        assert!(!text.contains("secret"), "{text}");
    }

    #[test]
    fn a_variable_stands_in_and_is_named_when_wrong() {
        let text = refused(
            config(Attr::Null, "-----BEGIN".into(), "-----BEGIN".into()),
            &[("FERRYMQ_CA_CERTIFICATE", "no/such/file")],
        );
        assert!(
            text.contains("The environment variable FERRYMQ_CA_CERTIFICATE"),
            "{text}"
        );
    }

    #[test]
    fn broken_pem_is_told_at_its_attribute() {
        let garbage = || Attr::from("-----BEGIN GARBAGE-----");
        let text = refused(config(garbage(), garbage(), garbage()), &[]);
        assert!(
            text.contains("Unusable CA certificate (at ca_certificate)"),
            "{text}"
        );
    }

    #[test]
    fn an_unknown_value_waits_until_an_agent_is_needed() {
        let known = || Attr::from("-----BEGIN CERTIFICATE-----");
        let credentials =
            Credentials::resolve(config(known(), known(), Attr::Unknown), |_| None).unwrap();
        let error = credentials.identity().unwrap_err();
        assert!(
            error
                .detail
                .contains("`client_key` is known only after apply"),
            "{error}"
        );
    }
}
