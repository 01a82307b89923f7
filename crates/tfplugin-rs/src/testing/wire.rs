//! The caller's side of the messages: responses and diagnostics back from the wire.

use tonic::{Response, Status};

use crate::diagnostics::{Diagnostic, Diagnostics, Result, Severity};
use crate::path::AttributePath;
use crate::proto::tfplugin6 as proto;

pub(super) fn capabilities() -> proto::ClientCapabilities {
    proto::ClientCapabilities {
        deferral_allowed: false,
        write_only_attributes_allowed: true,
    }
}

/// The body of a response; an error of gRPC itself reads as a crash.
pub(super) fn body<T>(response: Result<Response<T>, Status>) -> Result<T> {
    match response {
        Ok(response) => Ok(response.into_inner()),
        Err(status) => Err(crashed(status)),
    }
}

pub(super) fn crashed(status: Status) -> Diagnostics {
    Diagnostic::error("Plugin did not respond", status.to_string()).into()
}

/// An error if there is one among the diagnostics; else the warnings.
pub(super) fn succeeded(diagnostics: Vec<proto::Diagnostic>) -> Result<Diagnostics> {
    let diagnostics: Diagnostics = diagnostics.into_iter().map(diagnostic).collect();
    if diagnostics.has_error() {
        Err(diagnostics)
    } else {
        Ok(diagnostics)
    }
}

pub(super) fn diagnostic(message: proto::Diagnostic) -> Diagnostic {
    let severity = match message.severity() {
        proto::diagnostic::Severity::Warning => Severity::Warning,
        _ => Severity::Error,
    };
    let path = message.attribute.map(path).unwrap_or_default();
    Diagnostic {
        severity,
        summary: message.summary,
        detail: message.detail,
        path,
    }
}

pub(super) fn path(message: proto::AttributePath) -> AttributePath {
    use proto::attribute_path::step::Selector;
    let mut path = AttributePath::root();
    for step in message.steps {
        path = match step.selector {
            Some(Selector::AttributeName(name)) => path.attribute(name),
            Some(Selector::ElementKeyString(key)) => path.key(key),
            Some(Selector::ElementKeyInt(index)) => {
                path.index(usize::try_from(index).unwrap_or(usize::MAX))
            }
            None => path,
        };
    }
    path
}
