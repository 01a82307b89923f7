//! Agents that die, cannot be reached or cannot be trusted: a clear error, a true state, and the
//! next apply completes.

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use acceptance::agent::Agent;
use acceptance::poll;
use acceptance::process::Server;
use acceptance::terraform::{Diagnostic, provider_block};
use agent_api::v1::ListQueuesRequest;
use anyhow::{Context, Result};

use super::fixture::{BROKER, Fixture};
use crate::amqp;

const PATIENCE: Duration = Duration::from_secs(120);

/// This many queues from one block.
fn queues(count: usize) -> String {
    format!(
        "resource \"ferrymq_queue\" \"many\" {{\n  count  = {count}\n  \
         broker = ferrymq_broker.this.id\n  name   = \"q${{count.index}}\"\n}}\n"
    )
}

fn queues_on_the_broker(fixture: &Fixture) -> Result<usize> {
    fixture.behind_its_back(async |agent| {
        let request = ListQueuesRequest {
            broker: BROKER.to_owned(),
            ..Default::default()
        };
        Ok(agent
            .call(agent.queues().list_queues(request))
            .await?
            .queues
            .len())
    })
}

/// Starts an apply.
fn start_apply(fixture: &Fixture, options: &[&str]) -> Result<Server> {
    let arguments = ["apply", "-input=false", "-auto-approve", "-json"];
    let mut command = fixture
        .terraform
        .prepare_command(&[&arguments, options].concat());
    command.stdin(Stdio::null());
    Server::spawn(&mut command, &fixture.terraform.root().join("apply.log"))
}

/// Starts an apply and comes back when this many objects are made.
fn apply_underway(fixture: &Fixture, made: usize) -> Result<Server> {
    let mut apply = start_apply(fixture, &["-parallelism=4"])?;
    let mut complete = 0;
    while complete < made {
        let line = apply.line(PATIENCE)?;
        complete += usize::from(line.contains("\"type\":\"apply_complete\""));
    }
    Ok(apply)
}

/// The errors that a running apply still prints.
fn errors_of(mut apply: Server) -> Result<(bool, String)> {
    let mut output = String::new();
    while let Ok(line) = apply.line(PATIENCE) {
        output.push_str(&line);
        output.push('\n');
    }
    let status = apply.wait(PATIENCE)?;
    Ok((status.success(), output))
}

#[test]
fn an_agent_killed_during_apply_leaves_a_true_state_that_the_next_apply_completes() -> Result<()> {
    const COUNT: usize = 300;
    let Some(mut fixture) = Fixture::with_broker()? else {
        return Ok(());
    };
    fixture.main(&queues(COUNT))?;
    let apply = apply_underway(&fixture, 60)?;
    fixture.agent.kill()?;
    let (success, output) = errors_of(apply)?;
    assert!(!success, "the apply should have failed");
    assert!(output.contains("Agent cannot be reached"), "{output}");

    fixture.agent.restart()?;
    let there = queues_on_the_broker(&fixture)?;
    let known = fixture
        .terraform
        .addresses()?
        .iter()
        .filter(|a| a.contains("many"))
        .count();
    assert!(
        (60..COUNT).contains(&known),
        "{known} of {there} queues are in the state"
    );
    fixture.terraform.apply_settles()?;
    assert_eq!(queues_on_the_broker(&fixture)?, COUNT);
    Ok(())
}

#[test]
fn an_interrupted_apply_finishes_what_it_began_and_says_so_in_the_state() -> Result<()> {
    const COUNT: usize = 400;
    let Some(fixture) = Fixture::with_broker()? else {
        return Ok(());
    };
    fixture.main(&queues(COUNT))?;
    let apply = apply_underway(&fixture, 20)?;
    apply.interrupt()?;
    let (success, output) = errors_of(apply)?;
    assert!(!success, "{output}");
    let known = fixture
        .terraform
        .addresses()?
        .iter()
        .filter(|a| a.contains("many"))
        .count();
    assert_eq!(known, queues_on_the_broker(&fixture)?, "{output}");
    fixture.terraform.apply_settles()
}

#[test]
fn an_agent_out_of_reach_at_plan_is_one_clear_error_and_drops_nothing() -> Result<()> {
    let Some(mut fixture) = Fixture::with_broker()? else {
        return Ok(());
    };
    fixture
        .terraform
        .write("broker.tf", &broker_alone(&fixture))?;
    fixture.terraform.apply()?;
    let before = fixture.terraform.addresses()?;
    fixture.agent.kill()?;
    let error = Diagnostic::only(fixture.terraform.plan_errors()?)?;
    error
        .says(&["cannot be reached", &fixture.agent.endpoint()])?
        .points_at("nodes")?;
    assert_eq!(fixture.terraform.addresses()?, before);

    fixture.agent.restart()?;
    assert!(fixture.terraform.plan()?.is_empty());
    Ok(())
}

/// The fixture's broker without its user and permission.
fn broker_alone(fixture: &Fixture) -> String {
    let all = fixture.broker();
    all[..all.find("resource \"ferrymq_user\"").unwrap_or(all.len())].to_owned()
}

#[test]
fn what_is_new_can_be_planned_without_the_agent() -> Result<()> {
    let Some(mut fixture) = Fixture::prepare()? else {
        return Ok(());
    };
    fixture.agent.kill()?;
    let impatient = broker_alone(&fixture).replacen(
        "  name      =",
        "  timeouts  = { create = \"1s\" }\n  name      =",
        1,
    );
    fixture.terraform.write("broker.tf", &impatient)?;
    assert_eq!(
        fixture.terraform.plan()?.summary(),
        ["create ferrymq_broker.this"]
    );
    let error = Diagnostic::only(fixture.terraform.apply_errors()?)?;
    error.says(&["cannot be reached", "timeouts.create"])?;
    assert!(fixture.terraform.addresses()?.is_empty());
    Ok(())
}

/// Applies the plan that was made; the agent comes up when the provider's log says that it is waited
/// for.
fn boot_while_it_waits(fixture: &mut Fixture) -> Result<()> {
    let log = fixture.terraform.root().join("provider.log");
    fixture.terraform.set("TF_LOG_PROVIDER", "WARN");
    fixture.terraform.set("TF_LOG_PATH", log.as_os_str());
    let apply = start_apply(fixture, &["plan.bin"])?;
    poll::until("the provider to wait", PATIENCE, || {
        let told = fs::read_to_string(&log).unwrap_or_default();
        Ok(told
            .contains("waiting for the broker's agent to answer")
            .then_some(()))
    })?;
    fixture.agent.restart()?;
    let (success, output) = errors_of(apply)?;
    assert!(success, "{output}");
    Ok(())
}

#[test]
fn an_agent_that_comes_up_during_apply_is_waited_for_and_the_log_says_so() -> Result<()> {
    let Some(mut fixture) = Fixture::prepare()? else {
        return Ok(());
    };
    fixture.agent.kill()?;
    fixture
        .terraform
        .write("broker.tf", &broker_alone(&fixture))?;
    // Also installs the provider.
    fixture.terraform.plan()?;
    boot_while_it_waits(&mut fixture)?;
    assert_eq!(fixture.terraform.addresses()?, ["ferrymq_broker.this"]);
    assert!(fixture.terraform.plan()?.is_empty());
    Ok(())
}

#[test]
fn an_update_waits_for_an_agent_that_boots_again() -> Result<()> {
    let Some(mut fixture) = Fixture::prepare()? else {
        return Ok(());
    };
    let broker = broker_alone(&fixture);
    fixture.terraform.write("broker.tf", &broker)?;
    fixture.terraform.apply()?;
    let changed = format!("port = {}", acceptance::ports::free()?);
    let port = format!("port = {}", fixture.port);
    let broker = broker.replace(&port, &changed);
    fixture.terraform.write("broker.tf", &broker)?;
    let planned = fixture.terraform.plan()?.summary();
    assert_eq!(planned, ["update ferrymq_broker.this"]);
    fixture.agent.kill()?;
    boot_while_it_waits(&mut fixture)?;
    assert!(fixture.terraform.plan()?.is_empty());
    Ok(())
}

#[test]
fn an_agent_of_another_authority_is_not_trusted_and_does_not_trust_us() -> Result<()> {
    let Some(fixture) = Fixture::prepare()? else {
        return Ok(());
    };
    fixture
        .terraform
        .write("broker.tf", &broker_alone(&fixture))?;
    let stranger = Agent::init()?;

    // The stranger's authority, our certificate.
    let ours = provider_block(&fixture.agent);
    let path = |path: std::path::PathBuf| path.to_string_lossy().into_owned();
    let trusting = ours.replace(&path(fixture.agent.ca()), &path(stranger.ca()));
    fixture.terraform.write("provider.tf", &trusting)?;
    let error = Diagnostic::only(fixture.terraform.apply_errors()?)?;
    error.says(&[
        "cannot be trusted",
        &fixture.agent.endpoint(),
        "CA certificate",
    ])?;

    // Our authority, the stranger's certificate.
    let posing = ours
        .replace(
            &path(fixture.agent.client_certificate()),
            &path(stranger.client_certificate()),
        )
        .replace(
            &path(fixture.agent.client_key()),
            &path(stranger.client_key()),
        );
    fixture.terraform.write("provider.tf", &posing)?;
    let error = Diagnostic::only(fixture.terraform.apply_errors()?)?;
    error.says(&["client certificate", "not accept", "CA"])?;

    // The agent's own certificate is no pass either.
    let server = ours
        .replace(
            &path(fixture.agent.client_certificate()),
            &path(fixture.agent.path("server.pem")),
        )
        .replace(
            &path(fixture.agent.client_key()),
            &path(fixture.agent.path("server-key.pem")),
        );
    fixture.terraform.write("provider.tf", &server)?;
    Diagnostic::only(fixture.terraform.apply_errors()?)?.says(&["client certificate"])?;

    fixture.terraform.write("provider.tf", &ours)?;
    fixture.terraform.apply_settles()
}

#[test]
fn credentials_come_from_the_environment_too_and_are_missed_by_name() -> Result<()> {
    let Some(mut fixture) = Fixture::prepare()? else {
        return Ok(());
    };
    fixture
        .terraform
        .write("broker.tf", &broker_alone(&fixture))?;
    let block = provider_block(&fixture.agent);
    let bare = &block[..block
        .find("provider \"ferrymq\"")
        .context("no provider block")?];
    let empty = format!("{bare}provider \"ferrymq\" {{}}\n");
    fixture.terraform.write("provider.tf", &empty)?;
    let errors = fixture.terraform.plan_errors()?;
    assert_eq!(errors.len(), 3, "{errors:#?}");
    for (error, name) in errors.iter().zip(["CA_CERT", "CLIENT_CERT", "CLIENT_KEY"]) {
        error.says(&[&format!("FERRYMQ_{name}"), "broker-agent init"])?;
    }
    let agent = &fixture.agent;
    let pem = fs::read_to_string(agent.client_certificate())?;
    let variables = [
        ("FERRYMQ_CA_CERTIFICATE", agent.ca().into_os_string()),
        ("FERRYMQ_CLIENT_CERTIFICATE", pem.into()),
        ("FERRYMQ_CLIENT_KEY", agent.client_key().into_os_string()),
    ];
    for (name, value) in variables {
        fixture.terraform.set(name, value);
    }
    fixture.terraform.apply_settles()
}

#[test]
fn a_broker_outlives_the_agents_crash_with_all_that_is_in_it() -> Result<()> {
    let Some(mut fixture) = Fixture::with_broker()? else {
        return Ok(());
    };
    amqp::declare_queue(&fixture.uri(), "q", Default::default())?;
    amqp::publish(&fixture.uri(), "", "q", 10)?;
    fixture.agent.kill()?;
    fixture.agent.restart()?;
    assert!(fixture.terraform.plan()?.is_empty());
    assert_eq!(amqp::drain(&fixture.uri(), "q")?, 10);

    let status = fixture
        .agent
        .server_mut()?
        .terminate(Duration::from_secs(10))?;
    assert!(status.success(), "{status}");
    fixture.agent.restart()?;
    poll::until("the broker to serve again", PATIENCE, || {
        Ok(amqp::can_connect(&fixture.uri()).then_some(()))
    })?;
    Ok(())
}

#[test]
fn a_wrong_password_keeps_out() -> Result<()> {
    let Some(fixture) = Fixture::with_broker()? else {
        return Ok(());
    };
    assert!(amqp::can_connect(&fixture.uri()));
    assert!(!amqp::can_connect(&fixture.uri_of("app", "wrong", "%2f")));
    assert!(!amqp::can_connect(
        &fixture.uri_of("nobody", "wrong", "%2f")
    ));
    Ok(())
}
