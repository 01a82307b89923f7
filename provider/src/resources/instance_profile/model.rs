//! The attributes of `ferrymq_instance_profile`.

use std::collections::{BTreeMap, BTreeSet};

use cloud_aws::ec2::Tags;
use tfplugin_rs::prelude::*;
use tfplugin_rs::validate::Validator;

use crate::aws::policy::{self, Permissions};

/// What hosts are in AWS: an instance profile with a role of the same name, which may do what
/// `permissions` name and nothing else.
///
/// Joining an authority needs no permissions. Whoever keeps roles with another provider passes the
/// name of an instance profile to `ferrymq_host`, and takes the documents from
/// `data "ferrymq_iam_policy"`. Policies that others give the role are taken off by the next apply.
/// Needs a provider with AWS in it, as release packages are.
#[derive(Debug, Clone, Model)]
pub(crate) struct InstanceProfileModel {
    /// ARN of the instance profile.
    #[attr(computed, use_state_for_unknown)]
    pub(crate) arn: Attr<String>,

    /// Who may take on the role: EC2, for its instances.
    #[attr(computed, use_state_for_unknown)]
    pub(crate) assume_role_policy_json: Attr<String>,

    /// Name of instance profile and role, unique in the account. Changing it replaces both.
    #[attr(replace, validate = profile_name())]
    pub(crate) name: String,

    /// Names of policies that others have put into the role; the next apply takes them out.
    #[attr(computed, use_state_for_unknown)]
    pub(crate) other_policies: Attr<Vec<String>>,

    /// Path of instance profile and role, such as `/brokers/`. Default: `/`. Changing it replaces
    /// both.
    #[attr(default = "/", replace, validate = validate::regex("^/([!-~]+/)?$", "must begin and end with `/`"))]
    pub(crate) path: String,

    /// What the brokers of its hosts use in AWS. Default: nothing.
    pub(crate) permissions: Option<Permissions>,

    /// ARN of the policy that says what the role can be allowed at most. Default: none.
    #[attr(validate = policy::arn("iam", "policy/"))]
    pub(crate) permissions_boundary: Option<String>,

    /// ARNs of policies that the role has beside its own. Default: none.
    #[attr(validate = validate::each([policy::arn("iam", "policy/")]))]
    pub(crate) policy_arns: Option<BTreeSet<String>>,

    /// What the role may do, as IAM writes it; null if nothing.
    #[attr(computed, use_state_for_unknown)]
    pub(crate) policy_json: Attr<String>,

    /// ARN of the role, as other accounts and policies of resources name it. An authority knows it by
    /// account and name: `broker-agent authority --role 123456789012/<name>`.
    #[attr(computed, use_state_for_unknown)]
    pub(crate) role_arn: Attr<String>,

    /// Tags of instance profile and role, beside those that begin with `ferrymq:`.
    #[attr(validate = validate::keys([own_tag()]))]
    pub(crate) tags: Option<BTreeMap<String, String>>,

    /// How long making, changing and removing may take.
    #[attr(timeouts(create = "5m", update = "5m", delete = "5m"))]
    pub(crate) timeouts: Timeouts,
}

/// Tag with the profile's name, by which role and profile are known as its own.
pub(crate) const PROFILE_TAG: &str = "ferrymq:instance-profile";

/// Tag of a role whose creation is not over.
pub(crate) const CREATING_TAG: &str = "ferrymq:creating";

impl InstanceProfileModel {
    /// What it is called in messages.
    pub(crate) fn task(&self, doing: &str) -> String {
        format!("{doing} instance profile {:?}", self.name)
    }

    /// All tags that role and profile shall have.
    pub(crate) fn all_tags(&self) -> Tags {
        let mut tags = self.tags.clone().unwrap_or_default();
        tags.insert(PROFILE_TAG.to_owned(), self.name.clone());
        tags
    }

    /// What the role shall be allowed.
    pub(crate) fn document(&self) -> Option<String> {
        self.permissions.as_ref()?.document()
    }

    /// What an import knows before it has looked.
    pub(super) fn blank(name: &str) -> Self {
        Self {
            arn: Attr::Null,
            assume_role_policy_json: Attr::Null,
            name: name.to_owned(),
            other_policies: Attr::Null,
            path: String::new(),
            permissions: None,
            permissions_boundary: None,
            policy_arns: None,
            policy_json: Attr::Null,
            role_arn: Attr::Null,
            tags: None,
            timeouts: Timeouts::default(),
        }
    }
}

/// Whether a tag is the user's business.
pub(super) fn is_users(key: &str) -> bool {
    !key.starts_with("ferrymq:") && !key.starts_with("aws:")
}

fn own_tag() -> Validator {
    validate::string(|key| {
        if is_users(key) {
            return Ok(());
        }
        Err("is set by the provider, or reserved by AWS".to_owned())
    })
}

fn profile_name() -> Validator {
    validate::regex(
        "^[A-Za-z0-9+=,.@_-]{1,64}$",
        "must be 1 to 64 letters, digits or any of `+=,.@_-`",
    )
}
