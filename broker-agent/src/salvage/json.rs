//! What is exported, as JSON.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use broker_core::broker::{Definitions, SalvagedMessage};
use broker_core::definitions::{
    BindingSpec, Endpoint, ExchangeSpec, Limited, LimitsSpec, PermissionSpec, PolicySpec,
    QueueSpec, TopicPermissionSpec, UserSpec, VhostSpec,
};
use broker_core::journal::Skipped;
use broker_core::message::Properties;
use broker_core::session::amqp091::named_properties;
use broker_core::value::{Arguments, Value};
use serde_json::{Value as Json, json};

pub(super) fn skipped_json(skipped: &Skipped) -> Json {
    let Skipped {
        file,
        offset,
        bytes,
        reason,
    } = skipped;
    json!({ "file": file, "offset": offset, "bytes": bytes, "reason": reason })
}

pub(super) fn message_json(message: &SalvagedMessage<'_>) -> Json {
    let Properties::Amqp091(encoded) = message.properties;
    json!({
        "vhost": message.queue.map(|queue| &queue.vhost),
        "queue": message.queue.map(|queue| &queue.name),
        "queue_id": message.queue_id,
        "sequence": message.sequence,
        "exchange": message.exchange,
        "routing_key": message.routing_key,
        "properties": named_properties(encoded).ok().map(|named| arguments_json(&named)),
        "properties_amqp091_base64": BASE64.encode(encoded),
        "body_base64": BASE64.encode(message.body),
    })
}

pub(super) fn definitions_json(all: &Definitions) -> Json {
    json!({
        "vhosts": list(&all.vhosts, vhost_json),
        "users": list(&all.users, user_json),
        "permissions": list(&all.permissions, permission_json),
        "exchanges": list(&all.exchanges, exchange_json),
        "queues": list(&all.queues, queue_json),
        "bindings": list(&all.bindings, binding_json),
        "policies": list(&all.policies, policy_json),
        "topic_permissions": list(&all.topic_permissions, topic_permission_json),
        "limits": list(&all.limits, limits_json),
    })
}

fn list<T>(all: &[T], one: fn(&T) -> Json) -> Json {
    Json::Array(all.iter().map(one).collect())
}

fn vhost_json(vhost: &VhostSpec) -> Json {
    json!({
        "name": vhost.name,
        "description": vhost.description,
        "tags": vhost.tags,
        "default_queue_type": vhost.default_queue_type,
        "deletion_protection": vhost.protected,
    })
}

fn user_json(user: &UserSpec) -> Json {
    json!({
        "name": user.name,
        "password_hash": user.password.as_ref().map(|hash| hash.as_str()),
        "tags": user.tags,
    })
}

fn permission_json(permission: &PermissionSpec) -> Json {
    json!({
        "user": permission.user,
        "vhost": permission.vhost,
        "configure": permission.configure,
        "write": permission.write,
        "read": permission.read,
    })
}

fn exchange_json(exchange: &ExchangeSpec) -> Json {
    json!({
        "vhost": exchange.vhost,
        "name": exchange.name,
        "type": exchange.kind.name(),
        "durable": exchange.durable,
        "auto_delete": exchange.auto_delete,
        "internal": exchange.internal,
        "arguments": arguments_json(&exchange.arguments),
    })
}

fn queue_json(queue: &QueueSpec) -> Json {
    json!({
        "vhost": queue.vhost,
        "name": queue.name,
        "durable": queue.durable,
        "auto_delete": queue.auto_delete,
        "arguments": arguments_json(&queue.arguments),
    })
}

fn binding_json(binding: &BindingSpec) -> Json {
    let (kind, destination) = match &binding.destination {
        Endpoint::Exchange(name) => ("exchange", name),
        Endpoint::Queue(name) => ("queue", name),
    };
    json!({
        "vhost": binding.vhost,
        "source": binding.source,
        "destination": destination,
        "destination_type": kind,
        "routing_key": binding.routing_key,
        "arguments": arguments_json(&binding.arguments),
    })
}

fn policy_json(policy: &PolicySpec) -> Json {
    json!({
        "vhost": policy.vhost,
        "name": policy.name,
        "operator": policy.operator,
        "pattern": policy.pattern,
        "apply_to": policy.apply_to.name(),
        "priority": policy.priority,
        "definition": arguments_json(&policy.definition),
    })
}

fn topic_permission_json(permission: &TopicPermissionSpec) -> Json {
    json!({
        "user": permission.user,
        "vhost": permission.vhost,
        "exchange": permission.exchange,
        "write": permission.write,
        "read": permission.read,
    })
}

fn limits_json(limits: &LimitsSpec) -> Json {
    let (user, vhost) = match &limits.of {
        Limited::User(name) => (Some(name), None),
        Limited::Vhost(name) => (None, Some(name)),
    };
    json!({
        "user": user,
        "vhost": vhost,
        "max_connections": limits.max_connections,
        "max_channels": limits.max_channels,
        "max_queues": limits.max_queues,
    })
}

fn arguments_json(arguments: &Arguments) -> Json {
    let entries = arguments.iter();
    Json::Object(
        entries
            .map(|(name, value)| (name.clone(), value_json(value)))
            .collect(),
    )
}

/// What JSON has no word for becomes an object that names its kind.
fn value_json(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(value) => json!(value),
        Value::Int(value) => match (i64::try_from(*value), u64::try_from(*value)) {
            (Ok(value), _) => json!(value),
            (_, Ok(value)) => json!(value),
            _ => json!(value.to_string()),
        },
        Value::Float(value) if value.is_finite() => json!(value),
        Value::Float(value) => json!({ "float": value.to_string() }),
        Value::Decimal { scale, digits } => {
            json!({ "decimal": { "scale": scale, "digits": digits } })
        }
        Value::Text(text) => json!(text),
        Value::Bytes(bytes) => json!({ "base64": BASE64.encode(bytes) }),
        Value::Timestamp(seconds) => json!({ "timestamp": seconds }),
        Value::List(values) => Json::Array(values.iter().map(value_json).collect()),
        Value::Map(map) => arguments_json(map),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_json_has_no_word_for_names_its_kind() {
        let check = |value: Value, expected: Json| assert_eq!(value_json(&value), expected);
        check(Value::Null, json!(null));
        check(Value::Int(i128::from(u64::MAX)), json!(u64::MAX));
        check(Value::Int(-1), json!(-1));
        check(Value::Float(1.5), json!(1.5));
        check(Value::Float(f64::NAN), json!({ "float": "NaN" }));
        let (scale, digits) = (2, -7);
        check(
            Value::Decimal { scale, digits },
            json!({ "decimal": { "scale": 2, "digits": -7 } }),
        );
        check(Value::Bytes(vec![0xff]), json!({ "base64": "/w==" }));
        check(Value::Timestamp(7), json!({ "timestamp": 7 }));
        let list = Value::List(vec![Value::Bool(true), Value::Text("t".into())]);
        check(list, json!([true, "t"]));
    }
}
