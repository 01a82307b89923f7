//! How AWS is reached and who calls.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// What the AWS provider's users set in its provider block; everything left out is found as the AWS
/// command line finds it.
#[derive(Clone, Default)]
pub struct Settings {
    /// Access key id; goes with `secret_key`.
    pub access_key: Option<String>,
    /// A role to take on, with the credentials found otherwise.
    pub assume_role: Option<AssumeRole>,
    /// By service (`ec2`, `iam`, `ssm`, `sts`), the URL to call instead of AWS's own.
    pub endpoints: BTreeMap<String, String>,
    /// Most attempts of one call, the first included. Default: the SDK's.
    pub max_attempts: Option<u32>,
    /// Profile of the shared files.
    pub profile: Option<String>,
    /// Region of what names none.
    pub region: Option<String>,
    /// How failed calls are repeated.
    pub retry_mode: Option<RetryMode>,
    /// Secret access key.
    pub secret_key: Option<String>,
    /// Configuration files in place of `~/.aws/config`.
    pub shared_config_files: Vec<PathBuf>,
    /// Credentials files in place of `~/.aws/credentials`.
    pub shared_credentials_files: Vec<PathBuf>,
    /// Session token of temporary credentials.
    pub token: Option<String>,
}

/// A role to take on.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct AssumeRole {
    /// How long its credentials last, in seconds. Default: 3600.
    pub duration_seconds: Option<u32>,
    /// What the owner of the role asks callers from other accounts to say.
    pub external_id: Option<String>,
    /// The role.
    pub role_arn: String,
    /// Name of the session, as logs show it.
    pub session_name: Option<String>,
}

/// How failed calls are repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryMode {
    /// Also slows down all calls while AWS throttles.
    Adaptive,
    /// With growing pauses.
    Standard,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Credentials stay out of logs.
        f.debug_struct("Settings")
            .field("endpoints", &self.endpoints)
            .field("profile", &self.profile)
            .field("region", &self.region)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for AssumeRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AssumeRole")
            .field("role_arn", &self.role_arn)
            .finish_non_exhaustive()
    }
}
