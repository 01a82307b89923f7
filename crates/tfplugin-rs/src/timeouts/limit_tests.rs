//! Every operation limited by attribute and by block, set and not set, and where it may be.

use super::*;
use crate::schema::{Role, Schema};
use crate::validate::{Surroundings, check};

const OPERATIONS: [Operation; 7] = [
    Operation::Create,
    Operation::Delete,
    Operation::Invoke,
    Operation::List,
    Operation::Open,
    Operation::Read,
    Operation::Update,
];

/// Schemas that limit `operation`, as an attribute and as a block.
fn both(operation: Operation, default: &'static str) -> [Schema; 2] {
    [
        Schema::new().with(attribute("t", [(operation, default)])),
        Schema::new().with(block("t", [(operation, default)])),
    ]
}

fn set(operation: Operation, value: impl Into<Value>) -> Value {
    let inner = Value::object([(operation.name(), value.into())]);
    Value::object([("t", inner)])
}

#[test]
fn every_operation_has_its_limit_and_no_other() {
    for operation in OPERATIONS {
        for schema in both(operation, "5m") {
            for other in OPERATIONS {
                for (value, seconds) in [
                    (Value::object([("t", Value::Null)]), 300),
                    (Value::object([("t", Value::Unknown)]), 300),
                    (Value::Null, 300),
                    (set(operation, Value::Null), 300),
                    (set(operation, Value::Unknown), 300),
                    (set(operation, "90s"), 90),
                    (set(operation, "1h30m"), 5400),
                    (set(operation, "0s"), 0),
                    // Validation has refused it; nobody waits forever because of it.
                    (set(operation, "soon"), 300),
                ] {
                    let limit = schema.members().limit(other, &value);
                    let expected = (other == operation).then(|| Limit {
                        operation,
                        member: "t".to_owned(),
                        timeout: Duration::from_secs(seconds),
                    });
                    assert_eq!(limit, expected, "{other} of {value:?}");
                }
            }
        }
    }
}

#[test]
fn what_is_set_is_validated_wherever_it_stands() {
    for operation in OPERATIONS {
        for schema in both(operation, "5m") {
            for (text, is_fine) in [
                ("1h", true),
                ("1h30m", true),
                ("500ms", true),
                ("0", true),
                ("soon", false),
                ("", false),
                ("1", false),
                ("-1h", false),
                ("1d", false),
                ("99999999999h", false),
            ] {
                let config = set(operation, text);
                let found = check(&schema, &Surroundings::new(&schema, &config, true));
                assert_eq!(found.is_empty(), is_fine, "{operation} {text:?}: {found}");
                for one in &found {
                    assert_eq!(one.path.to_string(), format!("t.{operation}"));
                    assert!(one.detail.contains("is not valid: "), "{one}");
                }
            }
            for value in [Value::Null, Value::Unknown] {
                let config = set(operation, value);
                let found = check(&schema, &Surroundings::new(&schema, &config, true));
                assert!(found.is_empty(), "{found}");
            }
        }
    }
}

#[test]
fn each_role_limits_what_happens_in_it() {
    use Operation::{Create, Delete, Invoke, List, Open, Read, Update};
    for (role, happens) in [
        (Role::Action, &[Invoke][..]),
        (Role::DataSource, &[Read]),
        (Role::EphemeralResource, &[Open]),
        (Role::ListResource, &[List]),
        (Role::Provider, &[]),
        (Role::ProviderMeta, &[]),
        (Role::Resource, &[Create, Read, Update, Delete]),
    ] {
        for operation in OPERATIONS {
            for schema in both(operation, "5m") {
                let problems = schema.problems(role);
                match happens.contains(&operation) {
                    true => assert_eq!(problems, [] as [&str; 0], "{operation} in {role:?}"),
                    false => {
                        let problem = format!("t: {operation} is nothing that happens here");
                        assert_eq!(problems, [problem], "{role:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn defaults_must_be_durations() {
    for (default, is_fine) in [
        ("5m", true),
        ("0", true),
        ("", false),
        ("5", false),
        ("ever", false),
    ] {
        for schema in both(Operation::Create, default) {
            let expected: Vec<String> = (!is_fine)
                .then(|| format!("t: the default of create is {default:?}, which is no duration"))
                .into_iter()
                .collect();
            assert_eq!(schema.problems(Role::Resource), expected);
        }
    }
}

#[test]
fn members_tell_their_default() {
    let all = OPERATIONS.map(|operation| (operation, "7m"));
    let Attribute {
        kind,
        optional,
        required,
        computed,
        ..
    } = attribute("t", all);
    assert!(optional && !required && !computed);
    let crate::schema::AttributeKind::Nested(Nesting::Single, members) = kind else {
        panic!("{kind:?}")
    };
    let names: Vec<&str> = members.iter().map(Member::name).collect();
    assert_eq!(names, OPERATIONS.map(Operation::name), "in order of name");
    for member in members.iter() {
        let Member::Attribute(attribute) = member else {
            panic!("{member:?}")
        };
        assert!(attribute.optional);
        let text = format!(
            "How long `{}` may take, such as `30m` or `1h30m`. Default: `7m`.",
            attribute.name
        );
        assert_eq!(attribute.description, text);
    }
}
