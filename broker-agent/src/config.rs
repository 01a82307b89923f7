//! The configuration file of `broker-agent serve`: TOML, parsed once into typed values before any
//! port is bound. A wrong value is named with its file, line and key.

use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

use crate::bounds::{Bounds, LimitSettings};
use crate::logs::Rotation;
use crate::metrics;

/// See [`Log::rotation`].
const ROTATE_MIB: u32 = 10;
const KEEP: u32 = 4;

/// The file that `init` writes: every key with its meaning and default.
pub(crate) const EXAMPLE: &str = include_str!("agent.toml");

/// All settings of the agent.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// Where registry and brokers' data live.
    pub data_dir: PathBuf,
    /// Name clients reach this machine by; part of endpoints and console URLs.
    #[serde(default = "localhost")]
    pub advertised_host: String,
    /// Longest time a stop may take, seconds.
    #[serde(default = "shutdown_deadline_s")]
    shutdown_deadline_s: u16,
    /// Free space of the disk below which publishers wait; none for the default.
    disk_keep_free_mib: Option<u32>,
    /// Upper bounds of brokers.
    #[serde(default)]
    limits: LimitSettings,
    /// The management interface.
    pub grpc: Grpc,
    /// The status pages.
    #[serde(default)]
    pub http: Http,
    /// Where other agents connect that hold copies of this one's brokers.
    #[serde(default)]
    pub replication: Replication,
    /// Certificates and key of this agent.
    pub tls: Tls,
    /// Who renews the certificate.
    pub authority: Option<Authority>,
    /// What is logged and how.
    #[serde(default)]
    pub log: Log,
    /// Who gets metrics.
    #[serde(default)]
    pub metrics: metrics::settings::Settings,
}

/// `[grpc]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Grpc {
    /// Address and port.
    #[serde(deserialize_with = "address")]
    pub listen: SocketAddr,
}

/// `[http]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Http {
    /// Address and port; none for no status pages.
    #[serde(default, deserialize_with = "address_or_none")]
    pub listen: Option<SocketAddr>,
}

/// `[replication]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Replication {
    /// Address and port; none for an agent that hosts no replicated brokers.
    #[serde(default, deserialize_with = "address_or_none")]
    pub listen: Option<SocketAddr>,
}

/// `[tls]`: paths of PEM files.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tls {
    /// The authority callers must be certified by.
    pub ca_certificate: PathBuf,
    /// The agent's certificate, used by gRPC, status pages, brokers' TLS listeners, and on both ends
    /// between agents.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// `[authority]`: who has certified this agent by `broker-agent join`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Authority {
    /// Where it listens, host:port.
    pub address: String,
}

/// `[log]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Log {
    /// How lines look.
    #[serde(default)]
    pub format: LogFormat,
    /// Which lines, as `tracing` directives: `info`, `broker_core=debug,info`.
    #[serde(default)]
    pub filter: Option<String>,
    /// How large a log file grows before the next one begins, MiB.
    #[serde(default)]
    pub rotate_mib: Option<NonZeroU32>,
    /// How many files of a log are kept besides the one that is written.
    #[serde(default)]
    pub keep: Option<u32>,
}

impl Log {
    /// When log files are rotated.
    pub(crate) fn rotation(&self) -> Rotation {
        let mib = self.rotate_mib.map_or(ROTATE_MIB, NonZeroU32::get);
        Rotation {
            bytes: u64::from(mib) << 20,
            keep: self.keep.unwrap_or(KEEP),
        }
    }
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// `human` on a terminal, `json` elsewhere.
    #[default]
    Auto,
    /// For people.
    Human,
    /// One JSON object a line.
    Json,
}

/// A configuration that cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) struct ConfigError {
    file: PathBuf,
    line: Option<usize>,
    key: Option<String>,
    why: String,
}

impl Config {
    /// Reads and checks a file; relative paths in it start at its own directory.
    pub(crate) fn load(file: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(file).map_err(|error| ConfigError {
            file: file.to_owned(),
            line: None,
            key: None,
            why: format!("{error}; `broker-agent init --dir DIR` makes one"),
        })?;
        let mut config = Self::parse(file, &text)?;
        let base = file.parent().unwrap_or(Path::new(""));
        let paths = [
            &mut config.data_dir,
            &mut config.tls.ca_certificate,
            &mut config.tls.certificate,
            &mut config.tls.key,
        ];
        for path in paths {
            *path = base.join(&*path);
        }
        if let Some(emf) = &mut config.metrics.emf
            && emf.file.as_os_str() != "-"
        {
            emf.file = base.join(&emf.file);
        }
        Ok(config)
    }

    /// Longest time a stop may take.
    pub(crate) fn shutdown_deadline(&self) -> Duration {
        Duration::from_secs(self.shutdown_deadline_s.into())
    }

    /// What brokers are started with.
    pub(crate) fn bounds(&self) -> Bounds {
        let keep_free_bytes = self.disk_keep_free_mib.map(|mib| u64::from(mib) << 20);
        self.limits.bounds(keep_free_bytes)
    }

    fn parse(file: &Path, text: &str) -> Result<Self, ConfigError> {
        let config: Self = toml::from_str(text).map_err(|error| {
            let at = error.span().map(|span| Place::find(text, span.start));
            ConfigError {
                file: file.to_owned(),
                line: at.as_ref().map(|at| at.line),
                key: at.and_then(|at| at.key),
                why: error.message().to_owned(),
            }
        })?;
        if let Err(why) = config.metrics.check() {
            return Err(ConfigError {
                file: file.to_owned(),
                line: None,
                key: Some("metrics".to_owned()),
                why,
            });
        }
        if config.advertised_host.is_empty() || config.advertised_host.contains(['/', ' ']) {
            let why = "it must be a host name or an IP address".to_owned();
            let key = Some("advertised_host".to_owned());
            return Err(ConfigError {
                file: file.to_owned(),
                line: None,
                key,
                why,
            });
        }
        Ok(config)
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "configuration {}", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        if let Some(key) = &self.key {
            write!(f, ", {key}")?;
        }
        write!(f, ": {}", self.why)
    }
}

/// Where in a TOML text an error is. The parser tells a byte position; a person wants the line and
/// the whole key.
struct Place {
    line: usize,
    key: Option<String>,
}

impl Place {
    fn find(text: &str, position: usize) -> Self {
        let mut table = "";
        let mut start = 0;
        for (index, line) in text.split_inclusive('\n').enumerate() {
            let content = line.trim();
            if content.starts_with('[') {
                table = content.trim_matches(['[', ']']);
            }
            start += line.len();
            if position < start {
                return Self {
                    line: index + 1,
                    key: key(table, content),
                };
            }
        }
        Self {
            line: text.lines().count().max(1),
            key: None,
        }
    }
}

fn key(table: &str, line: &str) -> Option<String> {
    if line.starts_with('[') {
        return Some(table.to_owned());
    }
    let (name, _) = line.split_once('=')?;
    let name = name.trim();
    Some(if table.is_empty() {
        name.to_owned()
    } else {
        format!("{table}.{name}")
    })
}

fn localhost() -> String {
    "localhost".to_owned()
}

const fn shutdown_deadline_s() -> u16 {
    30
}

fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    parse_address(&String::deserialize(deserializer)?).map_err(D::Error::custom)
}

fn address_or_none<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<SocketAddr>, D::Error> {
    parse_address_or_none(&String::deserialize(deserializer)?)
        .map(|listen| listen.0)
        .map_err(D::Error::custom)
}

/// An address with its port, or a sentence on how to write one.
pub(crate) fn parse_address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        format!("{text:?} is not an IP address with a port; write 127.0.0.1:7443 or [::]:7443")
    })
}

/// Where to listen, if at all: an address with its port, or `none`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Listen(pub Option<SocketAddr>);

/// [`parse_address`], or `none`.
pub(crate) fn parse_address_or_none(text: &str) -> Result<Listen, String> {
    if text == "none" {
        return Ok(Listen(None));
    }
    parse_address(text)
        .map(|address| Listen(Some(address)))
        .map_err(|why| why + ", or none")
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
data_dir = "data"
[grpc]
listen = "127.0.0.1:7443"
[tls]
ca_certificate = "ca.pem"
certificate = "server.pem"
key = "server-key.pem"
"#;

    fn parse(text: &str) -> Result<Config, ConfigError> {
        Config::parse(Path::new("/etc/ferrymq/agent.toml"), text)
    }

    /// The error after replacing one piece of a good file.
    #[track_caller]
    fn error(from: &str, to: &str) -> String {
        assert!(GOOD.contains(from));
        parse(&GOOD.replace(from, to)).unwrap_err().to_string()
    }

    #[test]
    fn the_example_holds_the_defaults() {
        let shown = parse(EXAMPLE).unwrap();
        assert_eq!(shown.log.format, LogFormat::Auto);
        assert_eq!(shown.shutdown_deadline(), Duration::from_secs(30));
        let least = parse(GOOD).unwrap();
        assert_eq!(least.shutdown_deadline(), shown.shutdown_deadline());
        assert_eq!(least.advertised_host, shown.advertised_host);
        assert_eq!(least.http.listen, None);
        assert_eq!(least.replication.listen, None);
    }

    #[test]
    fn paths_start_at_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("agent.toml");
        std::fs::write(&file, GOOD.replace("\"server.pem\"", "\"/etc/server.pem\"")).unwrap();
        let config = Config::load(&file).unwrap();
        assert_eq!(config.data_dir, dir.path().join("data"));
        assert_eq!(config.tls.key, dir.path().join("server-key.pem"));
        assert_eq!(config.tls.certificate, Path::new("/etc/server.pem"));
    }

    #[test]
    fn free_space_is_counted_in_mebibytes() {
        let parse = |text: &str| Config::parse(Path::new("agent.toml"), text).unwrap();
        assert_eq!(parse(GOOD).bounds().disk_keep_free_bytes, None);
        let config = parse(&format!("disk_keep_free_mib = 64\n{GOOD}"));
        assert_eq!(config.bounds().disk_keep_free_bytes, Some(64 << 20));
    }

    #[test]
    fn errors_name_file_line_and_key() {
        insta::assert_snapshot!(error("127.0.0.1:7443", "localhost"), @r#"configuration /etc/ferrymq/agent.toml, line 4, grpc.listen: "localhost" is not an IP address with a port; write 127.0.0.1:7443 or [::]:7443"#);
        insta::assert_snapshot!(error("\"127.0.0.1:7443\"", "7443"), @r#"configuration /etc/ferrymq/agent.toml, line 4, grpc.listen: invalid type: integer `7443`, expected a string"#);
        insta::assert_snapshot!(error("listen", "lisen"), @r#"configuration /etc/ferrymq/agent.toml, line 4, grpc.lisen: unknown field `lisen`, expected `listen`"#);
        insta::assert_snapshot!(error("[grpc]", "[grcp]"), @r#"configuration /etc/ferrymq/agent.toml, line 3, grcp: unknown field `grcp`, expected one of `data_dir`, `advertised_host`, `shutdown_deadline_s`, `disk_keep_free_mib`, `limits`, `grpc`, `http`, `replication`, `tls`, `authority`, `log`, `metrics`"#);
        insta::assert_snapshot!(error("key = \"server-key.pem\"", ""), @r#"configuration /etc/ferrymq/agent.toml, line 5, tls: missing field `key`"#);
        insta::assert_snapshot!(error("data_dir = \"data\"", "data_dir ="), @r#"configuration /etc/ferrymq/agent.toml, line 2, data_dir: string values must be quoted, expected literal string"#);
        insta::assert_snapshot!(error("[grpc]", "[http]\nlisten = \"off\"\n[grpc]"), @r#"configuration /etc/ferrymq/agent.toml, line 4, http.listen: "off" is not an IP address with a port; write 127.0.0.1:7443 or [::]:7443, or none"#);
        insta::assert_snapshot!(error("[grpc]", "shutdown_deadline_s = -1\n[grpc]"), @r#"configuration /etc/ferrymq/agent.toml, line 3, shutdown_deadline_s: invalid value: integer `-1`, expected u16"#);
        insta::assert_snapshot!(error("[grpc]", "[log]\nformat = \"xml\"\n[grpc]"), @r#"configuration /etc/ferrymq/agent.toml, line 4, log.format: unknown variant `xml`, expected one of `auto`, `human`, `json`"#);
        insta::assert_snapshot!(error("[grpc]", "advertised_host = \"a b\"\n[grpc]"), @r#"configuration /etc/ferrymq/agent.toml, advertised_host: it must be a host name or an IP address"#);
    }

    #[test]
    fn a_missing_file_says_how_to_get_one() {
        let error = Config::load(Path::new("/nonexistent/agent.toml")).unwrap_err();
        insta::assert_snapshot!(error, @r#"configuration /nonexistent/agent.toml: No such file or directory (os error 2); `broker-agent init --dir DIR` makes one"#);
    }
}
