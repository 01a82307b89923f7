//! Plans that would lose messages, objects that someone else owns, and passwords that nobody meant
//! to change.

use acceptance::process::Finished;
use acceptance::terraform::Diagnostic;
use anyhow::Result;

use super::fixture::{Fixture, PASSWORD};
use crate::amqp;

const QUEUE: &str = r#"
resource "ferrymq_queue" "q" {
  broker = ferrymq_broker.this.id
  name   = "q"
}
"#;

fn with_queue() -> Result<Option<Fixture>> {
    let Some(fixture) = Fixture::with_broker()? else {
        return Ok(None);
    };
    fixture.main(QUEUE)?;
    fixture.terraform.apply()?;
    Ok(Some(fixture))
}

#[test]
fn a_plan_that_would_lose_messages_fails_with_their_number() -> Result<()> {
    let Some(fixture) = with_queue()? else {
        return Ok(());
    };
    amqp::publish(&fixture.uri(), "", "q", 3)?;

    // Taken out of the configuration, replaced, or destroyed with everything.
    fixture.main("")?;
    Diagnostic::only(fixture.terraform.plan_errors()?)?.says(&["3 messages", "force"])?;
    fixture.main(&QUEUE.replace("\"q\"\n}", "\"q\"\n  durable = false\n}"))?;
    let replaced = Diagnostic::only(fixture.terraform.plan_errors()?)?;
    replaced.says(&["3 messages", "force", "durable"])?;
    fixture.main(QUEUE)?;
    let destroy = fixture
        .terraform
        .run(&["destroy", "-auto-approve", "-no-color"])?
        .failure()?;
    assert!(destroy.stderr.contains("3 messages"), "{destroy}");
    assert_eq!(amqp::drain(&fixture.uri(), "q")?, 3);

    // Empty, it goes.
    fixture.main("")?;
    fixture.terraform.apply_settles()
}

#[test]
fn force_lets_them_go_once_it_is_applied() -> Result<()> {
    let Some(fixture) = with_queue()? else {
        return Ok(());
    };
    amqp::publish(&fixture.uri(), "", "q", 3)?;
    let force = "\"q\"\n  deletion_policy = \"force\"\n}";
    fixture.main(&QUEUE.replace("\"q\"\n}", force))?;
    assert_eq!(
        fixture.terraform.plan()?.summary(),
        ["update ferrymq_queue.q"]
    );
    fixture.terraform.apply_settles()?;
    fixture.main("")?;
    fixture.terraform.apply_settles()
}

#[test]
fn a_message_that_arrives_after_the_plan_is_not_lost_either() -> Result<()> {
    let Some(fixture) = with_queue()? else {
        return Ok(());
    };
    fixture.main("")?;
    assert_eq!(
        fixture.terraform.plan()?.summary(),
        ["delete ferrymq_queue.q"]
    );
    amqp::publish(&fixture.uri(), "", "q", 1)?;
    let refused = fixture
        .terraform
        .run(&["apply", "-no-color", "plan.bin"])?
        .failure()?;
    assert!(refused.stderr.contains("1 message"), "{refused}");
    assert!(
        fixture
            .terraform
            .addresses()?
            .contains(&"ferrymq_queue.q".to_owned())
    );
    assert_eq!(amqp::drain(&fixture.uri(), "q")?, 1);
    fixture.terraform.apply_settles()
}

#[test]
fn a_broker_with_messages_in_it_is_kept_too() -> Result<()> {
    let Some(fixture) = Fixture::with_broker()? else {
        return Ok(());
    };
    amqp::declare_queue(&fixture.uri(), "of a client", Default::default())?;
    amqp::publish(&fixture.uri(), "", "of a client", 2)?;
    let destroy = fixture
        .terraform
        .run(&["destroy", "-auto-approve", "-no-color"])?
        .failure()?;
    assert!(destroy.stderr.contains("2 messages"), "{destroy}");
    assert_eq!(amqp::drain(&fixture.uri(), "of a client")?, 2);
    fixture.terraform.destroy()
}

#[test]
fn what_someone_else_made_is_not_taken_over() -> Result<()> {
    let Some(fixture) = Fixture::with_broker()? else {
        return Ok(());
    };
    amqp::declare_queue(&fixture.uri(), "q", Default::default())?;
    fixture.main(QUEUE)?;
    let exists = Diagnostic::only(fixture.terraform.apply_errors()?)?;
    exists.says(&["exists", "terraform import ferrymq_queue", "/queue/%2F/q"])?;
    assert!(
        !fixture
            .terraform
            .addresses()?
            .contains(&"ferrymq_queue.q".to_owned())
    );
    fixture.terraform.import(
        "ferrymq_queue.q",
        &format!("{}/queue/%2F/q", fixture.broker_id()),
    )?;
    fixture.terraform.apply_settles()
}

#[test]
fn a_new_password_without_a_new_version_is_not_sent() -> Result<()> {
    let Some(fixture) = Fixture::with_broker()? else {
        return Ok(());
    };
    fixture
        .terraform
        .write("broker.tf", &fixture.broker().replace(PASSWORD, "not yet"))?;
    assert!(fixture.terraform.plan()?.is_empty());
    assert!(amqp::can_connect(&fixture.uri()));
    Ok(())
}

#[test]
fn a_lost_race_is_a_conflict_and_overwrites_nothing() -> Result<()> {
    let Some(fixture) = Fixture::with_broker()? else {
        return Ok(());
    };
    let tags = |tag| format!("\"app\"\n  tags = [\"{tag}\"]\n  password_wo ");
    let broker = fixture.broker();
    fixture.terraform.write(
        "broker.tf",
        &broker.replacen("\"app\"\n  password_wo ", &tags("mine"), 1),
    )?;
    fixture.terraform.plan()?;
    fixture.behind_its_back(async |agent| {
        let user = agent_api::v1::User {
            name: "app".to_owned(),
            tags: vec!["theirs".to_owned()],
            ..Default::default()
        };
        let request = agent_api::v1::PutUserRequest {
            broker: super::fixture::BROKER.to_owned(),
            user: Some(user),
            ..Default::default()
        };
        agent.call(agent.users().put_user(request)).await?;
        Ok(())
    })?;
    let lost: Finished = fixture
        .terraform
        .run(&["apply", "-no-color", "plan.bin"])?
        .failure()?;
    assert!(lost.stderr.contains("changed meanwhile"), "{lost}");
    let plan = fixture.terraform.plan()?;
    let change = plan.change("ferrymq_user.app")?;
    assert_eq!(
        (&change.before["tags"][0], &change.after["tags"][0]),
        (&"theirs".into(), &"mine".into())
    );
    fixture.terraform.apply_settles()
}

#[test]
fn a_password_set_after_the_plan_is_a_conflict_even_where_none_is_sent() -> Result<()> {
    let Some(fixture) = Fixture::with_broker()? else {
        return Ok(());
    };
    let user = |password: &str| {
        format!(
            "resource \"ferrymq_user\" \"u\" {{\n  broker = ferrymq_broker.this.id\n  \
             name = \"u\"\n{password}}}\n"
        )
    };
    fixture.main(&user("  password = \"one\"\n"))?;
    fixture.terraform.apply_settles()?;
    // From now on the password is nobody's business: nothing is sent.
    fixture.main(&user(""))?;
    fixture.terraform.plan()?;
    fixture.behind_its_back(async |agent| {
        let theirs = agent_api::v1::password::Form::Plaintext("theirs".to_owned());
        let request = agent_api::v1::PutUserRequest {
            broker: super::fixture::BROKER.to_owned(),
            user: Some(agent_api::v1::User {
                name: "u".to_owned(),
                ..Default::default()
            }),
            password: Some(agent_api::v1::Password { form: Some(theirs) }),
            ..Default::default()
        };
        agent.call(agent.users().put_user(request)).await?;
        Ok(())
    })?;
    let lost: Finished = fixture
        .terraform
        .run(&["apply", "-no-color", "plan.bin"])?
        .failure()?;
    assert!(lost.stderr.contains("changed meanwhile"), "{lost}");
    assert!(!lost.stderr.contains("inconsistent"), "{lost}");
    fixture.terraform.apply_settles()
}
