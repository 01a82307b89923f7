//! From an event of `tracing` to a line of JSON.

use std::fmt;

use serde::Serializer as _;
use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::{Event, Metadata};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};

use super::{AUDIT, CONNECTION, Kind};

/// The field that says which broker an event is about.
const BROKER: &str = "broker";

/// What an event says.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// In the order in which they are written.
    fields: Vec<(&'static str, Value)>,
}

impl Line {
    /// The whole event.
    pub(super) fn of(event: &Event<'_>) -> Self {
        let mut line = Self::default();
        let metadata = event.metadata();
        line.add("timestamp", now());
        line.add("level", metadata.level().as_str());
        event.record(&mut line);
        if Kind::of(metadata) == Kind::General {
            line.add("target", metadata.target());
        }
        line
    }

    fn add(&mut self, name: &'static str, value: impl Into<Value>) {
        self.fields.push((name, value.into()));
    }

    /// The broker it is about.
    pub(super) fn broker(&self) -> Option<&str> {
        let field = self.fields.iter().find(|(name, _)| *name == BROKER);
        field?.1.as_str()
    }

    /// An object of JSON, without an end of line.
    pub(super) fn text(&self) -> String {
        let mut text = Vec::new();
        let mut json = serde_json::Serializer::new(&mut text);
        // Only writing to the text could fail.
        let _ = json.collect_map(self.fields.iter().map(|(name, value)| (name, value)));
        String::from_utf8(text).unwrap_or_default()
    }
}

impl Kind {
    /// Events of which log.
    pub(super) fn of(metadata: &Metadata<'_>) -> Self {
        match metadata.target() {
            AUDIT => Self::Audit,
            CONNECTION => Self::Connection,
            _ => Self::General,
        }
    }
}

fn now() -> String {
    let mut text = String::new();
    // Only writing to the text could fail.
    let _ = SystemTime.format_time(&mut Writer::new(&mut text));
    text
}

impl Visit for Line {
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field.name(), value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field.name(), value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field.name(), value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field.name(), value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field.name(), format!("{value:?}"));
    }
}
