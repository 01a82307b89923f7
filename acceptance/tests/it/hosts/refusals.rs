//! What AWS refuses: one clear error each, and nothing is left without a trace.

use anyhow::{Result, ensure};

use super::Fixture;

const PLAIN: &str = "  instance_type = \"m7g.large\"\n  ami = \"ami-0123abcd\"\n";

#[test]
fn each_refusal_is_one_error_at_its_attribute() -> Result<()> {
    let Some(fixture) = Fixture::prepare("us-west-1")? else {
        return Ok(());
    };
    fixture.host(PLAIN)?;
    for (code, message, says, at) in [
        (
            "UnauthorizedOperation",
            "You are not authorized. Encoded: x",
            ["denies", "`ec2:RunInstances`"],
            None,
        ),
        (
            "InvalidAMIID.NotFound",
            "The image id does not exist",
            ["does not have", "us-west-1"],
            Some("ami"),
        ),
        (
            "InsufficientFreeAddressesInSubnet",
            "No addresses",
            ["Free addresses", "subnet"],
            Some("subnet_id"),
        ),
        (
            "VcpuLimitExceeded",
            "You have requested more vCPU capacity",
            ["quota", "us-west-1"],
            Some("instance_type"),
        ),
        (
            "InsufficientInstanceCapacity",
            "We have no m7g.large",
            ["no room", "zone"],
            Some("instance_type"),
        ),
        (
            "RequestExpired",
            "Request has expired",
            ["clock", "five minutes"],
            None,
        ),
        (
            "RequestLimitExceeded",
            "Request limit exceeded",
            ["throttles", "max_retries"],
            None,
        ),
    ] {
        fixture
            .aws
            .fail(fixture.region, "RunInstances", (code, message), None)?;
        let errors = fixture.terraform.apply_errors()?;
        fixture.aws.heal(fixture.region)?;
        ensure!(errors.len() == 1, "{code}: {errors:#?}");
        errors[0]
            .says(&[code, message, "00000000-fa17"])?
            .says(&says)?;
        if let Some(attribute) = at {
            errors[0].points_at(attribute)?;
        }
        assert_eq!(
            fixture.terraform.addresses()?,
            Vec::<String>::new(),
            "{code}"
        );
    }
    assert_eq!(fixture.states()?, Vec::<String>::new());
    Ok(())
}

#[test]
fn a_little_throttling_is_waited_out() -> Result<()> {
    let Some(fixture) = Fixture::prepare("us-west-2")? else {
        return Ok(());
    };
    fixture.host(PLAIN)?;
    let throttled = ("RequestLimitExceeded", "Request limit exceeded");
    fixture
        .aws
        .fail(fixture.region, "RunInstances", throttled, Some(2))?;
    fixture.terraform.apply_settles()?;
    fixture.terraform.destroy()
}

#[test]
fn nobodys_credentials_are_told_as_such() -> Result<()> {
    let Some(mut fixture) = Fixture::prepare("us-east-2")? else {
        return Ok(());
    };
    fixture.host(PLAIN)?;
    fixture.terraform.set("AWS_ACCESS_KEY_ID", "");
    fixture.terraform.set("AWS_SECRET_ACCESS_KEY", "");
    fixture.terraform.set("HOME", fixture.terraform.root());
    let errors = fixture.terraform.apply_errors()?;
    errors[0].says(&["No valid AWS credentials", "AWS_ACCESS_KEY_ID", "profile"])?;
    fixture.terraform.set("AWS_REGION", "");
    let errors = fixture.terraform.plan_errors()?;
    errors[0]
        .says(&["no region is set", "AWS_REGION"])
        .map(drop)
}

#[test]
fn an_instance_whose_agent_never_answers_shows_its_console() -> Result<()> {
    let Some(fixture) = Fixture::prepare("sa-east-1")? else {
        return Ok(());
    };
    fixture.host(&format!("{PLAIN}  timeouts = {{ create = \"8s\" }}\n"))?;
    let main = std::fs::read_to_string(fixture.terraform.root().join("main.tf"))?;
    let main = main.replace("wait_for_agent = false", "wait_for_agent = true");
    fixture.terraform.write("main.tf", &main)?;
    fixture
        .aws
        .show_on_every_console("ferrymq-boot: FAILED: cannot get the package")?;
    let errors = fixture.terraform.apply_errors()?;
    ensure!(errors.len() == 1, "{errors:#?}");
    errors[0].says(&[
        "took too long",
        "timeouts.create",
        "ferrymq-boot: FAILED: cannot get the package",
    ])?;
    // It is in the state, to be made anew or destroyed.
    assert_eq!(fixture.terraform.addresses()?, ["ferrymq_host.this"]);
    fixture.terraform.destroy()?;
    assert_eq!(fixture.states()?, ["terminated"]);
    Ok(())
}

#[test]
fn a_protected_host_is_not_destroyed() -> Result<()> {
    let Some(fixture) = Fixture::prepare("ap-southeast-2")? else {
        return Ok(());
    };
    fixture.host(&format!("{PLAIN}  termination_protection = true\n"))?;
    fixture.terraform.apply_settles()?;
    fixture.terraform.write("main.tf", "")?;
    let errors = fixture.terraform.plan_errors()?;
    errors[0].says(&["protected", "orders-1", "Set it to false"])?;
    fixture.host(PLAIN)?;
    fixture.terraform.apply_settles()?;
    fixture.terraform.destroy()
}
