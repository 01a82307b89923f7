//! What can be looked up: hosts, images, and what is on offer.

use anyhow::{Result, ensure};

use super::Fixture;

const LOOKUPS: &str = r#"
data "ferrymq_hosts" "payments" {
  tags       = { team = "payments" }
  depends_on = [ferrymq_host.this]
}

data "ferrymq_hosts" "others" {
  tags       = { team = "nobody" }
  depends_on = [ferrymq_host.this]
}

data "ferrymq_host_offerings" "ours" {
  instance_types = ["m7g.large"]
}

data "ferrymq_host_ami" "newest" {
  name_pattern = "ferrymq-agent-*"
}

output "hosts" {
  value = data.ferrymq_hosts.payments.hosts[*].endpoint
}

output "others" {
  value = length(data.ferrymq_hosts.others.hosts)
}

output "zones" {
  value = data.ferrymq_host_offerings.ours.zones
}

output "ami" {
  value = data.ferrymq_host_ami.newest.id
}
"#;

#[test]
fn hosts_images_and_offerings_are_found() -> Result<()> {
    let Some(fixture) = Fixture::prepare("eu-west-2")? else {
        return Ok(());
    };
    let image = [("Name", "ferrymq-agent-1"), ("Architecture", "arm64")];
    let image = fixture.aws.ec2(fixture.region, "RegisterImage", &image)?;
    fixture.host("  instance_type = \"m7g.large\"\n  tags = { team = \"payments\" }\n")?;
    fixture.terraform.write("lookups.tf", LOOKUPS)?;
    fixture.terraform.apply_settles()?;
    let endpoint = fixture.attribute("endpoint")?;
    assert_eq!(
        fixture.terraform.output("hosts")?,
        serde_json::json!([endpoint])
    );
    assert_eq!(fixture.terraform.output("others")?, 0);
    assert_eq!(
        fixture.terraform.output("ami")?,
        image.first("imageId")?.as_str()
    );
    let zones = fixture.terraform.output("zones")?;
    let zones = zones["m7g.large"].as_array().map_or(0, Vec::len);
    ensure!(zones >= 2, "{zones} zones");

    let missing = LOOKUPS.replace("ferrymq-agent-*", "no-such-image-*");
    fixture.terraform.write("lookups.tf", &missing)?;
    let errors = fixture.terraform.plan_errors()?;
    errors[0]
        .says(&["No such image", "no-such-image-*", "eu-west-2"])?
        .points_at("name_pattern")?;
    fixture.terraform.write("lookups.tf", "")?;
    fixture.terraform.destroy()
}
