//! Create, a second plan that is empty, update in place, replace, destroy.

use agent_api::v1::ListBrokersRequest;
use anyhow::Result;

use super::fixture::{BROKER, Fixture, PASSWORD};
use crate::amqp;

/// One of each but the user and permission that come with the broker.
const TOPOLOGY: &str = r#"
resource "ferrymq_vhost" "billing" {
  broker = ferrymq_broker.this.id
  name   = "billing"
}

resource "ferrymq_exchange" "orders" {
  broker = ferrymq_broker.this.id
  name   = "orders"
  type   = "topic"
}

resource "ferrymq_exchange" "archive" {
  broker   = ferrymq_broker.this.id
  name     = "archive"
  type     = "fanout"
  internal = true
}

resource "ferrymq_queue" "incoming" {
  broker    = ferrymq_broker.this.id
  name      = "incoming"
  arguments = { x-queue-mode = "lazy", size = 1000 }
}

resource "ferrymq_binding" "incoming" {
  broker      = ferrymq_broker.this.id
  source      = ferrymq_exchange.orders.name
  destination = ferrymq_queue.incoming.name
  routing_key = "order.#"
}

resource "ferrymq_binding" "archive" {
  broker           = ferrymq_broker.this.id
  source           = ferrymq_exchange.orders.name
  destination      = ferrymq_exchange.archive.name
  destination_type = "exchange"
}
"#;

#[test]
fn broker_and_topology_come_up_in_one_apply_from_nothing_and_go_again() -> Result<()> {
    let Some(fixture) = Fixture::prepare()? else {
        return Ok(());
    };
    fixture.terraform.write("broker.tf", &fixture.broker())?;
    fixture.main(TOPOLOGY)?;
    fixture.terraform.apply_settles()?;
    assert_eq!(
        fixture.terraform.addresses()?,
        [
            "ferrymq_binding.archive",
            "ferrymq_binding.incoming",
            "ferrymq_broker.this",
            "ferrymq_exchange.archive",
            "ferrymq_exchange.orders",
            "ferrymq_permission.app",
            "ferrymq_queue.incoming",
            "ferrymq_user.app",
            "ferrymq_vhost.billing",
        ]
    );
    let broker = fixture.terraform.attributes("ferrymq_broker.this")?;
    assert_eq!(broker["id"], fixture.broker_id());
    let endpoints = &broker["instances"][0]["endpoints"];
    assert!(
        endpoints[0]
            .as_str()
            .is_some_and(|url| url.starts_with("amqp://")),
        "{broker}"
    );
    assert_eq!(
        fixture.terraform.attributes("ferrymq_queue.incoming")?["deletion_policy"],
        "if_empty"
    );

    amqp::publish(&fixture.uri(), "orders", "order.new", 3)?;
    assert_eq!(amqp::drain(&fixture.uri(), "incoming")?, 3);

    fixture.terraform.destroy()?;
    assert!(fixture.terraform.addresses()?.is_empty());
    assert!(!amqp::can_connect(&fixture.uri()));
    let left = fixture.behind_its_back(async |agent| {
        Ok(agent
            .call(agent.brokers().list_brokers(ListBrokersRequest::default()))
            .await?)
    })?;
    assert!(left.brokers.is_empty(), "{left:?}");
    Ok(())
}

#[test]
fn what_can_change_in_place_does_and_takes_effect_at_once() -> Result<()> {
    let Some(mut fixture) = Fixture::with_broker()? else {
        return Ok(());
    };
    let before = fixture.broker();
    amqp::declare_queue(&fixture.uri(), "q", Default::default())?;

    // A permission, for the next operation.
    let narrow = before.replacen(r#"write     = ".*""#, r#"write     = "^nothing$""#, 1);
    fixture.terraform.write("broker.tf", &narrow)?;
    let plan = fixture.terraform.plan()?;
    assert_eq!(plan.summary(), ["update ferrymq_permission.app"]);
    assert_eq!(plan.change("ferrymq_permission.app")?.changed(), ["write"]);
    fixture.terraform.apply_settles()?;
    assert!(amqp::publish(&fixture.uri(), "", "q", 1).is_err());

    // Tags, without touching the password.
    let tagged = before.replacen(
        "\"app\"\n  password",
        "\"app\"\n  tags = [\"monitoring\"]\n  password",
        1,
    );
    fixture.terraform.write("broker.tf", &tagged)?;
    let plan = fixture.terraform.plan()?;
    assert_eq!(
        plan.summary(),
        ["update ferrymq_permission.app", "update ferrymq_user.app"]
    );
    assert_eq!(plan.change("ferrymq_user.app")?.changed(), ["tags"]);
    fixture.terraform.apply_settles()?;
    amqp::publish(&fixture.uri(), "", "q", 1)?;

    // A password, when its version rises.
    let changed = before.replacen(PASSWORD, "another password", 1);
    fixture.terraform.write("broker.tf", &changed)?;
    assert_eq!(
        fixture.terraform.plan()?.summary(),
        ["update ferrymq_user.app"],
        "tags go again"
    );
    let changed = changed.replacen("version = 1", "version = 2", 1);
    fixture.terraform.write("broker.tf", &changed)?;
    fixture.terraform.apply_settles()?;
    assert!(!amqp::can_connect(&fixture.uri()));
    assert!(amqp::can_connect(&fixture.uri_of(
        "app",
        "another password",
        "%2f"
    )));

    // The broker's port, with its queue and message.
    let old = fixture.port;
    fixture.port = acceptance::ports::free()?;
    let moved = changed.replacen(&old.to_string(), &fixture.port.to_string(), 1);
    fixture.terraform.write("broker.tf", &moved)?;
    assert_eq!(
        fixture
            .terraform
            .plan()?
            .change("ferrymq_broker.this")?
            .action,
        "update"
    );
    fixture.terraform.apply_settles()?;
    assert_eq!(
        amqp::drain(&fixture.uri_of("app", "another password", "%2f"), "q")?,
        1
    );
    Ok(())
}

#[test]
fn what_makes_an_object_another_one_replaces_it() -> Result<()> {
    let Some(fixture) = Fixture::with_broker()? else {
        return Ok(());
    };
    fixture.main(TOPOLOGY)?;
    fixture.terraform.apply_settles()?;
    let changes = [
        (
            "ferrymq_exchange.orders",
            "type",
            r#""topic""#,
            r#""direct""#,
        ),
        (
            "ferrymq_exchange.archive",
            "internal",
            "internal = true",
            "internal = false",
        ),
        ("ferrymq_queue.incoming", "arguments", "1000", "2000"),
        (
            "ferrymq_queue.incoming",
            "name",
            r#"name      = "incoming""#,
            r#"name = "other""#,
        ),
        (
            "ferrymq_binding.incoming",
            "routing_key",
            "order.#",
            "order.*",
        ),
        (
            "ferrymq_vhost.billing",
            "name",
            r#"name   = "billing""#,
            r#"name = "invoices""#,
        ),
    ];
    for (address, attribute, from, to) in changes {
        assert!(TOPOLOGY.contains(from), "{from}");
        fixture.main(&TOPOLOGY.replacen(from, to, 1))?;
        let plan = fixture.terraform.plan()?;
        let change = plan.change(address)?;
        assert_eq!(
            (change.action.as_str(), attribute),
            ("replace", attribute),
            "{change:?}"
        );
        assert!(
            change.replace_because.iter().any(|name| name == attribute),
            "{change:?}"
        );
    }
    // One of them for real; the bindings go with it and come again.
    fixture.main(&TOPOLOGY.replacen(r#""topic""#, r#""direct""#, 1))?;
    fixture.terraform.apply_settles()?;
    fixture
        .terraform
        .write("broker.tf", &fixture.broker().replace(BROKER, "renamed"))?;
    let plan = fixture.terraform.plan()?;
    assert!(
        plan.changes.iter().all(|change| change.action == "replace"),
        "{:?}",
        plan.summary()
    );
    assert_eq!(plan.changes.len(), 9);
    fixture.terraform.apply_settles()?;
    Ok(())
}

#[test]
fn an_empty_listener_block_means_tls_on_the_standard_port() -> Result<()> {
    let Some(fixture) = Fixture::prepare()? else {
        return Ok(());
    };
    let broker = format!(
        "resource \"ferrymq_broker\" \"this\" {{\n  name = \"b\"\n  nodes = [\"{}\"]\n}}\n",
        fixture.agent.endpoint()
    );
    fixture.main(&broker)?;
    let plan = fixture.terraform.plan()?;
    let listener = &plan.change("ferrymq_broker.this")?.after["listeners"]["amqp"];
    assert_eq!(
        (&listener["port"], &listener["tls"]),
        (&5671.into(), &true.into()),
        "{listener}"
    );
    Ok(())
}

#[test]
fn data_sources_show_what_is_there() -> Result<()> {
    let Some(fixture) = Fixture::with_broker()? else {
        return Ok(());
    };
    amqp::declare_queue(&fixture.uri(), "work", Default::default())?;
    amqp::publish(&fixture.uri(), "", "work", 5)?;
    fixture.main(&format!(
        r#"
data "ferrymq_broker" "this" {{
  name  = "{BROKER}"
  nodes = ["{}"]
}}

data "ferrymq_queue" "work" {{
  broker = data.ferrymq_broker.this.id
  name   = "work"
}}

output "seen" {{
  value = [data.ferrymq_broker.this.state, data.ferrymq_queue.work.messages_ready]
}}

output "uri" {{
  value = provider::ferrymq::connection_uri(
    data.ferrymq_broker.this.instances[0].endpoints[0], "app", "p/w", "/")
}}
"#,
        fixture.agent.endpoint()
    ))?;
    fixture.terraform.apply()?;
    assert_eq!(
        fixture.terraform.output("seen")?,
        serde_json::json!(["RUNNING", 5])
    );
    let uri = fixture.terraform.output("uri")?;
    let uri = uri.as_str().unwrap_or_default();
    assert!(
        uri.starts_with("amqp://app:p%2Fw@") && uri.ends_with("/%2F"),
        "{uri}"
    );
    Ok(())
}
