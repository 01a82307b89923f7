//! Wrong values: one diagnostic each that names the attribute, the reason and the way out.

use std::net::TcpListener;

use acceptance::terraform::Diagnostic;
use anyhow::{Context, Result};

use super::fixture::{BROKER, Fixture};

/// A resource of the fixture's broker with these lines in its body.
fn resource(kind: &str, body: &str) -> String {
    format!("resource \"ferrymq_{kind}\" \"bad\" {{\n  broker = ferrymq_broker.this.id\n{body}}}\n")
}

/// Planning this fails with one error that says these words and points at the attribute.
fn at_plan(
    fixture: &Fixture,
    kind: &str,
    body: &str,
    attribute: &str,
    words: &[&str],
) -> Result<()> {
    fixture.main(&resource(kind, body))?;
    let error = Diagnostic::only(fixture.terraform.plan_errors()?);
    error
        .with_context(|| body.to_owned())?
        .says(words)?
        .points_at(attribute)?;
    Ok(())
}

/// Applying this fails likewise.
fn at_apply(
    fixture: &Fixture,
    kind: &str,
    body: &str,
    attribute: &str,
    words: &[&str],
) -> Result<()> {
    fixture.main(&resource(kind, body))?;
    let error = Diagnostic::only(fixture.terraform.apply_errors()?);
    error
        .with_context(|| body.to_owned())?
        .says(words)?
        .points_at(attribute)?;
    Ok(())
}

#[test]
fn values_that_are_wrong_in_themselves_fail_at_plan() -> Result<()> {
    let Some(fixture) = Fixture::with_broker()? else {
        return Ok(());
    };
    let f = &fixture;
    let long = "x".repeat(256);

    at_plan(f, "queue", "  name = \"\"\n", "name", &["1 to 255 bytes"])?;
    at_plan(
        f,
        "queue",
        &format!("  name = \"{long}\"\n"),
        "name",
        &["1 to 255 bytes", "256"],
    )?;
    at_plan(
        f,
        "queue",
        "  name = \"amq.mine\"\n",
        "name",
        &["amq.", "reserved"],
    )?;
    for (kind, rest) in [
        ("user", ""),
        ("queue", ""),
        ("exchange", "  type = \"fanout\"\n"),
    ] {
        let config = format!("  name = \"a\\tb\"\n{rest}");
        at_plan(f, kind, &config, "name", &["control characters"])?;
    }
    let unknown_type = "  name = \"x\"\n  type = \"headerz\"\n";
    at_plan(
        f,
        "exchange",
        unknown_type,
        "type",
        &["headerz", "direct", "fanout", "topic"],
    )?;
    let policy = "  name = \"q\"\n  deletion_policy = \"drop\"\n";
    at_plan(
        f,
        "queue",
        policy,
        "deletion_policy",
        &["if_empty", "force"],
    )?;
    let arguments = "  name = \"q\"\n  arguments = \"x-max-length\"\n";
    at_plan(f, "queue", arguments, "arguments", &["object or a map"])?;
    let kind = "  source = \"x\"\n  destination = \"q\"\n  destination_type = \"topic\"\n";
    at_plan(
        f,
        "binding",
        kind,
        "destination_type",
        &["topic", "queue", "exchange"],
    )?;
    let two = "  name = \"u\"\n  password = \"a\"\n  password_wo = \"b\"\n";
    at_plan(f, "user", two, "password_wo", &["password", "not both"])
}

#[test]
fn each_expression_of_a_permission_is_blamed_by_its_name() -> Result<()> {
    let Some(fixture) = Fixture::with_broker()? else {
        return Ok(());
    };
    for wrong in ["configure", "write", "read"] {
        let lines = ["configure", "write", "read"].map(|name| {
            let expression = if name == wrong { "^(orders" } else { "" };
            format!("  {name} = \"{expression}\"\n")
        });
        let body = format!("  user = \"app\"\n{}", lines.concat());
        at_plan(
            &fixture,
            "permission",
            &body,
            wrong,
            &[wrong, "regular expression"],
        )?;
    }
    Ok(())
}

/// Terraform shows the line of an attribute, but only the block for what is inside one: there the
/// text has to name it.
#[test]
fn a_broker_that_cannot_be_is_refused() -> Result<()> {
    let Some(fixture) = Fixture::with_broker()? else {
        return Ok(());
    };
    let agent = fixture.agent.endpoint();
    let broker = |name: &str, rest: &str| {
        format!("resource \"ferrymq_broker\" \"bad\" {{\n  name = \"{name}\"\n{rest}}}\n")
    };
    let nodes = format!("  nodes = [\"{agent}\"]\n");
    let plan = |text: &str| -> Result<Diagnostic> {
        fixture.main(text)?;
        Diagnostic::only(fixture.terraform.plan_errors()?).with_context(|| text.to_owned())
    };
    plan(&broker("no spaces", &nodes))?
        .says(&["letters", "digits"])?
        .points_at("name")?;
    plan(&broker("b", "  nodes = []\n"))?
        .says(&["the agent that hosts"])?
        .points_at("nodes")?;
    plan(&broker("b", "  nodes = [\"not an address\"]\n"))?
        .says(&["host"])?
        .points_at("nodes")?;
    let address = "  listeners = {\n    amqp = {\n      address = \"localhost\"\n    }\n  }\n";
    plan(&broker("b", &format!("{nodes}{address}")))?
        .says(&["listeners.amqp.address", "IP address"])?;

    let apply = |text: &str| -> Result<Diagnostic> {
        fixture.main(text)?;
        Diagnostic::only(fixture.terraform.apply_errors()?).with_context(|| text.to_owned())
    };
    let port = |port: u16| {
        format!(
            "  listeners = {{\n    amqp = {{\n      address = \"127.0.0.1\"\n      \
                 port = {port}\n    }}\n  }}\n"
        )
    };
    let free = acceptance::ports::free()?;
    let duplicate = apply(&broker(BROKER, &format!("{nodes}{}", port(free))))?;
    duplicate
        .says(&["exists", "terraform import ferrymq_broker"])?
        .points_at("name")?;

    let occupied = TcpListener::bind("127.0.0.1:0")?;
    let taken = occupied.local_addr()?.port();
    let refused = apply(&broker("second", &format!("{nodes}{}", port(taken))))?;
    refused.says(&["listeners.amqp.port", &taken.to_string(), "in use"])?;
    drop(occupied);
    let foreign = port(0).replace("127.0.0.1", "192.0.2.1");
    let refused = apply(&broker("second", &format!("{nodes}{foreign}")))?;
    refused.says(&["listeners.amqp.address", "192.0.2.1"])?;
    // Nothing was left behind: the same name works with the port free.
    fixture.main(&broker("second", &format!("{nodes}{}", port(taken))))?;
    fixture.terraform.apply_settles()
}

#[test]
fn what_only_the_agent_knows_is_refused_at_apply() -> Result<()> {
    let Some(fixture) = Fixture::with_broker()? else {
        return Ok(());
    };
    let f = &fixture;
    f.main(&resource("queue", "  name = \"q\"\n"))?;
    f.terraform.apply()?;

    let missing_queue = "  source = \"amq.topic\"\n  destination = \"missing\"\n";
    at_apply(
        f,
        "binding",
        missing_queue,
        "destination",
        &["missing", "not found"],
    )?;
    let missing_source = "  source = \"missing\"\n  destination = \"q\"\n";
    at_apply(
        f,
        "binding",
        missing_source,
        "source",
        &["missing", "not found"],
    )?;
    let missing_user = "  user = \"nobody\"\n  configure = \"\"\n  write = \"\"\n  read = \"\"\n";
    at_apply(
        f,
        "permission",
        missing_user,
        "user",
        &["nobody", "not found"],
    )?;
    let missing_vhost = "  vhost = \"nowhere\"\n  name = \"x\"\n";
    at_apply(
        f,
        "queue",
        missing_vhost,
        "vhost",
        &["nowhere", "not found"],
    )?;
    for (argument, value, why) in [
        ("x-max-length", "many", "expected integer"),
        ("x-queue-type", "mirrored", "unsupported queue type"),
        ("x-fancy", "1", "not offered"),
    ] {
        let body = format!("  name = \"y\"\n  arguments = {{ {argument} = \"{value}\" }}\n");
        at_plan(f, "queue", &body, "arguments", &[argument, why])?;
    }
    let alternate =
        "  name = \"y\"\n  type = \"topic\"\n  arguments = { alternate-exchange = 7 }\n";
    at_plan(
        f,
        "exchange",
        alternate,
        "arguments",
        &["alternate-exchange", "name of an exchange, not 7"],
    )
}

#[test]
fn an_unknown_broker_is_one_error_for_what_is_in_it() -> Result<()> {
    let Some(fixture) = Fixture::prepare()? else {
        return Ok(());
    };
    let id = format!("ferrymq://{}/nowhere", fixture.agent.endpoint());
    fixture.main(&format!(
        "resource \"ferrymq_queue\" \"q\" {{\n  broker = \"{id}\"\n  name = \"q\"\n}}\n"
    ))?;
    let error = Diagnostic::only(fixture.terraform.apply_errors()?)?;
    error.says(&["nowhere", "not found"])?.points_at("broker")?;
    fixture
        .main("resource \"ferrymq_queue\" \"q\" {\n  broker = \"orders\"\n  name = \"q\"\n}\n")?;
    let error = Diagnostic::only(fixture.terraform.plan_errors()?)?;
    error.says(&["ferrymq://"])?.points_at("broker")?;
    Ok(())
}
