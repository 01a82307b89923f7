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

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(msgpack: &[u8], json: &str) -> proto::DynamicValue {
        proto::DynamicValue {
            msgpack: msgpack.to_vec().into(),
            json: json.as_bytes().to_vec().into(),
        }
    }

    #[test]
    fn values_come_in_either_form_or_not_at_all() {
        for (sent, value) in [
            (None, Value::Null),
            (Some(sent(b"", "")), Value::Null),
            (Some(sent(b"\x05", "")), 5.into()),
            (Some(sent(b"", "6")), 6.into()),
            (Some(sent(b"\x05", "6")), 5.into()),
            (Some(sent(b"\xc0", "")), Value::Null),
            (Some(sent(b"\xd4\0\0", "")), Value::Unknown),
        ] {
            assert_eq!(
                decode(sent.as_ref(), &Type::Number, "it"),
                Ok(value),
                "{sent:?}"
            );
        }
    }

    #[test]
    fn what_cannot_be_read_or_written_is_named() {
        let ty = Type::object([("l", Type::list(Type::Bool))]);
        let refused = |sent: proto::DynamicValue| {
            let refused = decode(Some(&sent), &ty, "the plan");
            refused.unwrap_err().to_string()
        };
        for (found, message) in [
            (
                refused(sent(b"\x81\xa1l\x91\x05", "")),
                "error: Could not read the plan (at l[0]): l[0]: expected bool, found a number.",
            ),
            (
                refused(sent(b"", "{\"l\":true}")),
                "error: Could not read the plan (at l): l: expected list(bool), found a bool.",
            ),
            (
                refused(sent(b"\x80", "")),
                "error: Could not read the plan: attribute \"l\" is missing.",
            ),
            (
                refused(sent(b"\x81", "")),
                "error: Could not read the plan: the value ends too early.",
            ),
        ] {
            assert_eq!(found, message);
        }
        let wrong = Value::object([("l", Value::list([1]))]);
        assert_eq!(
            encode(&wrong, &ty, "a plan").unwrap_err().to_string(),
            "error: The provider made a plan that does not fit its schema (at l[0]): l[0]: a number \
             where bool is needed."
        );
    }

    #[test]
    fn paths_end_before_what_the_wire_cannot_say() {
        use proto::attribute_path::step::Selector;
        let (name, key) = (
            |name: &str| Selector::AttributeName(name.to_owned()),
            |key: &str| Selector::ElementKeyString(key.to_owned()),
        );
        let a = || AttributePath::from("a");
        for (path, selectors) in [
            (AttributePath::root(), vec![]),
            (a(), vec![name("a")]),
            (
                a().index(3).attribute("b"),
                vec![name("a"), Selector::ElementKeyInt(3), name("b")],
            ),
            (a().key("k").key(""), vec![name("a"), key("k"), key("")]),
            (a().element("e").attribute("b"), vec![name("a")]),
            (a().index(usize::MAX).attribute("b"), vec![name("a")]),
        ] {
            let steps = path_to_proto(&path).steps.into_iter();
            let told: Vec<Selector> = steps.filter_map(|step| step.selector).collect();
            assert_eq!(told, selectors, "{path}");
        }
    }

    #[test]
    fn diagnostics_are_told_whole() {
        use proto::diagnostic::Severity as Wire;
        for (diagnostic, severity, has_path) in [
            (Diagnostic::error("s", "d"), Wire::Error, false),
            (Diagnostic::warning("s", "d").at("a"), Wire::Warning, true),
            (
                Diagnostic::error("s", "d").at(AttributePath::root().element("e")),
                Wire::Error,
                false,
            ),
        ] {
            let told = diagnostic_to_proto(diagnostic);
            assert_eq!((&*told.summary, &*told.detail), ("s", "d"));
            assert_eq!(told.severity, i32::from(severity));
            assert_eq!(told.attribute.is_some(), has_path);
        }
    }
}
