//! What the instance runs at its first boot: a shell script without any secret.
//!
//! Everybody who may describe the instance or log in to it can read the script. So it holds names,
//! addresses and digests, and the authority's certificate; the key is made on the machine.

use super::model::HostModel;

/// EC2 takes 16 KiB of user data; the rest is the script's own.
pub(crate) const MAX_EXTRA: usize = 8 * 1024;

const SCRIPT: &str = include_str!("boot.sh");

/// The script for this host.
pub(crate) fn script(host: &HostModel, region: &str, ca_certificate: &str) -> String {
    let device = host
        .data_volume
        .as_ref()
        .map(|volume| volume.device.as_str());
    let package = host.agent_package.as_ref();
    let settings = [
        ("HOST_NAME", host.name.as_str()),
        ("REGION", region),
        ("AUTHORITY", host.authority.as_deref().unwrap_or_default()),
        ("PACKAGE_URL", package.map_or("", |package| &package.url)),
        (
            "PACKAGE_SHA256",
            package.map_or("", |package| &package.sha256),
        ),
        ("DATA_DEVICE", device.unwrap_or_default()),
        ("CA_CERTIFICATE", ca_certificate.trim()),
    ];
    let settings: String = settings
        .map(|(name, value)| format!("{name}={}\n", quoted(value)))
        .concat();
    let extra = host.user_data_extra.as_deref().unwrap_or_default();
    SCRIPT
        .replace("@SETTINGS@\n", &settings)
        .replace("@EXTRA@\n", &format!("{}\n", extra.trim_end()))
}

/// A word of the shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn what_is_quoted_is_one_word() {
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted("it's $(x)"), r"'it'\''s $(x)'");
    }
}
