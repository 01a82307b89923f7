//! What someone changes or deletes behind Terraform's back is shown by the next plan and repaired
//! by the next apply.

use agent_api::v1::password::Form;
use agent_api::v1::{
    Binding, DeleteBindingRequest, DeleteExchangeRequest, DeletePermissionRequest,
    DeleteQueueRequest, DeleteUserRequest, DeleteVhostRequest, DestinationType, Password,
    Permission, PutPermissionRequest, PutUserRequest, User,
};
use agent_api::{Client, FieldMask};
use anyhow::Result;
use lapin::types::{AMQPValue, FieldTable};

use super::fixture::{BROKER, Fixture};
use crate::amqp;

const TOPOLOGY: &str = r#"
resource "ferrymq_vhost" "other" {
  broker = ferrymq_broker.this.id
  name   = "other"
}

resource "ferrymq_exchange" "x" {
  broker = ferrymq_broker.this.id
  name   = "x"
  type   = "direct"
}

resource "ferrymq_queue" "q" {
  broker = ferrymq_broker.this.id
  name   = "q"
}

resource "ferrymq_binding" "b" {
  broker      = ferrymq_broker.this.id
  source      = ferrymq_exchange.x.name
  destination = ferrymq_queue.q.name
  routing_key = "k"
}

resource "ferrymq_user" "ops" {
  broker              = ferrymq_broker.this.id
  name                = "ops"
  tags                = ["administrator"]
  password_wo         = "ops password"
  password_wo_version = 1
}

resource "ferrymq_permission" "ops" {
  broker    = ferrymq_broker.this.id
  user      = ferrymq_user.ops.name
  configure = "^ops"
  write     = "^ops"
  read      = "^ops"
}
"#;

fn applied() -> Result<Option<Fixture>> {
    let Some(fixture) = Fixture::with_broker()? else {
        return Ok(None);
    };
    fixture.main(TOPOLOGY)?;
    fixture.terraform.apply_settles()?;
    Ok(Some(fixture))
}

/// The plan shows exactly this, and an apply repairs it.
fn shown_and_repaired(fixture: &Fixture, expected: &[&str]) -> Result<()> {
    assert_eq!(fixture.terraform.plan()?.summary(), expected);
    fixture.terraform.apply_settles()
}

/// Deletes the binding and the virtual host.
async fn delete_leaves(agent: &Client) -> Result<()> {
    let binding = Binding {
        vhost: "/".to_owned(),
        source: "x".to_owned(),
        destination_type: DestinationType::Queue.into(),
        destination: "q".to_owned(),
        routing_key: "k".to_owned(),
        ..Default::default()
    };
    let (broker, binding) = (BROKER.to_owned(), Some(binding));
    let request = DeleteBindingRequest {
        broker,
        binding,
        ..Default::default()
    };
    agent.call(agent.bindings().delete_binding(request)).await?;
    let (broker, name) = (BROKER.to_owned(), "other".to_owned());
    let request = DeleteVhostRequest {
        broker,
        name,
        ..Default::default()
    };
    agent.call(agent.vhosts().delete_vhost(request)).await?;
    Ok(())
}

/// Deletes the queue, which takes the binding along, and the user, who takes the permission.
async fn delete_queue_and_user(agent: &Client) -> Result<()> {
    let (broker, vhost, name) = (BROKER.to_owned(), "/".to_owned(), "q".to_owned());
    let request = DeleteQueueRequest {
        broker,
        vhost,
        name,
        ..Default::default()
    };
    agent.call(agent.queues().delete_queue(request)).await?;
    let (broker, name) = (BROKER.to_owned(), "ops".to_owned());
    let request = DeleteUserRequest {
        broker,
        name,
        ..Default::default()
    };
    agent.call(agent.users().delete_user(request)).await?;
    Ok(())
}

/// Deletes the exchange, which takes the binding along, and the permission.
async fn delete_exchange_and_permission(agent: &Client) -> Result<()> {
    let (broker, vhost, name) = (BROKER.to_owned(), "/".to_owned(), "x".to_owned());
    let request = DeleteExchangeRequest {
        broker,
        vhost,
        name,
        ..Default::default()
    };
    agent
        .call(agent.exchanges().delete_exchange(request))
        .await?;
    let (broker, vhost, user) = (BROKER.to_owned(), "/".to_owned(), "ops".to_owned());
    let request = DeletePermissionRequest {
        broker,
        vhost,
        user,
        ..Default::default()
    };
    agent
        .call(agent.permissions().delete_permission(request))
        .await?;
    Ok(())
}

#[test]
fn each_deleted_object_is_made_again() -> Result<()> {
    let Some(fixture) = applied()? else {
        return Ok(());
    };
    fixture.behind_its_back(delete_leaves)?;
    shown_and_repaired(
        &fixture,
        &["create ferrymq_binding.b", "create ferrymq_vhost.other"],
    )?;

    fixture.behind_its_back(delete_queue_and_user)?;
    let gone = [
        "create ferrymq_binding.b",
        "create ferrymq_permission.ops",
        "create ferrymq_queue.q",
        "create ferrymq_user.ops",
    ];
    shown_and_repaired(&fixture, &gone)?;

    fixture.behind_its_back(delete_exchange_and_permission)?;
    let gone = [
        "create ferrymq_binding.b",
        "create ferrymq_exchange.x",
        "create ferrymq_permission.ops",
    ];
    shown_and_repaired(&fixture, &gone)
}

#[test]
fn changed_tags_and_expressions_are_put_back() -> Result<()> {
    let Some(fixture) = applied()? else {
        return Ok(());
    };
    fixture.behind_its_back(async |agent| {
        let user = User {
            name: "ops".to_owned(),
            tags: vec!["stranger".to_owned()],
            ..Default::default()
        };
        let request = PutUserRequest {
            broker: BROKER.to_owned(),
            user: Some(user),
            ..Default::default()
        };
        agent.call(agent.users().put_user(request)).await?;
        let permission = Permission {
            vhost: "/".to_owned(),
            user: "ops".to_owned(),
            configure: ".*".to_owned(),
            write: "^ops".to_owned(),
            read: "^ops".to_owned(),
            ..Default::default()
        };
        let request = PutPermissionRequest {
            broker: BROKER.to_owned(),
            permission: Some(permission),
            ..Default::default()
        };
        agent
            .call(agent.permissions().put_permission(request))
            .await?;
        Ok(())
    })?;
    let plan = fixture.terraform.plan()?;
    assert_eq!(
        plan.change("ferrymq_permission.ops")?.changed(),
        ["configure"]
    );
    assert_eq!(plan.change("ferrymq_user.ops")?.changed(), ["tags"]);
    shown_and_repaired(
        &fixture,
        &["update ferrymq_permission.ops", "update ferrymq_user.ops"],
    )?;
    assert!(amqp::can_connect(&fixture.uri_of(
        "ops",
        "ops password",
        "%2f"
    )));
    Ok(())
}

#[test]
fn a_password_set_elsewhere_is_seen_and_set_back() -> Result<()> {
    let Some(fixture) = applied()? else {
        return Ok(());
    };
    fixture.behind_its_back(async |agent| {
        let request = PutUserRequest {
            broker: BROKER.to_owned(),
            user: Some(User {
                name: "ops".to_owned(),
                ..Default::default()
            }),
            password: Some(Password {
                form: Some(Form::Plaintext("stolen".to_owned())),
            }),
            update_mask: Some(FieldMask {
                paths: vec!["password".to_owned()],
            }),
            ..Default::default()
        };
        agent.call(agent.users().put_user(request)).await?;
        Ok(())
    })?;
    assert!(amqp::can_connect(&fixture.uri_of("ops", "stolen", "%2f")));
    shown_and_repaired(&fixture, &["update ferrymq_user.ops"])?;
    assert!(amqp::can_connect(&fixture.uri_of(
        "ops",
        "ops password",
        "%2f"
    )));
    assert!(!amqp::can_connect(&fixture.uri_of("ops", "stolen", "%2f")));
    Ok(())
}

#[test]
fn a_queue_made_anew_with_other_arguments_is_replaced() -> Result<()> {
    let Some(fixture) = applied()? else {
        return Ok(());
    };
    amqp::delete_queue(&fixture.uri(), "q")?;
    let mut arguments = FieldTable::default();
    arguments.insert("size".into(), AMQPValue::LongInt(7));
    amqp::declare_queue(&fixture.uri(), "q", arguments)?;
    let plan = fixture.terraform.plan()?;
    assert_eq!(
        plan.change("ferrymq_queue.q")?.replace_because,
        ["arguments"]
    );
    assert!(
        plan.drift
            .iter()
            .any(|change| change.address == "ferrymq_queue.q"),
        "{plan:?}"
    );
    fixture.terraform.apply_settles()
}
