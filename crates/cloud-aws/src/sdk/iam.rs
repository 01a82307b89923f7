//! Roles, policies, and instance profiles.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_iam::types::{self, Tag};
use percent_encoding::percent_decode_str;

use super::failure::{failed, gone};
use crate::client::Answer;
use crate::ec2::Tags;
use crate::error::{Error, Kind};
use crate::iam::{Iam, NewRole, Profile, Role};

/// The client; IAM is the same for all regions.
pub(super) struct Client {
    pub(super) sdk: aws_sdk_iam::Client,
    pub(super) region: String,
}

impl Client {
    /// What there is, or `None` if IAM says that there is none of the name.
    fn found<T>(&self, answer: Result<T, Error>) -> Result<Option<T>, Error> {
        match answer {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.kind == Kind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The text of one of a role's own policies.
    async fn policy(&self, role: &str, name: &str) -> Result<String, Error> {
        let call = self.sdk.get_role_policy().role_name(role);
        let found = Box::pin(call.policy_name(name).send())
            .await
            .map_err(|error| failed("iam:GetRolePolicy", &self.region, &error))?;
        Ok(decoded(&found.policy_document))
    }
}

impl Iam for Client {
    fn create_role<'a>(&'a self, new: &'a NewRole) -> Answer<'a, Role> {
        Box::pin(async move {
            let call = self.sdk.create_role();
            let call = call
                .role_name(&new.name)
                .path(&new.path)
                .description(&new.description)
                .assume_role_policy_document(&new.trust)
                .set_permissions_boundary(new.boundary.clone())
                .set_tags(Some(sent(&new.tags)));
            let made = Box::pin(call.send())
                .await
                .map_err(|error| failed("iam:CreateRole", &self.region, &error))?;
            Ok(made.role.map(role).unwrap_or_default())
        })
    }

    fn role<'a>(&'a self, name: &'a str) -> Answer<'a, Option<Role>> {
        Box::pin(async move {
            let sent = Box::pin(self.sdk.get_role().role_name(name).send()).await;
            let found = sent.map_err(|error| failed("iam:GetRole", &self.region, &error));
            let found = self.found(found)?;
            Ok(found.and_then(|found| found.role).map(role))
        })
    }

    fn set_trust<'a>(&'a self, role: &'a str, policy: &'a str) -> Answer<'a, ()> {
        Box::pin(async move {
            let call = self.sdk.update_assume_role_policy().role_name(role);
            Box::pin(call.policy_document(policy).send())
                .await
                .map_err(|error| failed("iam:UpdateAssumeRolePolicy", &self.region, &error))?;
            Ok(())
        })
    }

    fn set_boundary<'a>(&'a self, role: &'a str, arn: Option<&'a str>) -> Answer<'a, ()> {
        Box::pin(async move {
            let Some(arn) = arn else {
                let call = self.sdk.delete_role_permissions_boundary();
                let sent = Box::pin(call.role_name(role).send()).await;
                return gone("iam:DeleteRolePermissionsBoundary", &self.region, sent);
            };
            let call = self.sdk.put_role_permissions_boundary().role_name(role);
            Box::pin(call.permissions_boundary(arn).send())
                .await
                .map_err(|error| failed("iam:PutRolePermissionsBoundary", &self.region, &error))?;
            Ok(())
        })
    }

    fn tag_role<'a>(&'a self, role: &'a str, tags: &'a Tags) -> Answer<'a, ()> {
        Box::pin(async move {
            let call = self.sdk.tag_role().role_name(role);
            Box::pin(call.set_tags(Some(sent(tags))).send())
                .await
                .map_err(|error| failed("iam:TagRole", &self.region, &error))?;
            Ok(())
        })
    }

    fn untag_role<'a>(&'a self, role: &'a str, keys: &'a [String]) -> Answer<'a, ()> {
        Box::pin(async move {
            let call = self.sdk.untag_role().role_name(role);
            Box::pin(call.set_tag_keys(Some(keys.to_vec())).send())
                .await
                .map_err(|error| failed("iam:UntagRole", &self.region, &error))?;
            Ok(())
        })
    }

    fn delete_role<'a>(&'a self, name: &'a str) -> Answer<'a, ()> {
        Box::pin(async move {
            let sent = Box::pin(self.sdk.delete_role().role_name(name).send()).await;
            gone("iam:DeleteRole", &self.region, sent)
        })
    }

    fn policies<'a>(&'a self, role: &'a str) -> Answer<'a, BTreeMap<String, String>> {
        Box::pin(async move {
            let mut policies = BTreeMap::new();
            let mut marker = None;
            loop {
                let call = self.sdk.list_role_policies().role_name(role);
                let page = Box::pin(call.set_marker(marker).send())
                    .await
                    .map_err(|error| failed("iam:ListRolePolicies", &self.region, &error))?;
                for name in page.policy_names {
                    let text = self.policy(role, &name).await?;
                    policies.insert(name, text);
                }
                marker = page.marker.filter(|_| page.is_truncated);
                if marker.is_none() {
                    return Ok(policies);
                }
            }
        })
    }

    fn put_policy<'a>(&'a self, role: &'a str, name: &'a str, policy: &'a str) -> Answer<'a, ()> {
        Box::pin(async move {
            let call = self.sdk.put_role_policy().role_name(role);
            Box::pin(call.policy_name(name).policy_document(policy).send())
                .await
                .map_err(|error| failed("iam:PutRolePolicy", &self.region, &error))?;
            Ok(())
        })
    }

    fn delete_policy<'a>(&'a self, role: &'a str, name: &'a str) -> Answer<'a, ()> {
        Box::pin(async move {
            let call = self.sdk.delete_role_policy().role_name(role);
            let sent = Box::pin(call.policy_name(name).send()).await;
            gone("iam:DeleteRolePolicy", &self.region, sent)
        })
    }

    fn attached<'a>(&'a self, role: &'a str) -> Answer<'a, BTreeSet<String>> {
        Box::pin(async move {
            let mut attached = BTreeSet::new();
            let mut marker = None;
            loop {
                let call = self.sdk.list_attached_role_policies().role_name(role);
                let page = Box::pin(call.set_marker(marker).send())
                    .await
                    .map_err(|error| {
                        failed("iam:ListAttachedRolePolicies", &self.region, &error)
                    })?;
                let policies = page.attached_policies.unwrap_or_default().into_iter();
                attached.extend(policies.filter_map(|policy| policy.policy_arn));
                marker = page.marker.filter(|_| page.is_truncated);
                if marker.is_none() {
                    return Ok(attached);
                }
            }
        })
    }

    fn attach<'a>(&'a self, role: &'a str, arn: &'a str) -> Answer<'a, ()> {
        Box::pin(async move {
            let call = self.sdk.attach_role_policy().role_name(role);
            Box::pin(call.policy_arn(arn).send())
                .await
                .map_err(|error| failed("iam:AttachRolePolicy", &self.region, &error))?;
            Ok(())
        })
    }

    fn detach<'a>(&'a self, role: &'a str, arn: &'a str) -> Answer<'a, ()> {
        Box::pin(async move {
            let call = self.sdk.detach_role_policy().role_name(role);
            let sent = Box::pin(call.policy_arn(arn).send()).await;
            gone("iam:DetachRolePolicy", &self.region, sent)
        })
    }

    fn create_profile<'a>(
        &'a self,
        name: &'a str,
        path: &'a str,
        tags: &'a Tags,
    ) -> Answer<'a, Profile> {
        Box::pin(async move {
            let call = self.sdk.create_instance_profile();
            let call = call.instance_profile_name(name).path(path);
            let made = Box::pin(call.set_tags(Some(sent(tags))).send())
                .await
                .map_err(|error| failed("iam:CreateInstanceProfile", &self.region, &error))?;
            Ok(made.instance_profile.map(profile).unwrap_or_default())
        })
    }

    fn profile<'a>(&'a self, name: &'a str) -> Answer<'a, Option<Profile>> {
        Box::pin(async move {
            let call = self.sdk.get_instance_profile();
            let sent = Box::pin(call.instance_profile_name(name).send()).await;
            let found =
                sent.map_err(|error| failed("iam:GetInstanceProfile", &self.region, &error));
            let found = self.found(found)?;
            Ok(found.and_then(|found| found.instance_profile).map(profile))
        })
    }

    fn add_role<'a>(&'a self, profile: &'a str, role: &'a str) -> Answer<'a, ()> {
        Box::pin(async move {
            let call = self.sdk.add_role_to_instance_profile();
            let call = call.instance_profile_name(profile).role_name(role);
            Box::pin(call.send())
                .await
                .map_err(|error| failed("iam:AddRoleToInstanceProfile", &self.region, &error))?;
            Ok(())
        })
    }

    fn remove_role<'a>(&'a self, profile: &'a str, role: &'a str) -> Answer<'a, ()> {
        Box::pin(async move {
            let call = self.sdk.remove_role_from_instance_profile();
            let call = call.instance_profile_name(profile).role_name(role);
            let sent = Box::pin(call.send()).await;
            gone("iam:RemoveRoleFromInstanceProfile", &self.region, sent)
        })
    }

    fn tag_profile<'a>(&'a self, profile: &'a str, tags: &'a Tags) -> Answer<'a, ()> {
        Box::pin(async move {
            let call = self.sdk.tag_instance_profile();
            let call = call.instance_profile_name(profile);
            Box::pin(call.set_tags(Some(sent(tags))).send())
                .await
                .map_err(|error| failed("iam:TagInstanceProfile", &self.region, &error))?;
            Ok(())
        })
    }

    fn untag_profile<'a>(&'a self, profile: &'a str, keys: &'a [String]) -> Answer<'a, ()> {
        Box::pin(async move {
            let call = self.sdk.untag_instance_profile();
            let call = call.instance_profile_name(profile);
            Box::pin(call.set_tag_keys(Some(keys.to_vec())).send())
                .await
                .map_err(|error| failed("iam:UntagInstanceProfile", &self.region, &error))?;
            Ok(())
        })
    }

    fn delete_profile<'a>(&'a self, name: &'a str) -> Answer<'a, ()> {
        Box::pin(async move {
            let call = self.sdk.delete_instance_profile();
            let sent = Box::pin(call.instance_profile_name(name).send()).await;
            gone("iam:DeleteInstanceProfile", &self.region, sent)
        })
    }
}

/// IAM gives documents out as they would stand in a URL.
fn decoded(document: &str) -> String {
    percent_decode_str(document)
        .decode_utf8_lossy()
        .into_owned()
}

fn sent(tags: &Tags) -> Vec<Tag> {
    // Key and value are all that a tag needs.
    let tags = tags
        .iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build());
    tags.filter_map(Result::ok).collect()
}

fn tags(tags: Option<Vec<Tag>>) -> Tags {
    let tags = tags.unwrap_or_default().into_iter();
    tags.map(|tag| (tag.key, tag.value)).collect()
}

fn role(from: types::Role) -> Role {
    Role {
        name: from.role_name,
        arn: from.arn,
        path: from.path,
        id: from.role_id,
        trust: from
            .assume_role_policy_document
            .map(|document| decoded(&document))
            .unwrap_or_default(),
        boundary: from
            .permissions_boundary
            .and_then(|it| it.permissions_boundary_arn),
        tags: tags(from.tags),
    }
}

fn profile(from: types::InstanceProfile) -> Profile {
    Profile {
        name: from.instance_profile_name,
        arn: from.arn,
        path: from.path,
        role: from.roles.into_iter().next().map(|role| role.role_name),
        tags: tags(from.tags),
    }
}
