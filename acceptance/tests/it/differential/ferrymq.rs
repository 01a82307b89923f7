//! Our broker, with what a file of definitions says: users, permissions, limits and policies.

use std::fs;

use acceptance::agent::Agent;
use acceptance::ports;
use agent_api::v1::limited::Kind;
use agent_api::v1::password::Form;
use agent_api::v1::{
    Arguments, Broker, CreateBrokerRequest, Limited, Limits, Listener, Password, Permission,
    Policy, PutLimitsRequest, PutPermissionRequest, PutPolicyRequest, PutTopicPermissionRequest,
    PutUserRequest, PutVhostRequest, TopicPermission, User, Value as Argument, Vhost,
};
use agent_api::{Client, Identity};
use anyhow::{Context, Result, bail};
use serde_json::Value;

const BROKER: &str = "compared";

/// An agent with one broker.
pub(super) struct Ferrymq {
    _agent: Agent,
    port: u16,
}

impl Ferrymq {
    /// Starts it and declares what the definitions say.
    pub(super) fn start(definitions: &str) -> Result<Self> {
        let definitions: Value = serde_json::from_str(definitions)?;
        let agent = Agent::start()?;
        let port = ports::free()?;
        let identity = Identity {
            ca_certificate: fs::read_to_string(agent.ca())?,
            certificate: fs::read_to_string(agent.client_certificate())?,
            key: fs::read_to_string(agent.client_key())?,
        };
        tokio::runtime::Runtime::new()?.block_on(async {
            let client = Client::connect(&agent.endpoint(), &identity).await?;
            create(&client, port).await?;
            for (kind, object) in objects(&definitions) {
                let declared = declare(&client, kind, object).await;
                declared.with_context(|| format!("declare {object} of {kind}"))?;
            }
            Ok::<_, anyhow::Error>(())
        })?;
        Ok(Self {
            _agent: agent,
            port,
        })
    }

    /// `host:port` of its AMQP listener.
    pub(super) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

async fn create(client: &Client, port: u16) -> Result<()> {
    let listener = Listener {
        address: "127.0.0.1".to_owned(),
        port: Some(port.into()),
        tls: Some(false),
        ..Default::default()
    };
    let broker = Broker {
        name: BROKER.to_owned(),
        listeners: [("amqp".to_owned(), listener)].into(),
        ..Default::default()
    };
    let request = CreateBrokerRequest {
        broker: Some(broker),
        ..Default::default()
    };
    client.call(client.brokers().create_broker(request)).await?;
    Ok(())
}

/// Every object of the definitions with its kind; those that others name come before these.
fn objects(definitions: &Value) -> impl Iterator<Item = (&'static str, &Value)> {
    let kinds = [
        "vhosts",
        "users",
        "permissions",
        "topic_permissions",
        "parameters",
        "policies",
    ];
    kinds.into_iter().flat_map(|kind| {
        let objects = definitions[kind].as_array();
        objects
            .into_iter()
            .flatten()
            .map(move |object| (kind, object))
    })
}

async fn declare(client: &Client, kind: &str, object: &Value) -> Result<()> {
    match kind {
        "vhosts" => declare_vhost(client, object).await,
        "users" => declare_user(client, object).await,
        "permissions" => declare_permission(client, object).await,
        "topic_permissions" => declare_topic_permission(client, object).await,
        "policies" => declare_policy(client, object, object, false).await,
        "parameters" => match object["component"].as_str() {
            Some("operator_policy") => declare_policy(client, object, &object["value"], true).await,
            Some("vhost-limits") => {
                let of = Kind::Vhost(text(object, "vhost"));
                declare_limits(client, of, &object["value"]).await
            }
            _ => bail!("an unknown component"),
        },
        _ => bail!("an unknown kind"),
    }
}

async fn declare_vhost(client: &Client, object: &Value) -> Result<()> {
    let name = text(object, "name");
    // A broker is made with the one of this name.
    if name == "/" {
        return Ok(());
    }
    let request = PutVhostRequest {
        broker: BROKER.to_owned(),
        vhost: Some(Vhost {
            name,
            ..Default::default()
        }),
        ..Default::default()
    };
    client.call(client.vhosts().put_vhost(request)).await?;
    Ok(())
}

async fn declare_user(client: &Client, object: &Value) -> Result<()> {
    let tags = text(object, "tags");
    let request = PutUserRequest {
        broker: BROKER.to_owned(),
        user: Some(User {
            name: text(object, "name"),
            tags: tags.split_whitespace().map(str::to_owned).collect(),
            ..Default::default()
        }),
        password: Some(Password {
            form: Some(Form::Plaintext(text(object, "password"))),
        }),
        ..Default::default()
    };
    client.call(client.users().put_user(request)).await?;
    if object["limits"].is_object() {
        let of = Kind::User(text(object, "name"));
        declare_limits(client, of, &object["limits"]).await?;
    }
    Ok(())
}

async fn declare_permission(client: &Client, object: &Value) -> Result<()> {
    let request = PutPermissionRequest {
        broker: BROKER.to_owned(),
        permission: Some(Permission {
            vhost: text(object, "vhost"),
            user: text(object, "user"),
            configure: text(object, "configure"),
            write: text(object, "write"),
            read: text(object, "read"),
            ..Default::default()
        }),
        ..Default::default()
    };
    client
        .call(client.permissions().put_permission(request))
        .await?;
    Ok(())
}

async fn declare_topic_permission(client: &Client, object: &Value) -> Result<()> {
    let request = PutTopicPermissionRequest {
        broker: BROKER.to_owned(),
        topic_permission: Some(TopicPermission {
            vhost: text(object, "vhost"),
            user: text(object, "user"),
            exchange: text(object, "exchange"),
            write: text(object, "write"),
            read: text(object, "read"),
            ..Default::default()
        }),
        ..Default::default()
    };
    let mut service = client.topic_permissions();
    client.call(service.put_topic_permission(request)).await?;
    Ok(())
}

async fn declare_limits(client: &Client, of: Kind, limits: &Value) -> Result<()> {
    let request = PutLimitsRequest {
        broker: BROKER.to_owned(),
        limits: Some(Limits {
            of: Some(Limited { kind: Some(of) }),
            max_connections: limits["max-connections"].as_u64(),
            max_channels: limits["max-channels"].as_u64(),
            max_queues: limits["max-queues"].as_u64(),
            ..Default::default()
        }),
        ..Default::default()
    };
    client.call(client.limits().put_limits(request)).await?;
    Ok(())
}

/// `object` names the policy, `says` holds what it says.
async fn declare_policy(
    client: &Client,
    object: &Value,
    says: &Value,
    operator: bool,
) -> Result<()> {
    let mut definition = Arguments::default();
    for (key, value) in says["definition"].as_object().into_iter().flatten() {
        let value = match value {
            Value::Number(number) => Argument::from(number.as_i64().context("not whole")?),
            value => Argument::from(value.as_str().context("neither number nor text")?),
        };
        definition.values.insert(key.clone(), value);
    }
    let request = PutPolicyRequest {
        broker: BROKER.to_owned(),
        policy: Some(Policy {
            vhost: text(object, "vhost"),
            name: text(object, "name"),
            operator,
            pattern: text(says, "pattern"),
            apply_to: text(says, "apply-to"),
            priority: says["priority"].as_i64().unwrap_or_default(),
            definition: Some(definition),
            ..Default::default()
        }),
        ..Default::default()
    };
    client.call(client.policies().put_policy(request)).await?;
    Ok(())
}

fn text(object: &Value, key: &str) -> String {
    object[key].as_str().unwrap_or_default().to_owned()
}
