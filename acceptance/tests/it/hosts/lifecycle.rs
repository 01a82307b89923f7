//! From nothing to a host and back, with what changes in between.

use std::time::Duration;

use acceptance::poll;
use anyhow::{Result, ensure};
use rustix::process::{Pid, Signal, kill_process};

use super::Fixture;

const SMALL: &str = r#"
  instance_type = "m7g.large"
  tags          = { team = "payments" }
  root_volume   = { size_gib = 20, volume_type = "gp3" }
  data_volume   = { size_gib = 50 }
"#;

#[test]
fn a_host_is_made_as_it_is_declared_and_goes_without_a_trace_but_its_data() -> Result<()> {
    let Some(fixture) = Fixture::prepare("eu-north-1")? else {
        return Ok(());
    };
    fixture.host(SMALL)?;
    fixture.terraform.apply_settles()?;
    let host = fixture.terraform.attributes("ferrymq_host.this")?;
    assert_eq!(host["state"], "running");
    assert_eq!(host["region"], "eu-north-1");
    assert_eq!(host["availability_zone"], "eu-north-1a");
    let ip = fixture.attribute("private_ip")?;
    assert!(ip.starts_with("10.1.1."), "{ip}");
    assert_eq!(host["endpoint"], format!("{ip}:7443"));
    let id = fixture.attribute("id")?;

    let seen = fixture.aws.ec2(fixture.region, "DescribeInstances", &[])?;
    assert_eq!(seen.first("httpTokens")?, "required");
    assert_eq!(seen.first("httpPutResponseHopLimit")?, "1");
    assert!(seen.0.contains("<value>payments</value>"), "{}", seen.0);
    assert!(!seen.0.contains("ferrymq:creating"), "{}", seen.0);

    // The data volume outlives the host, and the next one of its name gets it.
    let volume = host["data_volume"]["id"].clone();
    fixture.terraform.destroy()?;
    assert_eq!(fixture.states()?, ["terminated"]);
    fixture.terraform.apply_settles()?;
    let host = fixture.terraform.attributes("ferrymq_host.this")?;
    assert_ne!(host["id"], id.as_str());
    assert_eq!(host["data_volume"]["id"], volume);

    fixture.host(&SMALL.replace("size_gib = 50", "size_gib = 50, on_destroy = \"delete\""))?;
    fixture.terraform.apply_settles()?;
    fixture.terraform.destroy()?;
    let volumes = fixture.aws.ec2(fixture.region, "DescribeVolumes", &[])?;
    assert_eq!(volumes.all("volumeId"), Vec::<String>::new());
    Ok(())
}

#[test]
fn what_an_instance_runs_at_first_boot_holds_no_secret() -> Result<()> {
    let Some(fixture) = Fixture::prepare("eu-south-1")? else {
        return Ok(());
    };
    fixture.host(
        r#"
  instance_type   = "m7g.large"
  authority       = "10.1.0.9:7445"
  agent_package   = { url = "https://packages.example.com/agent.tar.gz", sha256 = "00000000000000000000000000000000000000000000000000000000000000aa" }
  user_data_extra = "echo \"it's up\""
"#,
    )?;
    fixture.terraform.apply_settles()?;
    let id = fixture.attribute("id")?;
    let arguments = [("InstanceId", id.as_str()), ("Attribute", "userData")];
    let seen = fixture
        .aws
        .ec2(fixture.region, "DescribeInstanceAttribute", &arguments)?;
    let script = String::from_utf8(base64_of(&seen.first("value")?)?)?;
    for said in [
        "#!/bin/sh",
        "HOST_NAME='orders-1'",
        "AUTHORITY='10.1.0.9:7445'",
        "PACKAGE_SHA256='00000000000000000000000000000000000000000000000000000000000000aa'",
        "echo \"it's up\"",
        "BEGIN CERTIFICATE",
    ] {
        ensure!(script.contains(said), "{said} is not in:\n{script}");
    }
    assert!(!script.contains("PRIVATE KEY"), "{script}");
    assert!(!script.contains('@'), "{script}");
    fixture.terraform.destroy()
}

#[test]
fn type_volumes_groups_and_tags_change_in_place() -> Result<()> {
    let Some(fixture) = Fixture::prepare("eu-west-3")? else {
        return Ok(());
    };
    fixture.host(SMALL)?;
    fixture.terraform.apply()?;
    let id = fixture.attribute("id")?;
    let group = [
        ("GroupName", "brokers"),
        ("GroupDescription", "brokers"),
        ("VpcId", &fixture.network.vpc),
    ];
    let group = fixture
        .aws
        .ec2(fixture.region, "CreateSecurityGroup", &group)?;
    let group = group.first("groupId")?;
    let changed = SMALL
        .replace("m7g.large", "m7g.xlarge")
        .replace("payments", "orders")
        .replace("size_gib = 20", "size_gib = 30")
        .replace("size_gib = 50", "size_gib = 80");
    fixture.host(&format!("{changed}  security_group_ids = [\"{group}\"]\n"))?;
    assert_eq!(
        fixture.terraform.plan()?.summary(),
        ["update ferrymq_host.this"]
    );
    fixture.terraform.apply_settles()?;
    assert_eq!(fixture.attribute("id")?, id);
    let seen = fixture.aws.ec2(fixture.region, "DescribeInstances", &[])?;
    assert_eq!(seen.first("instanceType")?, "m7g.xlarge");
    assert!(seen.0.contains(&group) && seen.0.contains("<value>orders</value>"));
    let volumes = fixture.aws.ec2(fixture.region, "DescribeVolumes", &[])?;
    let mut sizes = volumes.all("size");
    sizes.sort();
    assert_eq!(sizes, ["30", "80"]);

    // A volume does not shrink, and the plan says so.
    fixture.host(&changed.replace("size_gib = 80", "size_gib = 40"))?;
    let refused = fixture.terraform.plan_errors()?;
    refused[0]
        .says(&["cannot shrink", "80 GiB"])?
        .points_at("data_volume")?;
    fixture.host(&changed)?;
    fixture.terraform.destroy()
}

#[test]
fn what_happens_behind_terraforms_back_is_shown_and_repaired() -> Result<()> {
    let Some(fixture) = Fixture::prepare("ap-south-1")? else {
        return Ok(());
    };
    fixture.host(SMALL)?;
    fixture.terraform.apply()?;
    let id = fixture.attribute("id")?;
    let there = |action: &str, arguments: &[(&str, &str)]| {
        fixture.aws.ec2(fixture.region, action, arguments).map(drop)
    };
    there("StopInstances", &[("InstanceId.1", &id)])?;
    let retag = [
        ("ResourceId.1", id.as_str()),
        ("Tag.1.Key", "team"),
        ("Tag.1.Value", "nobody"),
    ];
    there("CreateTags", &retag)?;
    let plan = fixture.terraform.plan()?;
    let change = plan.change("ferrymq_host.this")?;
    assert_eq!(change.action, "update");
    assert_eq!(change.before["state"], "stopped");
    assert_eq!(change.after["state"], "running");
    assert_eq!(change.before["tags"]["team"], "nobody");
    fixture.terraform.apply_settles()?;

    there("TerminateInstances", &[("InstanceId.1", &id)])?;
    assert_eq!(
        fixture.terraform.plan()?.summary(),
        ["create ferrymq_host.this"]
    );
    fixture.terraform.apply_settles()?;
    assert_ne!(fixture.attribute("id")?, id);
    fixture.terraform.destroy()
}

#[test]
fn a_host_can_be_imported() -> Result<()> {
    let Some(fixture) = Fixture::prepare("ap-east-1")? else {
        return Ok(());
    };
    fixture.host(SMALL)?;
    fixture.terraform.apply()?;
    let id = fixture.attribute("id")?;
    fixture
        .terraform
        .run(&["state", "rm", "ferrymq_host.this"])?
        .success()?;
    // Without it in the state, another apply must not make a second one of its name.
    let refused = fixture.terraform.apply_errors()?;
    refused[0]
        .says(&["exists already", &format!("ap-east-1/{id}")])?
        .points_at("name")?;
    fixture
        .terraform
        .import("ferrymq_host.this", &format!("ap-east-1/{id}"))?;
    let plan = fixture.terraform.plan()?;
    ensure!(
        plan.changes.iter().all(|change| change.action == "update"),
        "{plan:#?}"
    );
    fixture.terraform.apply_settles()?;
    assert_eq!(fixture.attribute("id")?, id);
    fixture.terraform.destroy()
}

#[test]
fn what_a_killed_apply_has_left_is_taken_over() -> Result<()> {
    let Some(fixture) = Fixture::prepare("ca-central-1")? else {
        return Ok(());
    };
    // No agent will answer there: the apply waits, and is killed meanwhile.
    let waiting = "  instance_type = \"m7g.large\"\n";
    fixture.host(waiting)?;
    let patient = std::fs::read_to_string(fixture.terraform.root().join("main.tf"))?;
    let patient = patient.replace("wait_for_agent = false", "wait_for_agent = true");
    fixture.terraform.write("main.tf", &patient)?;
    fixture
        .terraform
        .run(&["init", "-input=false"])?
        .success()?;
    let apply = ["apply", "-input=false", "-auto-approve", "-no-color"];
    let mut child = fixture.terraform.prepare_command(&apply);
    let mut child = child.stdout(std::process::Stdio::null()).spawn()?;
    poll::until("the instance", Duration::from_secs(60), || {
        Ok(fixture
            .states()?
            .contains(&"running".to_owned())
            .then_some(()))
    })?;
    let pid = Pid::from_child(&child);
    kill_process(pid, Signal::KILL)?;
    child.wait()?;
    let state = fixture.terraform.root().join("terraform.tfstate");
    let kept = std::fs::read_to_string(&state).unwrap_or_default();
    ensure!(!kept.contains("\"i-"), "the state has the instance: {kept}");

    let lock = fixture
        .terraform
        .root()
        .join(".terraform.tfstate.lock.info");
    let _ = std::fs::remove_file(lock);
    fixture.host(waiting)?;
    let applied = fixture.terraform.run(&apply)?.success()?;
    ensure!(
        applied.stdout.contains("Instance was taken over"),
        "{applied}"
    );
    assert_eq!(fixture.states()?, ["running"]);
    fixture.terraform.destroy()
}

fn base64_of(text: &str) -> Result<Vec<u8>> {
    use base64::Engine as _;
    Ok(base64::prelude::BASE64_STANDARD.decode(text)?)
}
