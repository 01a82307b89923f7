//! Typed values in few words, and what must not be printed.

use std::fmt;

use crate::v1::value::Kind;
use crate::v1::{Arguments, Password, Value, ValueList};

/// Arguments from names and values: `arguments([("x-max-length", 10_i64.into())])`.
pub fn arguments<N: Into<String>>(pairs: impl IntoIterator<Item = (N, Value)>) -> Arguments {
    Arguments {
        values: pairs
            .into_iter()
            .map(|(name, value)| (name.into(), value))
            .collect(),
    }
}

impl From<Kind> for Value {
    fn from(kind: Kind) -> Self {
        Self { kind: Some(kind) }
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Kind::Boolean(value).into()
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Kind::Integer(value).into()
    }
}

impl From<u64> for Value {
    fn from(value: u64) -> Self {
        i64::try_from(value)
            .map_or(Kind::Unsigned(value), Kind::Integer)
            .into()
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Kind::Number(value).into()
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Kind::Text(value.to_owned()).into()
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Kind::Text(value).into()
    }
}

impl From<Vec<Self>> for Value {
    fn from(values: Vec<Self>) -> Self {
        Kind::List(ValueList { values }).into()
    }
}

impl From<Arguments> for Value {
    fn from(arguments: Arguments) -> Self {
        Kind::Map(arguments).into()
    }
}

/// Shows the form, never the content: requests may be printed in logs.
impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use crate::v1::password::Form;
        f.write_str(match self.form {
            None => "Password(none)",
            Some(Form::PhcHash(_)) => "Password(phc hash)",
            Some(Form::Plaintext(_)) => "Password(plaintext)",
        })
    }
}

impl fmt::Debug for crate::v1::password::Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Form(..)")
    }
}

impl fmt::Debug for crate::v1::EtcdStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EtcdStore")
            .field("endpoints", &self.endpoints)
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use crate::v1::PutUserRequest;
    use crate::v1::password::Form;

    use super::*;

    #[test]
    fn a_request_prints_without_its_password() {
        for form in [
            Form::Plaintext("hunter2".into()),
            Form::PhcHash("hunter2".into()),
        ] {
            let shown = format!("{form:?}");
            assert!(!shown.contains("hunter2"), "{shown}");
            let password = Some(Password { form: Some(form) });
            let shown = format!(
                "{:?}",
                PutUserRequest {
                    password,
                    ..Default::default()
                }
            );
            assert!(
                shown.contains("Password(") && !shown.contains("hunter2"),
                "{shown}"
            );
        }
    }

    #[test]
    fn unsigned_integers_stay_signed_where_they_fit() {
        assert_eq!(Value::from(5_u64), Value::from(5_i64));
        assert_eq!(Value::from(u64::MAX).kind, Some(Kind::Unsigned(u64::MAX)));
    }

    #[test]
    fn a_store_prints_without_its_secrets() {
        let store = crate::v1::EtcdStore {
            endpoints: vec!["https://etcd:2379".into()],
            key: Some("hunter2".into()),
            password: Some("hunter2".into()),
            ..Default::default()
        };
        let shown = format!("{store:?}");
        assert!(
            shown.contains("etcd:2379") && !shown.contains("hunter2"),
            "{shown}"
        );
    }
}
