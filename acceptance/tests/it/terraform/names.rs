//! Names with spaces, slashes, percent signs and other scripts, through every resource, their ids,
//! and import.

use acceptance::terraform::quoted;
use anyhow::Result;

use super::fixture::{Fixture, PASSWORD};
use crate::amqp;

const NAMES: [&str; 8] = [
    "with space",
    "a/b//c",
    "100% %2F",
    "grüße",
    "世界 🚢",
    "a,b;c:d@e?f&g=h",
    "${x} %{y}",
    "\"quoted\\\"",
];

/// One of each resource with this name, in a virtual host of this name, and a client's URI.
fn one_of_each(index: usize, name: &str, port: u16) -> String {
    let name = quoted(name);
    format!(
        r#"
resource "ferrymq_vhost" "n{index}" {{
  broker = ferrymq_broker.this.id
  name   = {name}
}}

resource "ferrymq_user" "n{index}" {{
  broker      = ferrymq_broker.this.id
  name        = {name}
  password_wo = "{PASSWORD}"
}}

resource "ferrymq_permission" "n{index}" {{
  broker    = ferrymq_broker.this.id
  vhost     = ferrymq_vhost.n{index}.name
  user      = ferrymq_user.n{index}.name
  configure = ".*"
  write     = ".*"
  read      = ".*"
}}

resource "ferrymq_exchange" "n{index}" {{
  broker = ferrymq_broker.this.id
  vhost  = ferrymq_vhost.n{index}.name
  name   = {name}
  type   = "direct"
}}

resource "ferrymq_queue" "n{index}" {{
  broker = ferrymq_broker.this.id
  vhost  = ferrymq_vhost.n{index}.name
  name   = {name}
}}

resource "ferrymq_binding" "n{index}" {{
  broker      = ferrymq_broker.this.id
  vhost       = ferrymq_vhost.n{index}.name
  source      = ferrymq_exchange.n{index}.name
  destination = ferrymq_queue.n{index}.name
  routing_key = {name}
}}

output "uri{index}" {{
  value = provider::ferrymq::connection_uri(
    "amqp://127.0.0.1:{port}", ferrymq_user.n{index}.name, "{PASSWORD}", ferrymq_vhost.n{index}.name)
}}
"#
    )
}

#[test]
fn any_name_goes_through_every_resource_and_back_by_import() -> Result<()> {
    let Some(fixture) = Fixture::with_broker()? else {
        return Ok(());
    };
    let text: String = NAMES
        .iter()
        .enumerate()
        .map(|(index, name)| one_of_each(index, name, fixture.port))
        .collect();
    fixture.main(&text)?;
    fixture.terraform.apply_settles()?;
    for (index, name) in NAMES.iter().enumerate() {
        let uri = fixture.terraform.output(&format!("uri{index}"))?;
        let uri = uri.as_str().unwrap_or_default();
        amqp::publish(uri, name, name, 1)?;
        assert_eq!(amqp::drain(uri, name)?, 1, "{name}");
    }
    let addresses = fixture.terraform.addresses()?;
    let mut ids = Vec::new();
    for address in addresses.iter().filter(|address| address.contains(".n")) {
        let id = fixture.terraform.attributes(address)?["id"].clone();
        ids.push((address, id.as_str().unwrap_or_default().to_owned()));
    }
    assert_eq!(ids.len(), 6 * NAMES.len());
    for (address, _) in &ids {
        fixture
            .terraform
            .run(&["state", "rm", address])?
            .success()?;
    }
    let blocks: String = ids
        .iter()
        .map(|(address, id)| format!("import {{\n  to = {address}\n  id = {}\n}}\n", quoted(id)))
        .collect();
    fixture.terraform.write("import.tf", &blocks)?;
    let plan = fixture.terraform.plan()?;
    let users_only = plan
        .summary()
        .iter()
        .all(|change| change.starts_with("update ferrymq_user"));
    assert!(
        users_only,
        "only passwords are sent again: {:?}",
        plan.summary()
    );
    fixture.terraform.apply_settles()
}
