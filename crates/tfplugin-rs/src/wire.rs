//! Values, paths and diagnostics as protocol messages.

use crate::diagnostics::{Diagnostic, Result, Severity};
use crate::path::{AttributePath, Step};
use crate::proto::tfplugin6 as proto;
use crate::value::msgpack::CodecError;
use crate::value::{Type, Value, json, msgpack};

/// Reads a value that Terraform sent as `what` ("the configuration"). Nothing at all means null.
pub(crate) fn decode(sent: Option<&proto::DynamicValue>, ty: &Type, what: &str) -> Result<Value> {
    let Some(sent) = sent else {
        return Ok(Value::Null);
    };
    let decoded = match (sent.msgpack.is_empty(), sent.json.is_empty()) {
        (false, _) => msgpack::decode(&sent.msgpack, ty),
        (true, false) => json::decode(&sent.json, ty),
        (true, true) => Ok(Value::Null),
    };
    decoded.map_err(|error| codec_diagnostic(error, &format!("Could not read {what}")).into())
}

/// Writes a value that the provider answers as `what` ("the planned state").
pub(crate) fn encode(value: &Value, ty: &Type, what: &str) -> Result<proto::DynamicValue> {
    match msgpack::encode(value, ty) {
        Ok(bytes) => Ok(proto::DynamicValue {
            msgpack: bytes.into(),
            json: Vec::new().into(),
        }),
        Err(error) => {
            let summary = format!("The provider made {what} that does not fit its schema");
            Err(codec_diagnostic(error, &summary).into())
        }
    }
}

pub(crate) fn codec_diagnostic(error: CodecError, summary: &str) -> Diagnostic {
    Diagnostic::error(summary, error.to_string() + ".").at(error.path)
}

pub(crate) fn diagnostic_to_proto(diagnostic: Diagnostic) -> proto::Diagnostic {
    use proto::diagnostic::Severity as Wire;
    let severity = match diagnostic.severity {
        Severity::Error => Wire::Error,
        Severity::Warning => Wire::Warning,
    };
    let attribute = path_to_proto(&diagnostic.path);
    proto::Diagnostic {
        severity: severity.into(),
        summary: diagnostic.summary,
        detail: diagnostic.detail,
        attribute: (!attribute.steps.is_empty()).then_some(attribute),
    }
}

/// Set elements have no step on the wire, so the path ends before the first.
pub(crate) fn path_to_proto(path: &AttributePath) -> proto::AttributePath {
    use proto::attribute_path::Step as Wire;
    use proto::attribute_path::step::Selector;
    let selectors = path.steps().iter().map_while(|step| match step {
        Step::Attribute(name) => Some(Selector::AttributeName(name.clone())),
        Step::Element(_) => None,
        Step::Index(index) => i64::try_from(*index).ok().map(Selector::ElementKeyInt),
        Step::Key(key) => Some(Selector::ElementKeyString(key.clone())),
    });
    let steps = selectors
        .map(|selector| Wire {
            selector: Some(selector),
        })
        .collect();
    proto::AttributePath { steps }
}
