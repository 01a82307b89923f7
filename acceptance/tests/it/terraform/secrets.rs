//! Where a write-only password may be: nowhere but in the configuration and, hashed, in the broker.

use std::fs;
use std::path::Path;

use anyhow::Result;

use super::fixture::{Fixture, PASSWORD};

#[test]
fn a_write_only_password_is_in_no_state_plan_or_log() -> Result<()> {
    let Some(mut fixture) = Fixture::prepare()? else {
        return Ok(());
    };
    let log = fixture.terraform.root().join("trace.log");
    fixture.terraform.set("TF_LOG", "TRACE");
    fixture.terraform.set("TF_LOG_PATH", log.as_os_str());
    fixture.main("variable \"password\" {\n  sensitive = true\n  ephemeral = true\n}\n")?;
    fixture.terraform.set("TF_VAR_password", PASSWORD);
    let secretive = fixture
        .broker()
        .replace(&format!("\"{PASSWORD}\""), "var.password");
    fixture.terraform.write("broker.tf", &secretive)?;
    fixture.terraform.plan()?;
    let shown = fixture
        .terraform
        .run(&["show", "-json", "plan.bin"])?
        .success()?
        .stdout;
    assert!(!shown.contains(PASSWORD), "{shown}");
    fixture.terraform.apply()?;
    fixture.terraform.write(
        "broker.tf",
        &secretive.replace("version = 1", "version = 2"),
    )?;
    fixture.terraform.apply_settles()?;
    assert!(crate::amqp::can_connect(&fixture.uri()));

    let state = fixture.terraform.run(&["state", "pull"])?.success()?.stdout;
    assert!(state.contains("password_wo_version"), "{state}");
    assert!(!state.contains(PASSWORD), "{state}");
    let log = fs::read_to_string(log)?;
    let traced = log
        .lines()
        .filter(|line| line.contains("provider.terraform-provider-ferrymq"));
    assert!(
        traced.count() > 10,
        "the provider logged next to nothing at TRACE"
    );
    let leaks: Vec<_> = log.lines().filter(|line| line.contains(PASSWORD)).collect();
    assert!(leaks.is_empty(), "{leaks:#?}");
    assert!(!fixture.agent.server_mut()?.log().contains(PASSWORD));
    assert_no_file_holds(&fixture.agent.path(""), PASSWORD)
}

#[test]
fn a_stored_password_is_sensitive_and_in_no_log() -> Result<()> {
    let Some(mut fixture) = Fixture::prepare()? else {
        return Ok(());
    };
    let log = fixture.terraform.root().join("trace.log");
    fixture.terraform.set("TF_LOG_PROVIDER", "TRACE");
    fixture.terraform.set("TF_LOG_PATH", log.as_os_str());
    let stored = fixture
        .broker()
        .replace("password_wo_version = 1", "")
        .replace("password_wo         =", "password =");
    fixture.terraform.write("broker.tf", &stored)?;
    fixture.terraform.apply_settles()?;
    assert!(crate::amqp::can_connect(&fixture.uri()));
    fixture
        .terraform
        .write("broker.tf", &stored.replace(PASSWORD, "a second one"))?;
    let plan = fixture.terraform.run(&["plan", "-no-color"])?.success()?;
    assert!(plan.stdout.contains("(sensitive value)"), "{plan}");
    assert!(
        !plan.stdout.contains("a second one") && !plan.stdout.contains(PASSWORD),
        "{plan}"
    );
    fixture.terraform.apply_settles()?;
    assert!(crate::amqp::can_connect(&fixture.uri_of(
        "app",
        "a second one",
        "%2f"
    )));

    let log = fs::read_to_string(log)?;
    assert!(
        !log.contains(PASSWORD) && !log.contains("a second one"),
        "a password was logged"
    );
    assert_no_file_holds(&fixture.agent.path(""), PASSWORD)
}

fn assert_no_file_holds(dir: &Path, secret: &str) -> Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            assert_no_file_holds(&path, secret)?;
        } else if path.is_file() {
            let bytes = fs::read(&path)?;
            let found = bytes
                .windows(secret.len())
                .any(|window| window == secret.as_bytes());
            assert!(!found, "{} holds a password", path.display());
        }
    }
    Ok(())
}
