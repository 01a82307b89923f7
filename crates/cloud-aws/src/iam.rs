//! Roles, their policies, and instance profiles in our own words.

use std::collections::{BTreeMap, BTreeSet};

use crate::client::Answer;
use crate::ec2::Tags;

/// The calls of IAM, which knows no regions. What is positively not there is `None`, never an error.
pub trait Iam: Send + Sync {
    /// Makes a role.
    fn create_role<'a>(&'a self, role: &'a NewRole) -> Answer<'a, Role>;
    /// Looks up a role.
    fn role<'a>(&'a self, name: &'a str) -> Answer<'a, Option<Role>>;
    /// Says who may take it on.
    fn set_trust<'a>(&'a self, role: &'a str, policy: &'a str) -> Answer<'a, ()>;
    /// Says what it can be allowed at most; `None`: anything.
    fn set_boundary<'a>(&'a self, role: &'a str, arn: Option<&'a str>) -> Answer<'a, ()>;
    /// Sets tags of a role.
    fn tag_role<'a>(&'a self, role: &'a str, tags: &'a Tags) -> Answer<'a, ()>;
    /// Removes tags of a role.
    fn untag_role<'a>(&'a self, role: &'a str, keys: &'a [String]) -> Answer<'a, ()>;
    /// Deletes a role that has nothing left; it may be gone already.
    fn delete_role<'a>(&'a self, name: &'a str) -> Answer<'a, ()>;
    /// The policies that a role has for itself, by name.
    fn policies<'a>(&'a self, role: &'a str) -> Answer<'a, BTreeMap<String, String>>;
    /// Gives a role a policy of its own, or exchanges it.
    fn put_policy<'a>(&'a self, role: &'a str, name: &'a str, policy: &'a str) -> Answer<'a, ()>;
    /// Takes a policy from a role; it may be off already.
    fn delete_policy<'a>(&'a self, role: &'a str, name: &'a str) -> Answer<'a, ()>;
    /// ARNs of the policies that a role shares with others.
    fn attached<'a>(&'a self, role: &'a str) -> Answer<'a, BTreeSet<String>>;
    /// Gives a role a policy that others may have too.
    fn attach<'a>(&'a self, role: &'a str, arn: &'a str) -> Answer<'a, ()>;
    /// Takes it off; it may be off already.
    fn detach<'a>(&'a self, role: &'a str, arn: &'a str) -> Answer<'a, ()>;
    /// Makes an instance profile without a role.
    fn create_profile<'a>(
        &'a self,
        name: &'a str,
        path: &'a str,
        tags: &'a Tags,
    ) -> Answer<'a, Profile>;
    /// Looks up an instance profile.
    fn profile<'a>(&'a self, name: &'a str) -> Answer<'a, Option<Profile>>;
    /// Puts a role into a profile, which can hold one.
    fn add_role<'a>(&'a self, profile: &'a str, role: &'a str) -> Answer<'a, ()>;
    /// Takes it out; it may be out already.
    fn remove_role<'a>(&'a self, profile: &'a str, role: &'a str) -> Answer<'a, ()>;
    /// Sets tags of a profile.
    fn tag_profile<'a>(&'a self, profile: &'a str, tags: &'a Tags) -> Answer<'a, ()>;
    /// Removes tags of a profile.
    fn untag_profile<'a>(&'a self, profile: &'a str, keys: &'a [String]) -> Answer<'a, ()>;
    /// Deletes a profile without a role; it may be gone already.
    fn delete_profile<'a>(&'a self, name: &'a str) -> Answer<'a, ()>;
}

/// A role to be made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewRole {
    /// Its name, unique in the account.
    pub name: String,
    /// `/`, or such as `/brokers/`.
    pub path: String,
    /// What it is for.
    pub description: String,
    /// Who may take it on, as a policy document.
    pub trust: String,
    /// ARN of the policy that says what it can be allowed at most.
    pub boundary: Option<String>,
    /// Its tags.
    pub tags: Tags,
}

/// A role as IAM has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Role {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// Its path.
    pub path: String,
    /// `AROA…`: another one for each role that ever had the name.
    pub id: String,
    /// Who may take it on, as a policy document.
    pub trust: String,
    /// ARN of the policy that says what it can be allowed at most.
    pub boundary: Option<String>,
    /// Its tags.
    pub tags: Tags,
}

/// An instance profile.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Profile {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// Its path.
    pub path: String,
    /// Name of the role in it.
    pub role: Option<String>,
    /// Its tags.
    pub tags: Tags,
}
