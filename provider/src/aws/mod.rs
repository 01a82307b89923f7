//! The provider's `aws` settings, and AWS's failures as diagnostics.

pub(crate) mod policy;
pub(crate) mod wait;

use std::path::PathBuf;

use cloud_aws::{AssumeRole, Aws, Error, Kind, RetryMode, Settings};
use tfplugin_rs::prelude::*;

use crate::agents::Agents;

/// How `ferrymq_host` and its companions reach AWS, in the words of the AWS provider. What is left
/// out is found where the AWS command line finds it: environment, shared files, the role of the
/// machine.
#[derive(Debug, Clone, Model)]
#[model(rule = rule::required_together(["access_key", "secret_key"]))]
pub(crate) struct AwsBlock {
    /// Access key id.
    access_key: Option<String>,

    /// A role to take on with the credentials found otherwise.
    assume_role: Option<AssumeRoleBlock>,

    /// URLs to call in place of AWS's own, by service: `ec2`, `iam`, `ssm`, `sts`. Default: AWS's, or what
    /// the environment variable `AWS_ENDPOINT_URL` says.
    #[attr(validate = validate::keys([validate::one_of(["ec2", "iam", "ssm", "sts"])]))]
    endpoints: Option<std::collections::BTreeMap<String, String>>,

    /// How often a call is repeated that AWS throttles or that fails on the way. Default: 2.
    #[attr(validate = validate::range(0..=50))]
    max_retries: Option<u32>,

    /// Profile of the shared files. Default: the environment variable `AWS_PROFILE`.
    profile: Option<String>,

    /// Region of resources that name none. Default: the environment variable `AWS_REGION`, or the
    /// profile's.
    region: Option<String>,

    /// `"standard"`, or `"adaptive"` to slow down while AWS throttles. Default: `"standard"`.
    #[attr(validate = validate::one_of(["standard", "adaptive"]))]
    retry_mode: Option<String>,

    /// Secret access key.
    #[attr(sensitive)]
    secret_key: Option<String>,

    /// Configuration files in place of `~/.aws/config`.
    shared_config_files: Option<Vec<String>>,

    /// Credentials files in place of `~/.aws/credentials`.
    shared_credentials_files: Option<Vec<String>>,

    /// Session token of temporary credentials.
    #[attr(sensitive)]
    token: Option<String>,
}

/// A role to take on.
#[derive(Debug, Clone, Model)]
pub(crate) struct AssumeRoleBlock {
    /// How long its credentials last, such as `"1h"`. Default: an hour.
    duration: Option<Text<types::Period>>,

    /// What the role's owner asks callers of other accounts to say.
    external_id: Option<String>,

    /// ARN of the role.
    #[attr(validate = validate::regex("^arn:", "must be the ARN of a role"))]
    role_arn: String,

    /// Name of the session, as logs show it. Default: `ferrymq`.
    session_name: Option<String>,
}

impl AwsBlock {
    fn settings(self) -> Settings {
        let paths = |list: Option<Vec<String>>| -> Vec<PathBuf> {
            let list = list.unwrap_or_default().into_iter();
            list.map(|path| expand(&path)).collect()
        };
        Settings {
            access_key: self.access_key,
            assume_role: self.assume_role.map(|role| AssumeRole {
                duration_seconds: role
                    .duration
                    .and_then(|it| u32::try_from(it.0.0.as_secs()).ok()),
                external_id: role.external_id,
                role_arn: role.role_arn,
                session_name: role.session_name,
            }),
            endpoints: self.endpoints.unwrap_or_default(),
            max_attempts: self.max_retries.map(|retries| retries + 1),
            profile: self.profile,
            region: self.region,
            retry_mode: self.retry_mode.map(|mode| match mode.as_str() {
                "adaptive" => RetryMode::Adaptive,
                _ => RetryMode::Standard,
            }),
            secret_key: self.secret_key,
            shared_config_files: paths(self.shared_config_files),
            shared_credentials_files: paths(self.shared_credentials_files),
            token: self.token,
        }
    }
}

/// AWS as the provider block says.
pub(crate) fn of(block: Option<AwsBlock>) -> Aws {
    Aws::new(block.map(AwsBlock::settings).unwrap_or_default())
}

/// The region that is named, or the provider's.
pub(crate) async fn region(named: Attr<String>, agents: &Agents) -> Result<String> {
    if let Attr::Known(region) = named {
        return Ok(region);
    }
    let region = agents.aws().region().await;
    Ok(region.map_err(|error| failed("find the region", &error).at("region"))?)
}

/// Paths are written with `~` in this place.
fn expand(path: &str) -> PathBuf {
    let home = std::env::var_os("HOME");
    match (path.strip_prefix("~/"), home) {
        (Some(rest), Some(home)) => PathBuf::from(home).join(rest),
        _ => path.into(),
    }
}

/// A failed call as a diagnostic: what could not be done, what AWS said, and the way out.
pub(crate) fn failed(doing: &str, error: &Error) -> Diagnostic {
    let summary = match error.kind {
        Kind::Capacity => "AWS has no room for it now",
        Kind::Clock => "Clocks differ",
        Kind::Credentials => "No valid AWS credentials",
        Kind::Denied => "AWS denies it",
        Kind::NotBuilt => "Built without AWS",
        Kind::NotFound => "AWS does not have what is named",
        Kind::Other => "AWS refuses it",
        Kind::Quota => "AWS quota reached",
        Kind::Throttled => "AWS throttles",
        Kind::Unreachable => "AWS cannot be reached",
    };
    let detail = format!("Could not {doing}: {error}. {}", error.advice());
    Diagnostic::error(summary, detail.trim_end()).at(place(error))
}

/// The attribute that the failure is about.
fn place(error: &Error) -> &'static str {
    let code = error.code.as_deref().unwrap_or_default();
    match code {
        "InsufficientFreeAddressesInSubnet" | "InvalidSubnet" => "subnet_id",
        "InsufficientInstanceCapacity"
        | "InvalidInstanceType"
        | "Unsupported"
        | "VcpuLimitExceeded" => "instance_type",
        "InvalidAvailabilityZone" => "availability_zone",
        "InvalidIPAddress.InUse" => "private_ip",
        "OperationNotPermitted" => "termination_protection",
        "OptInRequired" => "region",
        _ if code.starts_with("InvalidAMI") => "ami",
        _ if code.starts_with("InvalidGroup") || code.starts_with("InvalidSecurityGroup") => {
            "security_group_ids"
        }
        _ if code.starts_with("InvalidKeyPair") => "key_name",
        _ if code.starts_with("InvalidSubnetID") => "subnet_id",
        _ if code == "InvalidParameterValue" && error.message.contains("nstanceProfile") => {
            "iam_instance_profile"
        }
        _ if error.kind == Kind::Unreachable => "region",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_points_at_what_is_to_be_changed() {
        for (code, attribute) in [
            ("InvalidAMIID.NotFound", "ami"),
            ("InsufficientFreeAddressesInSubnet", "subnet_id"),
            ("InvalidSubnetID.NotFound", "subnet_id"),
            ("VcpuLimitExceeded", "instance_type"),
            ("InvalidGroup.NotFound", "security_group_ids"),
            ("InvalidKeyPair.NotFound", "key_name"),
        ] {
            let error = Error::answered("ec2:RunInstances", "eu-west-1", code, "no", Some("r-1"));
            let told = failed("make the host \"a\"", &error);
            assert_eq!(told.path, AttributePath::from(attribute), "{code}");
            assert!(told.detail.contains("(request r-1)"), "{told}");
        }
    }

    #[test]
    fn a_build_without_the_sdk_says_which_one_has_it() {
        let told = failed("make the host \"a\"", &Error::not_built());
        assert_eq!(told.summary, "Built without AWS");
        assert!(told.detail.contains("release package"), "{told}");
    }
}
