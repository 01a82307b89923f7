//! Import: by command and by block with generated configuration; afterwards nothing to do.

use acceptance::terraform::Diagnostic;
use anyhow::Result;

use super::fixture::{Fixture, PASSWORD};

const TOPOLOGY: &str = r#"
resource "ferrymq_vhost" "v" {
  broker = ferrymq_broker.this.id
  name   = "v"
}

resource "ferrymq_exchange" "x" {
  broker = ferrymq_broker.this.id
  name   = "x"
  type   = "topic"
}

resource "ferrymq_queue" "q" {
  broker    = ferrymq_broker.this.id
  name      = "q"
  arguments = { x-queue-mode = "lazy", size = 10 }
}

resource "ferrymq_binding" "b" {
  broker      = ferrymq_broker.this.id
  source      = ferrymq_exchange.x.name
  destination = ferrymq_queue.q.name
  routing_key = "a.#"
}
"#;

/// Every resource of the state with its id.
fn ids(fixture: &Fixture) -> Result<Vec<(String, String)>> {
    let addresses = fixture.terraform.addresses()?;
    let with_id = |address: String| {
        let id = fixture.terraform.attributes(&address)?["id"]
            .as_str()
            .map(str::to_owned);
        Ok((address, id.unwrap_or_default()))
    };
    addresses.into_iter().map(with_id).collect()
}

fn applied() -> Result<Option<Fixture>> {
    let Some(fixture) = Fixture::with_broker()? else {
        return Ok(None);
    };
    fixture.main(TOPOLOGY)?;
    fixture.terraform.apply_settles()?;
    Ok(Some(fixture))
}

#[test]
fn everything_is_imported_by_command() -> Result<()> {
    let Some(fixture) = applied()? else {
        return Ok(());
    };
    let ids = ids(&fixture)?;
    assert_eq!(ids.len(), 7);
    fixture.terraform.remove("terraform.tfstate")?;
    for (address, id) in &ids {
        fixture.terraform.import(address, id)?;
    }
    // What the state cannot know from the broker is the version of the password; it is sent again.
    let plan = fixture.terraform.plan()?;
    assert_eq!(plan.summary(), ["update ferrymq_user.app"]);
    fixture.terraform.apply_settles()?;
    assert!(crate::amqp::can_connect(&fixture.uri()));
    Ok(())
}

#[test]
fn everything_is_imported_by_block_with_generated_configuration() -> Result<()> {
    let Some(fixture) = applied()? else {
        return Ok(());
    };
    let ids = ids(&fixture)?;
    for file in ["terraform.tfstate", "main.tf", "broker.tf"] {
        fixture.terraform.remove(file)?;
    }
    let blocks: String = ids
        .iter()
        .map(|(address, id)| format!("import {{\n  to = {address}\n  id = \"{id}\"\n}}\n"))
        .collect();
    fixture.terraform.write("import.tf", &blocks)?;
    fixture
        .terraform
        .plan_with(&["-generate-config-out=generated.tf"])?;
    fixture.terraform.apply_settles()?;
    assert_eq!(fixture.terraform.addresses()?.len(), ids.len());
    // Nothing of it was changed on the way.
    assert!(crate::amqp::can_connect(
        &fixture.uri_of("app", PASSWORD, "%2f")
    ));
    Ok(())
}

#[test]
fn an_id_that_leads_nowhere_says_how_ids_look() -> Result<()> {
    let Some(fixture) = applied()? else {
        return Ok(());
    };
    let broker = fixture.broker_id();
    let cases = [
        ("nonsense".to_owned(), "queue/VHOST/NAME"),
        (format!("{broker}/queue/%2F"), "queue/VHOST/NAME"),
        (format!("{broker}/exchange/%2F/x"), "queue/VHOST/NAME"),
        (format!("{broker}/queue/%2F/missing"), "missing"),
        (format!("{broker}/queue/nowhere/q"), "nowhere"),
        (
            format!("ferrymq://{}/unknown/queue/%2F/q", fixture.agent.endpoint()),
            "unknown",
        ),
    ];
    for (id, word) in cases {
        fixture.main(&format!(
            "import {{\n  to = ferrymq_queue.i\n  id = \"{id}\"\n}}\n
            resource \"ferrymq_queue\" \"i\" {{\n  broker = \"{broker}\"\n  name = \"i\"\n}}\n"
        ))?;
        Diagnostic::only(fixture.terraform.plan_errors()?)?.says(&[word])?;
    }
    Ok(())
}
