//! The `tracing` layer: from events and spans to the members of a log line.

use std::error::Error;
use std::fmt;

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

/// Where finished lines go: level, target, and the fields with the message among them.
type WriteLine = fn(Level, &str, Map<String, Value>);

/// Turns each event into one line: its own fields, over those of the spans around it.
pub(super) struct JsonLines {
    level: LevelFilter,
    own_crates: Vec<&'static str>,
    write: WriteLine,
}

impl JsonLines {
    /// Lines up to `level` from `own_crates`, and up to warnings from all others.
    pub(super) fn new(level: LevelFilter, own_crates: Vec<&'static str>, write: WriteLine) -> Self {
        Self {
            level,
            own_crates,
            write,
        }
    }

    fn wants(&self, metadata: &Metadata<'_>) -> bool {
        let crate_name = metadata.target().split("::").next().unwrap_or_default();
        *metadata.level() <= self.level
            && (*metadata.level() <= Level::WARN || self.own_crates.contains(&crate_name))
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for JsonLines {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        self.wants(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.level)
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let mut fields = Fields::default();
            attributes.record(&mut fields);
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, record: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            record.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut line = Fields::default();
        for span in context
            .event_scope(event)
            .into_iter()
            .flat_map(|scope| scope.from_root())
        {
            if let Some(fields) = span.extensions().get::<Fields>() {
                line.0.extend(fields.0.clone());
            }
        }
        event.record(&mut line);
        (self.write)(*event.metadata().level(), event.metadata().target(), line.0);
    }
}

/// Recorded values by name; `message` under the name it has in a line.
#[derive(Default)]
struct Fields(Map<String, Value>);

impl Fields {
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        let name = if field.name() == "message" {
            "@message"
        } else {
            field.name()
        };
        self.0.insert(name.to_owned(), value.into());
    }
}

impl Visit for Fields {
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        let causes = std::iter::successors(value.source(), |&cause| cause.source());
        let text = causes.fold(value.to_string(), |text, cause| format!("{text}: {cause}"));
        self.put(field, text);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::io;

    use tracing_subscriber::Registry;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    thread_local! {
        static LINES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    }

    fn keep(level: Level, target: &str, fields: Map<String, Value>) {
        let line = super::super::render(level, target, "now", fields);
        LINES.with_borrow_mut(|lines| lines.push(line));
    }

    /// The lines that `work` logs at `level` with this crate as the provider's own.
    fn lines(level: LevelFilter, work: impl FnOnce()) -> Vec<String> {
        let layer = JsonLines::new(level, vec![env!("CARGO_CRATE_NAME")], keep);
        tracing::subscriber::with_default(Registry::default().with(layer), work);
        LINES.take()
    }

    #[test]
    fn fields_keep_their_types_and_spans_lend_theirs() {
        let written = lines(LevelFilter::TRACE, || {
            let outer = tracing::info_span!(target: "tfplugin_rs", "rpc", rpc = "Apply", id = 1);
            let _outer = outer.enter();
            let inner = tracing::info_span!(target: "tfplugin_rs", "inner", id = 2, late = tracing::field::Empty);
            inner.record("late", true);
            let error = io::Error::other("no route");
            inner.in_scope(|| {
                tracing::info!(
                    target: "tfplugin_rs::x",
                    error = &error as &dyn Error, ratio = 0.5, shape = ?Some(1), "done {}", 7
                );
            });
        });
        assert_eq!(
            written,
            [r#"{"@level":"info","@message":"done 7","@module":"tfplugin_rs.x","@timestamp":"now","#
                .to_owned()
                + r#""error":"no route","id":2,"late":true,"ratio":0.5,"rpc":"Apply","shape":"Some(1)"}"#]
        );
    }

    #[test]
    fn secrets_are_masked_in_message_fields_and_spans() {
        super::super::mask("layer-test-secret");
        let written = lines(LevelFilter::INFO, || {
            let span = tracing::info_span!("call", uri = "amqp://u:layer-test-secret@h");
            span.in_scope(|| {
                let body = serde_json::json!({ "password": "layer-test-secret" });
                tracing::info!(%body, "sent layer-test-secret");
            });
        });
        assert_eq!(written.len(), 1);
        assert!(!written[0].contains("layer-test-secret"), "{}", written[0]);
        let line: Value = serde_json::from_str(&written[0]).unwrap();
        assert_eq!(line["@message"], "sent ***");
        assert_eq!(line["body"], r#"{"password":"***"}"#);
        assert_eq!(line["uri"], "amqp://u:***@h");
    }

    #[test]
    fn other_crates_are_heard_from_warnings_on() {
        let written = lines(LevelFilter::TRACE, || {
            tracing::info!(target: "h2::codec", "frame");
            tracing::info!(target: "tfplugin_rs_not_quite", "close but other");
            tracing::warn!(target: "h2::codec", "odd");
            tracing::trace!(target: "tfplugin_rs", "own");
        });
        let messages: Vec<Value> = written
            .iter()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(
            messages.iter().map(|m| &m["@message"]).collect::<Vec<_>>(),
            ["odd", "own"]
        );
    }

    #[test]
    fn the_level_holds_for_own_and_others() {
        let written = lines(LevelFilter::ERROR, || {
            tracing::warn!("own warning");
            tracing::warn!(target: "h2", "other warning");
            tracing::error!(target: "h2", "other error");
        });
        assert_eq!(written.len(), 1);
    }
}
