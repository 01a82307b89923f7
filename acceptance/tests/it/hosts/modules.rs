//! The modules that make networks, hosts and brokers on them, by their own tests.

use acceptance::agent::Agent;
use acceptance::aws::StandIn;
use acceptance::terraform::Workspace;
use anyhow::Result;

/// Runs a module's tests; the next-door modules are there too.
fn test(module: &str, region: &str, passed: &str) -> Result<()> {
    let Some(aws) = StandIn::shared()? else {
        return Ok(());
    };
    let agent = Agent::init()?;
    let Some(mut terraform) = Workspace::empty()? else {
        return Ok(());
    };
    terraform.copy(&format!("modules/{module}"))?;
    for neighbour in ["broker", "host", "network", "single-broker"] {
        terraform.copy_beside(&format!("modules/{neighbour}"))?;
    }
    for (name, value) in aws.environment() {
        terraform.set(name, value);
    }
    terraform.set("AWS_REGION", region);
    terraform.set("FERRYMQ_CA_CERTIFICATE", agent.ca());
    terraform.set("FERRYMQ_CLIENT_CERTIFICATE", agent.client_certificate());
    terraform.set("FERRYMQ_CLIENT_KEY", agent.client_key());
    let tested = terraform.run(&["test", "-no-color"])?.success()?;
    assert!(tested.stdout.contains(passed), "{tested}");
    Ok(())
}

#[test]
fn the_network_module_passes_its_own_tests() -> Result<()> {
    test("network", "mx-central-1", "5 passed, 0 failed")
}

#[test]
fn the_host_module_passes_its_own_tests() -> Result<()> {
    test("host", "ap-southeast-6", "6 passed, 0 failed")
}

#[test]
fn the_single_broker_module_passes_its_own_tests() -> Result<()> {
    test("single-broker", "us-gov-east-1", "3 passed, 0 failed")
}

#[test]
fn the_multi_region_module_passes_its_own_tests() -> Result<()> {
    test("multi-region", "us-gov-west-1", "3 passed, 0 failed")
}
