//! Failed calls: what AWS said, and what to do about it.

use std::fmt;

/// A call that failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Error {
    /// What kind of failure it is.
    pub kind: Kind,
    /// The call: `ec2:RunInstances`, the name that permissions have.
    pub call: &'static str,
    /// Where it was sent.
    pub region: String,
    /// AWS's code, if AWS answered.
    pub code: Option<String>,
    /// What was said.
    pub message: String,
    /// AWS's number of the call, for its support.
    pub request_id: Option<String>,
}

/// Kinds of failures, by what has to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// No room in the zone right now.
    Capacity,
    /// The clocks differ.
    Clock,
    /// Nobody knows who calls.
    Credentials,
    /// The caller may not.
    Denied,
    /// Something the request names is not there.
    NotFound,
    /// The SDK is not in this build.
    NotBuilt,
    /// Everything else.
    Other,
    /// An allowance is used up.
    Quota,
    /// Too many calls.
    Throttled,
    /// AWS was not reached.
    Unreachable,
}

impl Error {
    /// The answer of a build without the SDK.
    #[must_use]
    pub fn not_built() -> Self {
        Self {
            kind: Kind::NotBuilt,
            call: "",
            region: String::new(),
            code: None,
            message: "this build has no AWS in it".to_owned(),
            request_id: None,
        }
    }

    /// What AWS answered.
    #[must_use]
    pub fn answered(
        call: &'static str,
        region: &str,
        code: &str,
        message: &str,
        request_id: Option<&str>,
    ) -> Self {
        Self {
            kind: Kind::of(code),
            call,
            region: region.to_owned(),
            code: Some(code.to_owned()),
            message: message.to_owned(),
            request_id: request_id.map(str::to_owned),
        }
    }

    /// What went wrong before AWS answered.
    #[must_use]
    pub fn unanswered(kind: Kind, call: &'static str, region: &str, message: String) -> Self {
        Self {
            kind,
            call,
            region: region.to_owned(),
            code: None,
            message,
            request_id: None,
        }
    }

    /// True if AWS gave this code.
    #[must_use]
    pub fn is(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }

    /// What to do now: whole sentences.
    #[must_use]
    pub fn advice(&self) -> String {
        let region = &self.region;
        match self.code.as_deref() {
            Some("InsufficientFreeAddressesInSubnet") => {
                return "Free addresses in the subnet, or choose another one.".to_owned();
            }
            Some(
                "InvalidAMIID.NotFound" | "InvalidAMIID.Malformed" | "InvalidAMIID.Unavailable",
            ) => {
                return format!(
                    "Images differ from region to region: name one that exists in {region} and that \
                     this account may use, or leave `ami` out."
                );
            }
            Some("OperationNotPermitted") => {
                return "If termination protection is what forbids it, set \
                        `termination_protection = false` and apply that first."
                    .to_owned();
            }
            Some("OptInRequired") => {
                return format!("Turn the region {region} on for this account, or choose another.");
            }
            Some("Unsupported" | "InvalidInstanceType") => {
                return "Not every zone has every type: `data \"ferrymq_host_offerings\"` tells which \
                        has which."
                    .to_owned();
            }
            _ => {}
        }
        self.kind_advice()
    }

    fn kind_advice(&self) -> String {
        let Self { call, region, .. } = self;
        match self.kind {
            Kind::Capacity => "Try another availability zone or instance type, or later.".to_owned(),
            Kind::Clock => "Set this machine's clock: AWS refuses requests that are more than five \
                            minutes off."
                .to_owned(),
            Kind::Credentials => "Set the environment variables AWS_ACCESS_KEY_ID and \
                                  AWS_SECRET_ACCESS_KEY, or `profile` in the provider's `aws` block, \
                                  or log in again if they have expired."
                .to_owned(),
            Kind::Denied => format!(
                "Allow the caller the action `{call}`. If the message is encoded, `aws sts \
                 decode-authorization-message` reads it."
            ),
            Kind::NotBuilt => {
                "Take the release package, or build with `--features aws`.".to_owned()
            }
            Kind::NotFound => format!("Check that it exists in the region {region}."),
            Kind::Other => String::new(),
            Kind::Quota => format!(
                "Ask for a higher quota in {region} (Service Quotas), or free some of what is used."
            ),
            Kind::Throttled => "Other callers of the account may be busy: apply again, raise \
                                `max_retries`, or lower Terraform's `-parallelism`."
                .to_owned(),
            Kind::Unreachable => format!(
                "Check that {region:?} is the name of a region, and the way to it (proxy, endpoint, \
                 network)."
            ),
        }
    }
}

impl Kind {
    /// By AWS's code.
    #[must_use]
    pub fn of(code: &str) -> Self {
        match code {
            "AuthFailure"
            | "ExpiredToken"
            | "ExpiredTokenException"
            | "InvalidClientTokenId"
            | "MissingAuthenticationToken"
            | "UnrecognizedClientException" => Self::Credentials,
            "InvalidSignatureException"
            | "RequestExpired"
            | "RequestInTheFuture"
            | "RequestTimeTooSkewed"
            | "SignatureDoesNotMatch" => Self::Clock,
            "AccessDenied" | "AccessDeniedException" | "UnauthorizedOperation" => Self::Denied,
            "InsufficientAddressCapacity"
            | "InsufficientHostCapacity"
            | "InsufficientInstanceCapacity"
            | "InsufficientReservedInstanceCapacity" => Self::Capacity,
            "ProvisionedThroughputExceededException"
            | "RequestLimitExceeded"
            | "SlowDown"
            | "Throttling"
            | "ThrottlingException" => Self::Throttled,
            "LimitExceededFault" => Self::Quota,
            "ResourceNotFound" => Self::NotFound,
            _ if code.ends_with("LimitExceeded") || code.ends_with("QuotaExceeded") => Self::Quota,
            "NoSuchEntity" | "ParameterNotFound" | "ResourceNotFoundException" => Self::NotFound,
            _ if code.ends_with(".NotFound") => Self::NotFound,
            _ => Self::Other,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.kind == Kind::NotBuilt {
            return f.write_str(&self.message);
        }
        write!(f, "{} in {} failed: ", self.call, self.region)?;
        if let Some(code) = &self.code {
            write!(f, "{code}: ")?;
        }
        f.write_str(self.message.trim_end_matches('.'))?;
        if let Some(id) = &self.request_id {
            write!(f, " (request {id})")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_their_kinds() {
        for (code, kind) in [
            ("UnauthorizedOperation", Kind::Denied),
            ("VcpuLimitExceeded", Kind::Quota),
            ("VolumeLimitExceeded", Kind::Quota),
            ("RequestLimitExceeded", Kind::Throttled),
            ("InvalidSubnetID.NotFound", Kind::NotFound),
            ("SignatureDoesNotMatch", Kind::Clock),
            ("InsufficientInstanceCapacity", Kind::Capacity),
            ("ExpiredToken", Kind::Credentials),
            ("NoSuchEntity", Kind::NotFound),
            ("VpcLimitExceeded", Kind::Quota),
            ("IncorrectInstanceState", Kind::Other),
        ] {
            assert_eq!(Kind::of(code), kind, "{code}");
        }
    }

    #[test]
    fn an_error_keeps_what_aws_said() {
        let denied = Error::answered(
            "ec2:RunInstances",
            "eu-west-1",
            "UnauthorizedOperation",
            "You are not authorized.",
            Some("7a1"),
        );
        assert_eq!(
            denied.to_string(),
            "ec2:RunInstances in eu-west-1 failed: UnauthorizedOperation: You are not authorized \
             (request 7a1)"
        );
        assert!(denied.advice().contains("`ec2:RunInstances`"), "{denied}");
        let missing = Error::answered(
            "ec2:RunInstances",
            "eu-west-1",
            "InvalidAMIID.NotFound",
            "",
            None,
        );
        assert!(missing.advice().contains("eu-west-1"));
        assert!(Error::not_built().advice().contains("--features aws"));
    }
}
