//! AWS behind small types of our own: the one crate that names an AWS SDK.
//!
//! [`Aws`] holds [`Settings`], in the words that users of the AWS provider know, and makes clients of
//! a region when they are first asked for: [`Ec2`] (instances, volumes, images, offerings),
//! [`Networks`] (VPCs and what is in them), [`Iam`] (roles and instance profiles), [`Parameters`] (public
//! parameters that name images), [`CloudWatch`] (metrics and alarms), [`Items`] (of a DynamoDB table). Every call answers with a type of this crate
//! or an [`Error`], which keeps AWS's code and request id and says what to do about it.
//!
//! # What it is not
//!
//! It decides nothing: when a machine is made, changed or given up is the caller's business, and so
//! is waiting. It does not retry beyond what the settings ask of the SDK. It knows no brokers, agents
//! or Terraform.
//!
//! # The features `sdk` and `agent`
//!
//! `aws-sdk-ec2` alone has over a million lines, of which a handful of calls is used here. So the SDK
//! is behind a feature, off by default: without it all types are here, and making a client answers
//! that this build has no AWS. The feature `agent` has only the part of it that an agent calls, which
//! is small. Clients are trait objects, so that callers are the same in both builds
//! and can be tested without AWS. `scripts/rustc-aws` makes the compiler generate code for those few
//! calls only; it does so in this crate, which therefore stays thin and has nothing generic to
//! offer.
//!
//! # Who a machine is
//!
//! A host proves to an authority which instance it is by a signed call of STS ([`proof`]); that needs
//! no SDK and is in every build. The decision who verifies it: an authority of the user's own
//! (`broker-agent authority`), which holds the CA's key and is reachable from all hosts. The provider
//! cannot be asked, since it lives no longer than an apply and certificates are renewed for as long as
//! hosts live; and a key of AWS KMS that hosts may sign with themselves would let each of them be any
//! other.
//!
//! # One call's path
//!
//! `aws.ec2("eu-west-1")` resolves credentials as the AWS command line does (static keys, profile,
//! environment, container, instance), takes on the role of the settings if there is one, and keeps
//! the client for the process. `ec2.launch(…)` becomes `RunInstances`; what comes back is an
//! [`ec2::Instance`], or an [`Error`] with [`Kind`], code, request id and advice.

mod client;
pub mod cloudwatch;
pub mod ec2;
mod error;
pub mod iam;
pub mod items;
pub mod networks;
pub mod proof;
#[cfg(feature = "agent")]
mod sdk;
mod settings;

pub use client::{Answer, Aws, Parameters};
pub use cloudwatch::CloudWatch;
pub use ec2::Ec2;
pub use error::{Error, Kind};
pub use iam::Iam;
pub use items::Items;
pub use networks::Networks;
pub use settings::{AssumeRole, RetryMode, Settings};

/// Why nothing can be done with AWS in this build; `None` where it can.
#[must_use]
pub fn not_built() -> Option<Error> {
    (!cfg!(feature = "sdk")).then(Error::not_built)
}

/// Why an agent can do nothing with AWS in this build; `None` where it can.
#[must_use]
pub fn not_built_for_agents() -> Option<Error> {
    (!cfg!(feature = "agent")).then(Error::not_built)
}
