//! Log lines that Terraform understands, with secrets masked.
//!
//! Terraform reads a plugin's stderr line by line. A JSON object with `@level`,
//! `@message`, `@module` and `@timestamp` becomes a log line of that level, its other
//! members become key-value pairs; all else is passed on as debug text. What the user
//! asked for comes first match first from `TF_LOG_PROVIDER_<NAME>`, `TF_LOG_PROVIDER`
//! and `TF_LOG`; without any, only errors are written.
//!
//! Configuration, plan and state values must never be logged: write-only secrets are
//! in them in clear text. As a second line of defence, every secret given to [`mask`]
//! is replaced in whatever is written, wherever the text comes from.

use std::io::{self, Write};

use serde_json::{Map, Value};
use tracing::Level;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Registry;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::layer::SubscriberExt;

mod layer;
mod secrets;

use layer::JsonLines;
pub use secrets::{mask, masked};

/// Writes this process's `tracing` events to stderr from now on.
pub(crate) fn init(provider: &str, own_crates: &[&'static str]) {
    let level = level(provider, |name| std::env::var(name).ok());
    let layer = JsonLines::new(level, own_crates.to_vec(), write_line);
    // Refused only if the program chose a subscriber of its own; that one then stays.
    tracing::subscriber::set_global_default(Registry::default().with(layer)).ok();
}

/// The level the user asked for. Words are Terraform's; one it does not know means
/// everything, as it does to Terraform.
fn level(provider: &str, lookup: impl Fn(&str) -> Option<String>) -> LevelFilter {
    let own = format!(
        "TF_LOG_PROVIDER_{}",
        provider.to_uppercase().replace('-', "_")
    );
    let asked = [own.as_str(), "TF_LOG_PROVIDER", "TF_LOG"]
        .into_iter()
        .find_map(|name| lookup(name).filter(|value| !value.is_empty()));
    match asked.map(|asked| asked.to_uppercase()).as_deref() {
        None | Some("ERROR") => LevelFilter::ERROR,
        Some("OFF") => LevelFilter::OFF,
        Some("WARN") => LevelFilter::WARN,
        Some("INFO") => LevelFilter::INFO,
        Some("DEBUG") => LevelFilter::DEBUG,
        Some(_) => LevelFilter::TRACE,
    }
}

/// Writes one line to stderr. `fields` holds the message as `@message`.
pub(crate) fn write_line(level: Level, target: &str, fields: Map<String, Value>) {
    let mut line = render(level, target, &now(), fields);
    line.push('\n');
    // One write, so that lines of threads do not mix. If stderr is closed there is
    // nobody left to tell.
    io::stderr().lock().write_all(line.as_bytes()).ok();
}

fn render(level: Level, target: &str, now: &str, mut fields: Map<String, Value>) -> String {
    fields.values_mut().for_each(secrets::mask_value);
    fields.insert("@level".to_owned(), level.as_str().to_lowercase().into());
    fields.insert("@module".to_owned(), target.replace("::", ".").into());
    fields.insert("@timestamp".to_owned(), now.into());
    Value::Object(fields).to_string()
}

/// RFC 3339 in UTC with six fraction digits, the only form Terraform parses.
fn now() -> String {
    let mut text = String::with_capacity(27);
    // Formatting into a string cannot fail.
    SystemTime.format_time(&mut Writer::new(&mut text)).ok();
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level_with(variables: &[(&str, &str)]) -> LevelFilter {
        level("my-cloud", |name| {
            variables
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| (*value).into())
        })
    }

    #[test]
    fn the_most_specific_variable_decides() {
        assert_eq!(level_with(&[]), LevelFilter::ERROR);
        assert_eq!(level_with(&[("TF_LOG", "")]), LevelFilter::ERROR);
        assert_eq!(level_with(&[("TF_LOG", "debug")]), LevelFilter::DEBUG);
        let both = [("TF_LOG", "TRACE"), ("TF_LOG_PROVIDER", "OFF")];
        assert_eq!(level_with(&both), LevelFilter::OFF);
        let own = [
            ("TF_LOG_PROVIDER", "ERROR"),
            ("TF_LOG_PROVIDER_MY_CLOUD", "INFO"),
        ];
        assert_eq!(level_with(&own), LevelFilter::INFO);
    }

    #[test]
    fn json_and_unknown_words_mean_everything() {
        for word in ["JSON", "TRACE", "VERBOSE"] {
            assert_eq!(
                level_with(&[("TF_LOG", word)]),
                LevelFilter::TRACE,
                "{word}"
            );
        }
    }

    #[test]
    fn a_line_has_the_four_keys_and_the_pairs() {
        let fields = Map::from_iter([
            ("@message".to_owned(), Value::from("created \"it\"\nwell")),
            ("attempt".to_owned(), Value::from(3)),
        ]);
        let line = render(
            Level::WARN,
            "my_cloud::queue",
            "2026-01-02T03:04:05.000006Z",
            fields,
        );
        assert_eq!(
            line,
            r#"{"@level":"warn","@message":"created \"it\"\nwell","@module":"my_cloud.queue","#
                .to_owned()
                + r#""@timestamp":"2026-01-02T03:04:05.000006Z","attempt":3}"#
        );
    }

    #[test]
    fn the_time_has_six_fraction_digits() {
        let now = now();
        let shape: String = now
            .chars()
            .map(|c| if c.is_ascii_digit() { '9' } else { c })
            .collect();
        assert_eq!(shape, "9999-99-99T99:99:99.999999Z");
    }
}
