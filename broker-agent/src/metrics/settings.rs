//! `[metrics]` of the configuration.

use std::num::NonZeroU32;
use std::path::PathBuf;

use serde::Deserialize;

use super::catalogue::Engine;
use super::columns::Scope;

/// `[metrics]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// Most MiB of a day's history on disk.
    history_mib: Option<NonZeroU32>,
    /// Embedded metric format; none for no such lines.
    pub emf: Option<Emf>,
    /// None for no CloudWatch.
    pub cloudwatch: Option<CloudWatch>,
}

/// `[metrics.emf]`: a JSON line for each row and minute.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Emf {
    /// Appended to; `-` for standard output.
    pub file: PathBuf,
    #[serde(default = "namespace")]
    pub namespace: String,
    #[serde(default = "engines")]
    pub engines: Vec<Engine>,
    /// What figures are about.
    #[serde(default = "all_scopes")]
    pub scopes: Vec<Scope>,
}

/// `[metrics.cloudwatch]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CloudWatch {
    /// Any that does not begin with `AWS/`, which is Amazon's.
    #[serde(default = "namespace")]
    pub namespace: String,
    #[serde(default = "engines")]
    pub engines: Vec<Engine>,
    /// What figures are about. CloudWatch's price is by the number of metrics.
    #[serde(default = "scopes")]
    pub scopes: Vec<Scope>,
    /// None for what environment and machine say.
    pub region: Option<String>,
    /// Called in place of the region's own, such as that of a VPC endpoint.
    pub endpoint_url: Option<String>,
    /// Count, sum, least and most of times in place of the times themselves: no percentiles, but the
    /// exact sum.
    #[serde(default)]
    pub statistic_sets: bool,
    /// Seconds between two values: 60, or 1 to 30 for high resolution.
    pub interval_s: Option<NonZeroU32>,
    /// Most MiB that wait while CloudWatch cannot be reached.
    buffer_mib: Option<NonZeroU32>,
}

fn namespace() -> String {
    "FerryMQ".to_owned()
}

fn engines() -> Vec<Engine> {
    vec![Engine::FerryMq, Engine::RabbitMq]
}

fn scopes() -> Vec<Scope> {
    vec![Scope::Broker]
}

fn all_scopes() -> Vec<Scope> {
    Scope::ALL.to_vec()
}

impl Settings {
    /// Most bytes of the history.
    pub(crate) fn history_bytes(&self) -> u64 {
        u64::from(self.history_mib.map_or(256, NonZeroU32::get)) << 20
    }

    /// What of it cannot be, in a sentence.
    pub(crate) fn check(&self) -> Result<(), String> {
        let emf = self.emf.iter().map(|it| &it.namespace);
        let cloudwatch = self.cloudwatch.iter().map(|it| &it.namespace);
        emf.chain(cloudwatch)
            .try_for_each(|it| check_namespace(it))?;
        match self.cloudwatch.as_ref().and_then(|it| it.interval_s) {
            Some(s) if s.get() != 60 && (s.get() > 30 || 60 % s.get() > 0) => Err(format!(
                "metrics.cloudwatch.interval_s = {s}: it is 60, or a divisor of 60 up to 30"
            )),
            _ => Ok(()),
        }
    }
}

impl CloudWatch {
    /// Seconds between two values.
    pub(crate) fn interval_s(&self) -> u32 {
        self.interval_s.map_or(60, NonZeroU32::get)
    }

    /// Most bytes that wait.
    pub(crate) fn buffer_bytes(&self) -> usize {
        self.buffer_mib.map_or(8, NonZeroU32::get) as usize * (1 << 20)
    }
}

fn check_namespace(namespace: &str) -> Result<(), String> {
    let is_allowed = |it: char| it.is_ascii_alphanumeric() || "._-/#:".contains(it);
    if namespace.is_empty() || namespace.len() > 255 || !namespace.chars().all(is_allowed) {
        return Err(format!(
            "namespace {namespace:?}: 1 to 255 letters, digits and ._-/#: are allowed"
        ));
    }
    if namespace.starts_with("AWS/") {
        return Err(format!(
            "namespace {namespace:?}: those that begin with AWS/ are Amazon's"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<(), String> {
        let settings: Settings = toml::from_str(text).map_err(|error| error.to_string())?;
        settings.check()
    }

    #[test]
    fn what_cloudwatch_would_refuse_is_refused_here() {
        assert_eq!(
            parse("history_mib = 5\n[cloudwatch]\ninterval_s = 10"),
            Ok(())
        );
        assert_eq!(
            parse("[emf]\nfile = \"-\"\nengines = [\"activemq\"]\nscopes = [\"queue\"]"),
            Ok(())
        );
        for text in [
            "history_mib = 0",
            "[cloudwatch]\nnamespace = \"AWS/AmazonMQ\"",
            "[cloudwatch]\nnamespace = \"\"",
            "[emf]\nfile = \"-\"\nnamespace = \"a b\"",
            "[emf]",
            "[cloudwatch]\ninterval_s = 45",
            "[cloudwatch]\ninterval_s = 7",
            "[cloudwatch]\nengines = [\"kafka\"]",
            "[cloudwatch]\nscopes = [\"galaxy\"]",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
