//! AMQP over TLS on a broker that an agent hosts: with the agent's certificate, in TLS 1.2 and 1.3.

use acceptance::agent::Agent;
use acceptance::python::Python;
use anyhow::Result;

use crate::terraform::fixture::{Fixture, PASSWORD};

#[test]
fn clients_check_the_certificate_and_get_through() -> Result<()> {
    let Some(python) = Python::prepare()? else {
        return Ok(());
    };
    let Some(fixture) = Fixture::prepare()? else {
        return Ok(());
    };
    fixture.terraform.write(
        "broker.tf",
        &fixture.broker().replace("tls = false", "tls = true"),
    )?;
    fixture.terraform.apply_settles()?;
    let password = PASSWORD.replace(' ', "%20");
    let uri = format!("amqps://app:{password}@localhost:{}/%2f", fixture.port);
    let ca = fixture.agent.ca();
    python
        .script("tls.py", &[&uri, &ca.to_string_lossy()])?
        .success()?;

    let stranger = Agent::init()?;
    python
        .script("tls.py", &[&uri, &stranger.ca().to_string_lossy(), "wrong"])?
        .success()?;
    Ok(())
}

#[test]
fn a_client_logs_in_by_certificate() -> Result<()> {
    let Some(python) = Python::prepare()? else {
        return Ok(());
    };
    let Some(fixture) = Fixture::prepare()? else {
        return Ok(());
    };
    let agent = &fixture.agent;
    let ca = agent.ca().to_string_lossy().into_owned();
    let asked = format!(
        r#"tls = true, client_certificates = {{ ca_certificate = file("{ca}"), required = true }}"#
    );
    let broker = fixture.broker().replace("tls = false", &asked);
    fixture.terraform.write("broker.tf", &broker)?;
    fixture.terraform.apply_settles()?;
    let uri = format!("amqps://localhost:{}/%2f", fixture.port);
    let log_in = |of: &Agent, expected: &[&str]| {
        let files = [of.client_certificate(), of.client_key()];
        let [certificate, key] = files.map(|file| file.to_string_lossy().into_owned());
        let arguments = [&[&*uri, &*ca, &*certificate, &*key], expected].concat();
        python.script("external.py", &arguments)?.success()
    };
    log_in(agent, &["no-user"])?;
    // The user whom the administrator's certificate names.
    let named = broker.replace("= \"app\"", "= \"FerryMQ administrator\"");
    fixture.terraform.write("broker.tf", &named)?;
    fixture.terraform.apply_settles()?;
    log_in(agent, &[])?;
    log_in(&Agent::init()?, &["stranger"])?;
    Ok(())
}

#[test]
fn permissions_hold_for_every_operation() -> Result<()> {
    let Some(python) = Python::prepare()? else {
        return Ok(());
    };
    let Some(fixture) = Fixture::with_broker()? else {
        return Ok(());
    };
    fixture.main(
        r#"
resource "ferrymq_queue" "shared" {
  broker = ferrymq_broker.this.id
  name   = "shared"
  deletion_policy = "force"
}

resource "ferrymq_exchange" "foreign" {
  broker = ferrymq_broker.this.id
  name   = "foreign"
  type   = "direct"
}

resource "ferrymq_vhost" "closed" {
  broker = ferrymq_broker.this.id
  name   = "closed"
}

resource "ferrymq_user" "limited" {
  broker      = ferrymq_broker.this.id
  name        = "limited"
  password_wo = "limited"
}

resource "ferrymq_permission" "limited" {
  broker    = ferrymq_broker.this.id
  user      = ferrymq_user.limited.name
  configure = "^mine"
  write     = "^(mine.*|shared|amq\\.default)$"
  read      = "^mine"
}
"#,
    )?;
    fixture.terraform.apply_settles()?;
    let uri = fixture.uri_of("limited", "limited", "%2f");
    python.script("permissions.py", &[&uri])?.success()?;
    for (user, vhost, expected) in [
        ("limited", "%2f", "in"),
        ("limited", "closed", "denied"),
        ("nobody", "%2f", "refused"),
    ] {
        let tried = python
            .script("login.py", &[&fixture.uri_of(user, "limited", vhost)])?
            .success()?;
        assert_eq!(tried.stdout.trim(), expected, "{user} in {vhost}");
    }
    python
        .script("publish.py", &[&uri, "shared", "4"])?
        .success()?;
    assert_eq!(crate::amqp::drain(&fixture.uri(), "shared")?, 4 + 1);
    Ok(())
}
