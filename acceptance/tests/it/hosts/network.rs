//! `ferrymq_network` from nothing to a network and back, and whatever happens to it in between.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::Fixture;

const NETWORK: &str = r#"
resource "ferrymq_network" "this" {
  name           = "shop"
  cidr           = "10.20.0.0/16"
  agent_sources  = ["10.9.0.0/24"]
  client_sources = ["10.0.0.0/8"]
  tags           = { team = "payments" }
}
"#;

/// What a network could leave behind, and how EC2's answers name it.
const KINDS: [(&str, &str); 6] = [
    ("DescribeVpcs", "vpcId"),
    ("DescribeSubnets", "subnetId"),
    ("DescribeInternetGateways", "internetGatewayId"),
    ("DescribeRouteTables", "routeTableId"),
    ("DescribeSecurityGroups", "groupId"),
    ("DescribeVpcEndpoints", "vpcEndpointId"),
];

impl Fixture {
    fn network_attributes(&self) -> Result<Value> {
        self.terraform.attributes("ferrymq_network.this")
    }

    /// Ids of what belongs to the network "shop", by kind.
    fn parts(&self, action: &str) -> Result<Vec<String>> {
        let filter = [
            ("Filter.1.Name", "tag:ferrymq:network"),
            ("Filter.1.Value.1", "shop"),
        ];
        let seen = self.aws.ec2(self.region, action, &filter)?;
        let kind = KINDS.iter().find(|(known, _)| *known == action);
        let mut ids = seen.all(kind.map_or("", |(_, id)| id));
        ids.sort();
        ids.dedup();
        Ok(ids)
    }

    fn nothing_is_left(&self) -> Result<()> {
        for (action, _) in KINDS {
            let left = self.parts(action)?;
            // Endpoints are seen for a while after they have gone.
            let gone = action == "DescribeVpcEndpoints"
                && self.aws.ec2(self.region, action, &[])?.0.contains("delet");
            ensure!(left.is_empty() || gone, "{action}: {left:?}");
        }
        Ok(())
    }
}

#[test]
fn a_network_is_made_changed_and_gone_without_a_trace() -> Result<()> {
    let Some(fixture) = Fixture::prepare("eu-central-1")? else {
        return Ok(());
    };
    fixture.terraform.write("main.tf", NETWORK)?;
    fixture.terraform.apply_settles()?;
    let network = fixture.network_attributes()?;
    assert_eq!(
        network["availability_zones"],
        json!(["eu-central-1a", "eu-central-1b"])
    );
    assert_eq!(network["public_subnet_ids"], json!([]));
    assert_eq!(network["deviations"], json!([]));
    let private = network["private_subnet_ids"].clone();
    assert_eq!(private.as_array().map(Vec::len), Some(2));
    let seen = fixture.aws.ec2(fixture.region, "DescribeSubnets", &[])?;
    ensure!(
        seen.0.contains("10.20.0.0/20") && seen.0.contains("10.20.16.0/20"),
        "{}",
        seen.0
    );
    assert_eq!(fixture.parts("DescribeInternetGateways")?.len(), 0);
    assert_eq!(fixture.parts("DescribeVpcEndpoints")?.len(), 2);
    let_in_as_named(&fixture, &network)?;

    // Public subnets, other sources and endpoints with addresses come in place, and go again.
    let public = NETWORK
        .replace("[\"10.0.0.0/8\"]", "[\"10.0.0.0/8\", \"172.16.0.0/12\"]")
        .replace("payments", "orders")
        .replace(
            "  tags ",
            "  public_subnets = true\n  vpc_endpoints  = [\"s3\", \"kms\"]\n  tags ",
        );
    fixture.terraform.write("main.tf", &public)?;
    assert_eq!(
        fixture.terraform.plan()?.summary(),
        ["update ferrymq_network.this"]
    );
    fixture.terraform.apply_settles()?;
    let network = fixture.network_attributes()?;
    assert_eq!(network["private_subnet_ids"], private);
    assert_eq!(
        network["public_subnet_ids"].as_array().map(Vec::len),
        Some(2)
    );
    assert_eq!(fixture.parts("DescribeSubnets")?.len(), 4);
    assert_eq!(fixture.parts("DescribeInternetGateways")?.len(), 1);
    let seen = fixture
        .aws
        .ec2(fixture.region, "DescribeVpcEndpoints", &[])?;
    ensure!(
        seen.0.contains("com.amazonaws.eu-central-1.kms"),
        "{}",
        seen.0
    );
    ensure!(!seen.0.contains("payments"), "tags stay behind: {}", seen.0);

    fixture.terraform.write("main.tf", NETWORK)?;
    fixture.terraform.apply_settles()?;
    assert_eq!(fixture.network_attributes()?["private_subnet_ids"], private);
    assert_eq!(fixture.parts("DescribeSubnets")?.len(), 2);
    fixture.terraform.destroy()?;
    fixture.nothing_is_left()
}

fn let_in_as_named(fixture: &Fixture, network: &Value) -> Result<()> {
    let group = network["security_group_id"].as_str().unwrap_or_default();
    let rules = [("GroupId.1", group)];
    let rules = fixture
        .aws
        .ec2(fixture.region, "DescribeSecurityGroups", &rules)?;
    let mut sources = rules.all("cidrIp");
    sources.sort();
    // The first is where hosts may go: everywhere.
    assert_eq!(sources, ["0.0.0.0/0", "10.0.0.0/8", "10.9.0.0/24"]);
    Ok(())
}

#[test]
fn what_others_do_to_a_network_is_shown_and_put_right() -> Result<()> {
    let Some(fixture) = Fixture::prepare("ap-southeast-5")? else {
        return Ok(());
    };
    let public = NETWORK.replace("  tags ", "  public_subnets = true\n  tags ");
    fixture.terraform.write("main.tf", &public)?;
    fixture.terraform.apply()?;
    let network = fixture.network_attributes()?;
    let there = |action: &str, arguments: &[(&str, &str)]| {
        fixture.aws.ec2(fixture.region, action, arguments).map(drop)
    };
    let group = network["security_group_id"].as_str().unwrap_or_default();
    let subnet = network["private_subnet_ids"][1]
        .as_str()
        .unwrap_or_default();
    let open = [
        ("GroupId", group),
        ("IpPermissions.1.IpProtocol", "tcp"),
        ("IpPermissions.1.FromPort", "22"),
        ("IpPermissions.1.ToPort", "22"),
        ("IpPermissions.1.IpRanges.1.CidrIp", "0.0.0.0/0"),
    ];
    there("AuthorizeSecurityGroupIngress", &open)?;
    let associations = fixture
        .aws
        .ec2(fixture.region, "DescribeRouteTables", &[])?;
    let association = associations
        .0
        .split("<item>")
        .find(|item| item.contains(subnet) && item.contains("routeTableAssociationId"))
        .and_then(|item| Some(item.split_once("<routeTableAssociationId>")?.1))
        .and_then(|item| Some(item.split_once('<')?.0.to_owned()));
    if let Some(association) = association {
        there("DisassociateRouteTable", &[("AssociationId", &association)])?;
    }
    there("DeleteSubnet", &[("SubnetId", subnet)])?;

    let plan = fixture.terraform.plan()?;
    let change = plan.change("ferrymq_network.this")?;
    assert_eq!(change.action, "update");
    assert_eq!(
        change.before["deviations"],
        json!([
            "make subnet private-ap-southeast-5b",
            "keep out of the group of hosts: 0.0.0.0/0 to tcp 22"
        ])
    );
    assert_eq!(change.after["deviations"], json!([]));
    assert_eq!(change.after["security_group_id"], group);
    fixture.terraform.apply_settles()?;
    let repaired = fixture.network_attributes()?;
    assert_eq!(repaired["id"], network["id"]);
    assert_eq!(
        repaired["private_subnet_ids"][0],
        network["private_subnet_ids"][0]
    );
    assert_ne!(
        repaired["private_subnet_ids"][1],
        network["private_subnet_ids"][1]
    );
    fixture.terraform.destroy()?;
    fixture.nothing_is_left()
}

#[test]
fn a_network_can_be_imported() -> Result<()> {
    let Some(fixture) = Fixture::prepare("ap-northeast-2")? else {
        return Ok(());
    };
    let three = NETWORK.replace("  tags ", "  zone_count     = 3\n  tags ");
    fixture.terraform.write("main.tf", &three)?;
    fixture.terraform.apply()?;
    let network = fixture.network_attributes()?;
    assert_eq!(
        network["availability_zones"].as_array().map(Vec::len),
        Some(3)
    );
    let id = network["id"].as_str().unwrap_or_default();
    let address = "ferrymq_network.this";
    fixture
        .terraform
        .run(&["state", "rm", address])?
        .success()?;
    // Without it in the state, another apply must not make a second one of its name.
    let refused = fixture.terraform.apply_errors()?;
    refused[0]
        .says(&["exists already", &format!("ap-northeast-2/{id}")])?
        .points_at("name")?;
    fixture
        .terraform
        .import(address, &format!("ap-northeast-2/{id}"))?;
    fixture.terraform.apply_settles()?;
    assert_eq!(fixture.network_attributes()?, network);

    let others = fixture.network.vpc.as_str();
    fixture
        .terraform
        .run(&["state", "rm", address])?
        .success()?;
    let import = ["import", "-input=false", "-no-color", address, others];
    let refused = fixture.terraform.run(&import)?.failure()?;
    ensure!(refused.stderr.contains("Nothing to import"), "{refused}");
    fixture.terraform.import(address, id)?;
    fixture.terraform.destroy()?;
    fixture.nothing_is_left()
}

#[test]
fn a_creation_that_ended_halfway_goes_on() -> Result<()> {
    let Some(fixture) = Fixture::prepare("ap-southeast-1")? else {
        return Ok(());
    };
    fixture.terraform.write("main.tf", NETWORK)?;
    let refused = ("UnauthorizedOperation", "You are not authorized.");
    fixture
        .aws
        .fail(fixture.region, "CreateSecurityGroup", refused, None)?;
    let errors = fixture.terraform.apply_errors()?;
    errors[0].says(&["denies", "`ec2:CreateSecurityGroup`", "00000000-fa17"])?;
    let vpcs = fixture.parts("DescribeVpcs")?;
    assert_eq!(vpcs.len(), 1);
    // It is in the state, as far as it came.
    assert_eq!(fixture.terraform.addresses()?, ["ferrymq_network.this"]);
    // And it is found without that, as when the machine that ran Terraform is lost.
    fixture
        .terraform
        .run(&["state", "rm", "ferrymq_network.this"])?
        .success()?;
    fixture.aws.heal(fixture.region)?;
    let apply = ["apply", "-input=false", "-auto-approve", "-no-color"];
    let applied = fixture.terraform.run(&apply)?.success()?;
    ensure!(
        applied.stdout.contains("Network was taken over"),
        "{applied}"
    );
    assert_eq!(fixture.parts("DescribeVpcs")?, vpcs);
    ensure!(fixture.terraform.plan()?.is_empty(), "it does not settle");

    // What is still used is waited for, and then told.
    let used = ("DependencyViolation", "The subnet has dependencies");
    fixture
        .aws
        .fail(fixture.region, "DeleteSubnet", used, Some(2))?;
    fixture.terraform.destroy()?;
    fixture.nothing_is_left()
}

#[test]
fn a_network_that_is_used_says_by_whom() -> Result<()> {
    let Some(fixture) = Fixture::prepare("ap-northeast-3")? else {
        return Ok(());
    };
    let hasty = NETWORK.replace("  tags ", "  timeouts = { delete = \"3s\" }\n  tags ");
    fixture.terraform.write("main.tf", &hasty)?;
    fixture.terraform.apply()?;
    let network = fixture.network_attributes()?;
    let subnet = network["private_subnet_ids"][0]
        .as_str()
        .unwrap_or_default();
    let made = [("SubnetId", subnet), ("Description", "somebody's")];
    let made = fixture
        .aws
        .ec2(fixture.region, "CreateNetworkInterface", &made)?;
    let interface = made.first("networkInterfaceId")?;
    let used = ("DependencyViolation", "The subnet has dependencies");
    fixture
        .aws
        .fail(fixture.region, "DeleteSubnet", used, None)?;
    let destroy = ["destroy", "-input=false", "-auto-approve", "-no-color"];
    let refused = fixture.terraform.run(&destroy)?.failure()?;
    for said in [&*interface, "somebody's", "timeouts.delete"] {
        ensure!(refused.stderr.contains(said), "no {said}: {refused}");
    }
    fixture.aws.heal(fixture.region)?;
    let gone = [("NetworkInterfaceId", interface.as_str())];
    fixture
        .aws
        .ec2(fixture.region, "DeleteNetworkInterface", &gone)?;
    fixture.terraform.destroy()?;
    fixture.nothing_is_left()
}

#[test]
fn bad_values_are_told_at_plan() -> Result<()> {
    let Some(fixture) = Fixture::prepare("me-south-1")? else {
        return Ok(());
    };
    for (from, to, says, at) in [
        ("10.20.0.0/16", "10.20.0.0/28", "16 to 24 bits", "cidr"),
        ("10.20.0.0/16", "10.20.0.1/16", "10.20.0.0/16", "cidr"),
        (
            "10.0.0.0/8",
            "anybody",
            "such as 10.20.0.0/16",
            "client_sources",
        ),
        ("team =", "Name =", "set by the provider", "tags"),
    ] {
        let bad = NETWORK.replace(from, to);
        fixture.terraform.write("main.tf", &bad)?;
        let errors = fixture.terraform.plan_errors()?;
        errors[0].says(&[says])?.points_at(at)?;
    }
    Ok(())
}
