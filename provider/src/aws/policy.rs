//! What a host's role may do, as IAM writes it: worked out from arguments alone.
//!
//! Joining an authority needs no rights: whoever has credentials may ask STS who it is. Everything
//! else is what brokers on the host use, and only what arguments name.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use tfplugin_rs::path::{self, PathExpression};
use tfplugin_rs::prelude::*;
use tfplugin_rs::validate::Validator;

/// What the brokers of a host use in AWS. Nothing is allowed that is not named here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Model)]
pub(crate) struct Permissions {
    /// With `dynamodb_table_arns`: what the keys of the records begin with. Default: all keys of the
    /// tables.
    #[attr(validate = [validate::items(1..), validate::also_requires([sibling("dynamodb_table_arns")])])]
    dynamodb_key_prefixes: Option<BTreeSet<String>>,

    /// Tables in which pairs agree who serves.
    #[attr(validate = [validate::items(1..), validate::each([arn("dynamodb", "table/")])])]
    dynamodb_table_arns: Option<BTreeSet<String>>,

    /// With `kms_key_arns`: the encryption context that calls must have. Default: any.
    #[attr(validate = [validate::items(1..), validate::also_requires([sibling("kms_key_arns")])])]
    kms_encryption_context: Option<BTreeMap<String, String>>,

    /// Keys that encrypt what brokers store.
    #[attr(validate = [validate::items(1..), validate::each([arn("kms", "key/")])])]
    kms_key_arns: Option<BTreeSet<String>>,

    /// Log groups of CloudWatch Logs that logs are sent to.
    #[attr(validate = [validate::items(1..), validate::each([arn("logs", "log-group:")])])]
    log_group_arns: Option<BTreeSet<String>>,

    /// Namespaces of CloudWatch that metrics are sent to.
    #[attr(validate = [validate::items(1..), validate::each([validate::length(1..=255)])])]
    metric_namespaces: Option<BTreeSet<String>>,

    /// Secrets of the Secrets Manager that are read.
    #[attr(validate = [validate::items(1..), validate::each([arn("secretsmanager", "secret:")])])]
    secret_arns: Option<BTreeSet<String>>,

    /// Parameters of the Systems Manager that are read.
    #[attr(validate = [validate::items(1..), validate::each([arn("ssm", "parameter/")])])]
    ssm_parameter_arns: Option<BTreeSet<String>>,
}

/// Another attribute of the same object.
fn sibling(name: &str) -> PathExpression {
    path::parent().at(name)
}

const VERSION: &str = "2012-10-17";

impl Permissions {
    /// The policy document; `None` if nothing is allowed, which IAM has no document for.
    pub(crate) fn document(&self) -> Option<String> {
        let statements = [
            self.coordination(),
            self.encryption(),
            self.logs(),
            self.metrics(),
            self.reading(
                "Parameters",
                "ssm:GetParameter",
                self.ssm_parameter_arns.as_ref(),
            ),
            self.reading(
                "Secrets",
                "secretsmanager:GetSecretValue",
                self.secret_arns.as_ref(),
            ),
        ];
        let statements: Vec<Value> = statements.into_iter().flatten().collect();
        (!statements.is_empty()).then(|| document(&statements))
    }

    /// One record of a table is read and written with a condition.
    fn coordination(&self) -> Option<Value> {
        let tables = self.dynamodb_table_arns.as_ref()?;
        let mut statement = allow(
            "Coordination",
            &[
                "dynamodb:GetItem",
                "dynamodb:PutItem",
                "dynamodb:UpdateItem",
            ],
            tables,
        );
        if let Some(prefixes) = &self.dynamodb_key_prefixes {
            let patterns: Vec<String> = prefixes.iter().map(|it| format!("{it}*")).collect();
            // A call without keys would pass the first condition.
            statement["Condition"] = json!({
                "ForAllValues:StringLike": { "dynamodb:LeadingKeys": patterns },
                "Null": { "dynamodb:LeadingKeys": "false" },
            });
        }
        Some(statement)
    }

    fn encryption(&self) -> Option<Value> {
        let keys = self.kms_key_arns.as_ref()?;
        let mut statement = allow("Encryption", &["kms:Decrypt", "kms:GenerateDataKey"], keys);
        if let Some(context) = &self.kms_encryption_context {
            let keys = context.iter().map(|(key, value)| {
                let key = format!("kms:EncryptionContext:{key}");
                (key, Value::from(value.as_str()))
            });
            let keys: Map<String, Value> = keys.collect();
            statement["Condition"] = json!({ "StringEquals": keys });
        }
        Some(statement)
    }

    fn logs(&self) -> Option<Value> {
        let groups = self.log_group_arns.as_ref()?;
        // IAM names a group with all that is in it.
        let groups = groups
            .iter()
            .map(|arn| format!("{}:*", arn.trim_end_matches(":*")));
        let actions = ["logs:CreateLogStream", "logs:PutLogEvents"];
        Some(allow("Logs", &actions, &groups.collect()))
    }

    fn metrics(&self) -> Option<Value> {
        let namespaces = self.metric_namespaces.as_ref()?;
        // Metrics have no ARNs: the condition is all there is.
        let everything = BTreeSet::from(["*".to_owned()]);
        let mut statement = allow("Metrics", &["cloudwatch:PutMetricData"], &everything);
        statement["Condition"] = json!({ "StringEquals": { "cloudwatch:namespace": namespaces } });
        Some(statement)
    }

    fn reading(
        &self,
        sid: &str,
        action: &str,
        resources: Option<&BTreeSet<String>>,
    ) -> Option<Value> {
        Some(allow(sid, &[action], resources?))
    }
}

/// Who may take on a host's role: EC2, for its instances.
pub(crate) fn trust() -> String {
    document(&[json!({
        "Sid": "Instances",
        "Effect": "Allow",
        "Principal": { "Service": "ec2.amazonaws.com" },
        "Action": "sts:AssumeRole",
    })])
}

/// What whoever runs Terraform may do for hosts, networks and instance profiles to be made: every call
/// that the provider makes. Roles can be passed to instances alone.
pub(crate) fn terraform() -> String {
    let everything = BTreeSet::from(["*".to_owned()]);
    let mut pass = allow("PassRoles", &["iam:PassRole"], &everything);
    pass["Condition"] = json!({ "StringEquals": { "iam:PassedToService": "ec2.amazonaws.com" } });
    document(&[allow("Calls", &CALLS, &everything), pass])
}

/// Every call that the provider makes to AWS.
const CALLS: [&str; 73] = [
    "ec2:AssociateRouteTable",
    "ec2:AttachInternetGateway",
    "ec2:AttachVolume",
    "ec2:AuthorizeSecurityGroupIngress",
    "ec2:CreateInternetGateway",
    "ec2:CreateRoute",
    "ec2:CreateRouteTable",
    "ec2:CreateSecurityGroup",
    "ec2:CreateSubnet",
    "ec2:CreateTags",
    "ec2:CreateVolume",
    "ec2:CreateVpc",
    "ec2:CreateVpcEndpoint",
    "ec2:DeleteInternetGateway",
    "ec2:DeleteRouteTable",
    "ec2:DeleteSecurityGroup",
    "ec2:DeleteSubnet",
    "ec2:DeleteTags",
    "ec2:DeleteVolume",
    "ec2:DeleteVpc",
    "ec2:DeleteVpcEndpoints",
    "ec2:DescribeAvailabilityZones",
    "ec2:DescribeImages",
    "ec2:DescribeInstanceAttribute",
    "ec2:DescribeInstanceTypeOfferings",
    "ec2:DescribeInstanceTypes",
    "ec2:DescribeInstances",
    "ec2:DescribeInternetGateways",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeRouteTables",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeVolumes",
    "ec2:DescribeVpcAttribute",
    "ec2:DescribeVpcEndpoints",
    "ec2:DescribeVpcs",
    "ec2:DetachInternetGateway",
    "ec2:DisassociateRouteTable",
    "ec2:GetConsoleOutput",
    "ec2:ModifyInstanceAttribute",
    "ec2:ModifySubnetAttribute",
    "ec2:ModifyVolume",
    "ec2:ModifyVpcAttribute",
    "ec2:ModifyVpcEndpoint",
    "ec2:ReplaceRoute",
    "ec2:RevokeSecurityGroupIngress",
    "ec2:RunInstances",
    "ec2:StartInstances",
    "ec2:StopInstances",
    "ec2:TerminateInstances",
    "iam:AddRoleToInstanceProfile",
    "iam:AttachRolePolicy",
    "iam:CreateInstanceProfile",
    "iam:CreateRole",
    "iam:DeleteInstanceProfile",
    "iam:DeleteRole",
    "iam:DeleteRolePermissionsBoundary",
    "iam:DeleteRolePolicy",
    "iam:DetachRolePolicy",
    "iam:GetInstanceProfile",
    "iam:GetRole",
    "iam:GetRolePolicy",
    "iam:ListAttachedRolePolicies",
    "iam:ListRolePolicies",
    "iam:PutRolePermissionsBoundary",
    "iam:PutRolePolicy",
    "iam:RemoveRoleFromInstanceProfile",
    "iam:TagInstanceProfile",
    "iam:TagRole",
    "iam:UntagInstanceProfile",
    "iam:UntagRole",
    "iam:UpdateAssumeRolePolicy",
    "ssm:GetParameter",
];

fn document(statements: &[Value]) -> String {
    json!({ "Version": VERSION, "Statement": statements }).to_string()
}

fn allow(sid: &str, actions: &[&str], resources: &BTreeSet<String>) -> Value {
    json!({ "Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resources })
}

/// Whether two documents say the same; what is no document says something else than anything.
pub(crate) fn same(one: &str, other: &str) -> bool {
    let parsed = |text: &str| serde_json::from_str::<Value>(text).ok();
    one == other || (parsed(one).is_some() && parsed(one) == parsed(other))
}

/// An ARN of a service.
pub(crate) fn arn(service: &'static str, resource: &'static str) -> Validator {
    validate::string(move |text| {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let [scheme, partition, of, _, _, rest] = parts[..] else {
            return Err(format!(
                "must be an ARN of {service}, such as arn:aws:{service}:…"
            ));
        };
        let is_ours = scheme == "arn" && partition.starts_with("aws") && of == service;
        if !is_ours || !rest.starts_with(resource) || rest.len() == resource.len() {
            return Err(format!(
                "must be an ARN of {service}, such as arn:aws:{service}:…:{resource}…"
            ));
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set<const N: usize>(values: [&str; N]) -> Option<BTreeSet<String>> {
        Some(values.map(str::to_owned).into())
    }

    fn pretty(document: &str) -> String {
        let parsed: Value = serde_json::from_str(document).unwrap();
        serde_json::to_string_pretty(&parsed).unwrap()
    }

    #[test]
    fn nothing_named_is_nothing_allowed() {
        assert_eq!(Permissions::default().document(), None);
    }

    #[test]
    fn everything_a_host_can_be_allowed() {
        let permissions = Permissions {
            dynamodb_key_prefixes: set(["ferry/shop/"]),
            dynamodb_table_arns: set(["arn:aws:dynamodb:eu-west-1:123456789012:table/ferry"]),
            kms_encryption_context: Some([("broker".to_owned(), "shop".to_owned())].into()),
            kms_key_arns: set(["arn:aws:kms:eu-west-1:123456789012:key/1234abcd"]),
            log_group_arns: set([
                "arn:aws:logs:eu-west-1:123456789012:log-group:/ferrymq/audit:*",
                "arn:aws:logs:eu-west-1:123456789012:log-group:/ferrymq/general",
            ]),
            metric_namespaces: set(["FerryMQ"]),
            secret_arns: set(["arn:aws:secretsmanager:eu-west-1:123456789012:secret:app-a1b2c3"]),
            ssm_parameter_arns: set(["arn:aws:ssm:eu-west-1:123456789012:parameter/ferrymq/app"]),
        };
        insta::assert_snapshot!(pretty(&permissions.document().unwrap()));
    }

    #[test]
    fn one_namespace_of_metrics() {
        let permissions = Permissions {
            metric_namespaces: set(["FerryMQ"]),
            ..Permissions::default()
        };
        insta::assert_snapshot!(pretty(&permissions.document().unwrap()));
    }

    #[test]
    fn instances_alone_take_on_the_role() {
        insta::assert_snapshot!(pretty(&trust()));
    }

    /// The crate that makes the calls names each as permissions do.
    #[test]
    fn whoever_runs_terraform_may_make_every_call_and_no_other() {
        let sources = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/cloud-aws/src/sdk");
        let name = regex::Regex::new(r#""((?:ec2|iam|ssm):[A-Z][A-Za-z]+)""#).unwrap();
        let mut made = BTreeSet::new();
        for entry in std::fs::read_dir(sources).unwrap() {
            let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
            made.extend(name.captures_iter(&text).map(|found| found[1].to_owned()));
        }
        let allowed: BTreeSet<String> = CALLS.map(str::to_owned).into();
        assert_eq!(allowed, made);
    }

    #[test]
    fn documents_are_compared_by_what_they_say() {
        assert!(same(r#"{"a":1,"b":2}"#, "{ \"b\": 2, \"a\": 1 }"));
        assert!(!same(r#"{"a":1}"#, r#"{"a":2}"#));
        assert!(!same("", "{}"));
    }
}
