//! `ferrymq_instance_profile` and the policy documents, with roles that a stand-in of IAM keeps.
//!
//! IAM knows no regions: each test has names of its own.

use acceptance::aws::Xml;
use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::Fixture;

/// Version of IAM's interface; and where it is for all regions.
const IAM: (&str, &str) = ("iam", "2010-05-08");
const EVERYWHERE: &str = "us-east-1";

const KEY: &str = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd";

fn profile(name: &str, more: &str) -> String {
    format!("resource \"ferrymq_instance_profile\" \"this\" {{\n  name = \"{name}\"\n{more}\n}}\n")
}

const METRICS: &str = "  permissions = { metric_namespaces = [\"FerryMQ\"] }";

impl Fixture {
    fn iam(&self, action: &str, arguments: &[(&str, &str)]) -> Result<Xml> {
        self.aws.query(EVERYWHERE, IAM, action, arguments)
    }

    fn profile_attributes(&self) -> Result<Value> {
        self.terraform.attributes("ferrymq_instance_profile.this")
    }

    fn is_gone(&self, name: &str) -> Result<()> {
        for (action, argument) in [
            ("GetRole", "RoleName"),
            ("GetInstanceProfile", "InstanceProfileName"),
        ] {
            let found = self.iam(action, &[(argument, name)]);
            ensure!(found.is_err(), "{action} finds {name}");
        }
        Ok(())
    }
}

#[test]
fn a_profile_may_what_is_named_and_goes_without_a_trace() -> Result<()> {
    let Some(fixture) = Fixture::prepare("eu-south-2")? else {
        return Ok(());
    };
    let name = "lifecycle";
    let boundary = "arn:aws:iam::123456789012:policy/bounds";
    fixture
        .terraform
        .write("main.tf", &profile(name, METRICS))?;
    fixture.terraform.apply_settles()?;
    let attributes = fixture.profile_attributes()?;
    assert_eq!(
        attributes["role_arn"],
        format!("arn:aws:iam::123456789012:role/{name}")
    );
    let policy = attributes["policy_json"].as_str().unwrap_or_default();
    let policy: Value = serde_json::from_str(policy)?;
    assert_eq!(
        policy["Statement"][0]["Action"],
        json!(["cloudwatch:PutMetricData"])
    );
    let role = ("RoleName", name);
    let seen = fixture.iam("GetRolePolicy", &[role, ("PolicyName", "ferrymq")])?;
    ensure!(seen.0.contains("PutMetricData"), "{}", seen.0);
    let seen = fixture.iam("GetInstanceProfile", &[("InstanceProfileName", name)])?;
    assert_eq!(seen.first("RoleName")?, name);

    let shared = shared_policy(&fixture)?;
    let more = format!(
        "  permissions = {{\n    kms_key_arns           = [\"{KEY}\"]\n    kms_encryption_context = {{ broker = \
         \"shop\" }}\n  }}\n  tags        = {{ team = \"payments\" }}\n  policy_arns = \
         [\"{shared}\"]\n  permissions_boundary = \
         \"{boundary}\""
    );
    fixture.terraform.write("main.tf", &profile(name, &more))?;
    let plan = fixture.terraform.plan()?;
    let change = plan.change("ferrymq_instance_profile.this")?;
    assert_eq!(change.action, "update");
    let planned = change.after["policy_json"].as_str().unwrap_or_default();
    ensure!(
        planned.contains("kms:EncryptionContext:broker") && !planned.contains("cloudwatch"),
        "{planned}"
    );
    fixture.terraform.apply_settles()?;
    let seen = fixture.iam("ListAttachedRolePolicies", &[role])?;
    assert_eq!(seen.first("PolicyName")?, "shared");
    let seen = fixture.iam("GetRole", &[role])?;
    ensure!(
        seen.0.contains(boundary) && seen.0.contains("<Value>payments</Value>"),
        "{}",
        seen.0
    );

    // With nothing named, nothing is allowed.
    fixture.terraform.write("main.tf", &profile(name, ""))?;
    fixture.terraform.apply_settles()?;
    assert_eq!(fixture.profile_attributes()?["policy_json"], Value::Null);
    let seen = fixture.iam("ListRolePolicies", &[role])?;
    ensure!(!seen.0.contains("<member>"), "{}", seen.0);
    let seen = fixture.iam("ListAttachedRolePolicies", &[role])?;
    ensure!(!seen.0.contains("<member>"), "{}", seen.0);
    fixture.terraform.destroy()?;
    fixture.is_gone(name)
}

/// The ARN of a policy that many roles can have.
fn shared_policy(fixture: &Fixture) -> Result<String> {
    let shared = [
        ("PolicyName", "shared"),
        (
            "PolicyDocument",
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:GetCallerIdentity","Resource":"*"}]}"#,
        ),
    ];
    fixture.iam("CreatePolicy", &shared)?.first("Arn")
}

#[test]
fn what_others_do_to_a_role_is_shown_and_put_right() -> Result<()> {
    let Some(fixture) = Fixture::prepare("eu-central-2")? else {
        return Ok(());
    };
    let name = "drift";
    fixture
        .terraform
        .write("main.tf", &profile(name, METRICS))?;
    fixture.terraform.apply()?;
    let role = ("RoleName", name);
    let all = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": "*", "Resource": "*" }
    ] });
    let all = ("PolicyDocument", all.to_string());
    let all = (all.0, all.1.as_str());
    fixture.iam("PutRolePolicy", &[role, ("PolicyName", "everything"), all])?;
    fixture.iam("PutRolePolicy", &[role, ("PolicyName", "ferrymq"), all])?;
    let out = [("InstanceProfileName", name), role];
    fixture.iam("RemoveRoleFromInstanceProfile", &out)?;
    let plan = fixture.terraform.plan()?;
    let change = plan.change("ferrymq_instance_profile.this")?;
    assert_eq!(change.action, "update");
    assert_eq!(change.before["other_policies"], json!(["everything"]));
    assert_eq!(change.after["other_policies"], json!([]));
    let before = change.before["policy_json"].as_str().unwrap_or_default();
    ensure!(
        before.contains(r#""Action":"*""#) || before.contains(r#""Action": "*""#),
        "{before}"
    );
    assert_eq!(change.before["role_arn"], Value::Null);
    fixture.terraform.apply_settles()?;
    let seen = fixture.iam("ListRolePolicies", &[role])?;
    assert_eq!(seen.all("member"), ["ferrymq"]);
    let seen = fixture.iam("GetRolePolicy", &[role, ("PolicyName", "ferrymq")])?;
    ensure!(seen.0.contains("PutMetricData"), "{}", seen.0);

    // A profile that is gone comes back around the role, and what both lost comes back as a whole.
    fixture.iam("RemoveRoleFromInstanceProfile", &out)?;
    fixture.iam("DeleteInstanceProfile", &[("InstanceProfileName", name)])?;
    fixture.terraform.apply_settles()?;
    let seen = fixture.iam("GetInstanceProfile", &[("InstanceProfileName", name)])?;
    assert_eq!(seen.first("RoleName")?, name);
    fixture.terraform.destroy()?;
    fixture.is_gone(name)
}

#[test]
fn a_profile_can_be_imported_and_one_of_others_stays_as_it_is() -> Result<()> {
    let Some(fixture) = Fixture::prepare("ap-south-2")? else {
        return Ok(());
    };
    let (name, address) = ("imported", "ferrymq_instance_profile.this");
    fixture
        .terraform
        .write("main.tf", &profile(name, METRICS))?;
    fixture.terraform.apply()?;
    let before = fixture.profile_attributes()?;
    fixture
        .terraform
        .run(&["state", "rm", address])?
        .success()?;
    let refused = fixture.terraform.apply_errors()?;
    refused[0]
        .says(&["exists already", "Import it"])?
        .points_at("name")?;
    fixture.terraform.import(address, name)?;
    fixture.terraform.apply_settles()?;
    assert_eq!(fixture.profile_attributes()?, before);
    fixture.terraform.destroy()?;

    let trust = (
        "AssumeRolePolicyDocument",
        r#"{"Version":"2012-10-17","Statement":[]}"#,
    );
    fixture.iam("CreateRole", &[("RoleName", "somebodys"), trust])?;
    fixture
        .terraform
        .write("main.tf", &profile("somebodys", METRICS))?;
    let refused = fixture.terraform.apply_errors()?;
    refused[0]
        .says(&["exists already", "has not made"])?
        .points_at("name")?;
    let import = ["import", "-input=false", "-no-color", address, "somebodys"];
    let refused = fixture.terraform.run(&import)?.failure()?;
    ensure!(refused.stderr.contains("Nothing to import"), "{refused}");
    fixture
        .iam("DeleteRole", &[("RoleName", "somebodys")])
        .map(drop)
}

#[test]
fn a_creation_of_a_role_that_ended_halfway_goes_on() -> Result<()> {
    let Some(fixture) = Fixture::prepare("ap-southeast-3")? else {
        return Ok(());
    };
    let name = "halfway";
    fixture
        .terraform
        .write("main.tf", &profile(name, METRICS))?;
    let refused = (
        "AccessDenied",
        "User: x is not authorized to perform: iam:PutRolePolicy",
    );
    // Where the endpoint is named, calls of IAM are signed for the region of whoever asks.
    fixture
        .aws
        .fail(fixture.region, "PutRolePolicy", refused, Some(1))?;
    let errors = fixture.terraform.apply_errors()?;
    errors[0].says(&["denies", "`iam:PutRolePolicy`", "00000000-fa17"])?;
    fixture
        .terraform
        .run(&["state", "rm", "ferrymq_instance_profile.this"])?
        .success()?;
    let apply = ["apply", "-input=false", "-auto-approve", "-no-color"];
    let applied = fixture.terraform.run(&apply)?.success()?;
    ensure!(applied.stdout.contains("Role was taken over"), "{applied}");
    ensure!(fixture.terraform.plan()?.is_empty(), "it does not settle");
    fixture.terraform.destroy()?;
    fixture.is_gone(name)
}

#[test]
fn a_host_waits_until_its_new_profile_is_known() -> Result<()> {
    let Some(fixture) = Fixture::prepare("il-central-1")? else {
        return Ok(());
    };
    let role = "  iam_instance_profile = ferrymq_instance_profile.this.name";
    fixture.host(&format!(
        "  instance_type = \"m7g.large\"\n  ami = \"ami-0123abcd\"\n{role}"
    ))?;
    fixture.terraform.write("role.tf", &profile("fresh", ""))?;
    let unknown = (
        "InvalidParameterValue",
        "Value (fresh) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name",
    );
    fixture
        .aws
        .fail(fixture.region, "RunInstances", unknown, Some(2))?;
    fixture.terraform.apply_settles()?;

    // One that does not exist is not waited for.
    fixture
        .aws
        .fail(fixture.region, "RunInstances", unknown, None)?;
    fixture.host(
        "  instance_type = \"m7g.large\"\n  ami = \"ami-0123abce\"\n  iam_instance_profile = \"nobody\"",
    )?;
    let errors = fixture.terraform.apply_errors()?;
    errors[0]
        .says(&["InvalidParameterValue"])?
        .points_at("iam_instance_profile")?;
    fixture.aws.heal(fixture.region)?;
    fixture.terraform.destroy()?;
    fixture.is_gone("fresh")
}

#[test]
fn documents_need_no_credentials() -> Result<()> {
    let Some(mut fixture) = Fixture::prepare("ca-west-1")? else {
        return Ok(());
    };
    fixture.terraform.set("AWS_ACCESS_KEY_ID", "");
    fixture.terraform.set("AWS_SECRET_ACCESS_KEY", "");
    let source = format!(
        r#"
data "ferrymq_iam_policy" "hosts" {{
  permissions = {{ kms_key_arns = ["{KEY}"] }}
}}

output "documents" {{
  value = [
    jsondecode(data.ferrymq_iam_policy.hosts.json).Statement[0].Resource,
    jsondecode(data.ferrymq_iam_policy.hosts.assume_role_json).Statement[0].Principal.Service,
    contains(jsondecode(data.ferrymq_iam_policy.hosts.terraform_json).Statement[0].Action, "ec2:RunInstances"),
  ]
}}
"#
    );
    fixture.terraform.write("main.tf", &source)?;
    fixture.terraform.apply()?;
    let documents = fixture.terraform.output("documents")?;
    assert_eq!(documents, json!([[KEY], "ec2.amazonaws.com", true]));

    let bad = source.replace(KEY, "arn:aws:kms:eu-west-1:123456789012:alias/x");
    fixture.terraform.write("main.tf", &bad)?;
    let errors = fixture.terraform.plan_errors()?;
    let refused = ["must be an ARN of kms", "key/", "permissions.kms_key_arns"];
    errors[0].says(&refused).map(drop)
}
