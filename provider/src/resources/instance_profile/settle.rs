//! Bringing role and profile to what is wanted, from wherever they are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cloud_aws::ec2::Tags;
use cloud_aws::iam::{NewRole, Profile, Role};
use cloud_aws::{Answer, Error, Iam};
use tfplugin_rs::prelude::*;

use super::model::{CREATING_TAG, InstanceProfileModel, PROFILE_TAG, is_users};
use crate::agents::Agents;
use crate::aws;
use crate::aws::policy;
use crate::aws::wait::patiently;

/// Name of the role's own policy.
const POLICY: &str = "ferrymq";

/// One operation on role and profile.
pub(super) struct Settle {
    iam: Arc<dyn Iam>,
    doing: String,
}

/// Role and profile as IAM has them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Pair {
    role: Option<Role>,
    /// The role's own policies by name.
    policies: BTreeMap<String, String>,
    attached: BTreeSet<String>,
    profile: Option<Profile>,
}

impl Pair {
    /// Whether the role was made by this resource.
    pub(super) fn is_ours(&self, name: &str) -> bool {
        let tags = self.role.as_ref().map(|role| &role.tags);
        tags.is_some_and(|tags| tags.get(PROFILE_TAG).is_some_and(|it| it == name))
    }

    /// The model with what there is.
    pub(super) fn seen(&self, mut state: InstanceProfileModel) -> InstanceProfileModel {
        let in_profile = self.profile.as_ref().and_then(|it| it.role.as_ref());
        let is_whole = in_profile == Some(&state.name);
        let role = self.role.as_ref();
        state.arn = self.profile.as_ref().map(|it| it.arn.clone()).into();
        // A role that instances do not get is as good as none.
        state.role_arn = role.filter(|_| is_whole).map(|it| it.arn.clone()).into();
        let trust = role.map(|role| role.trust.as_str()).unwrap_or_default();
        see(&mut state.assume_role_policy_json, Some(trust));
        let own = self.policies.get(POLICY);
        see(&mut state.policy_json, own.map(String::as_str));
        let others = self.policies.keys().filter(|name| *name != POLICY);
        state.other_policies = others.cloned().collect::<Vec<_>>().into();
        if let Some(role) = role {
            state.path.clone_from(&role.path);
            state.permissions_boundary.clone_from(&role.boundary);
            let tags = role.tags.iter().filter(|(key, _)| is_users(key));
            let tags: Tags = tags.map(|(k, v)| (k.clone(), v.clone())).collect();
            if !(state.tags.is_none() && tags.is_empty()) {
                state.tags = Some(tags);
            }
        }
        if !(state.policy_arns.is_none() && self.attached.is_empty()) {
            state.policy_arns = Some(self.attached.clone());
        }
        state
    }
}

/// Takes over what IAM has, unless it says the same in other words.
fn see(stated: &mut Attr<String>, now: Option<&str>) {
    match (&*stated, now) {
        (Attr::Known(before), Some(now)) if policy::same(before, now) => {}
        _ => *stated = now.map(str::to_owned).into(),
    }
}

impl Settle {
    pub(super) fn new(iam: Arc<dyn Iam>, profile: &InstanceProfileModel, verb: &str) -> Self {
        Self {
            iam,
            doing: profile.task(verb),
        }
    }

    fn failed(&self, error: &Error) -> Diagnostic {
        aws::failed(&self.doing, error)
    }

    /// What becomes of a call.
    async fn done<T>(&self, call: Answer<'_, T>) -> Result<T> {
        Ok(call.await.map_err(|error| self.failed(&error))?)
    }

    pub(super) async fn look(&self, name: &str) -> Result<Pair> {
        let role = self.done(self.iam.role(name)).await?;
        let (mut policies, mut attached) = (BTreeMap::new(), BTreeSet::new());
        if role.is_some() {
            policies = self.done(self.iam.policies(name)).await?;
            attached = self.done(self.iam.attached(name)).await?;
        }
        Ok(Pair {
            role,
            policies,
            attached,
            profile: self.done(self.iam.profile(name)).await?,
        })
    }

    /// Makes both, or finishes making them.
    pub(super) async fn create(
        &self,
        plan: InstanceProfileModel,
        cx: &mut Apply<Agents>,
    ) -> Result<InstanceProfileModel> {
        let name = &plan.name;
        let mut there = self.look(name).await?;
        self.check_left(&plan, &there, cx)?;
        if there.role.is_none() {
            let mut tags = plan.all_tags();
            tags.insert(CREATING_TAG.to_owned(), "true".to_owned());
            there.role = Some(self.make_role(&plan, tags).await?);
        }
        cx.save(&there.seen(plan.clone()));
        self.settle(&plan, &mut there, cx).await?;
        let mark = [CREATING_TAG.to_owned()];
        self.done(self.iam.untag_role(name, &mark)).await?;
        Ok(there.seen(plan))
    }

    /// Something of the name that is no half of this one must stay as it is.
    fn check_left(
        &self,
        plan: &InstanceProfileModel,
        there: &Pair,
        cx: &mut Apply<Agents>,
    ) -> Result<()> {
        let name = &plan.name;
        if *there == Pair::default() {
            return Ok(());
        }
        let role = there.role.as_ref();
        let unfinished = role.is_some_and(|role| role.tags.contains_key(CREATING_TAG));
        if there.is_ours(name) && unfinished {
            let detail = format!(
                "The role {name:?} was made by an apply that did not end. It was taken over."
            );
            cx.push(Diagnostic::warning("Role was taken over", detail).at("name"));
            return Ok(());
        }
        let detail = if there.is_ours(name) {
            format!(
                "The account has an instance profile {name:?} already. Import it with the id \
                 {name:?}, or choose another name."
            )
        } else {
            format!(
                "The account has a role or an instance profile {name:?} that \
                 `ferrymq_instance_profile` has not made. Choose another name."
            )
        };
        Err(Diagnostic::error("Instance profile exists already", detail)
            .at("name")
            .into())
    }

    async fn make_role(&self, plan: &InstanceProfileModel, tags: Tags) -> Result<Role> {
        let new = NewRole {
            name: plan.name.clone(),
            path: plan.path.clone(),
            description: "FerryMQ: hosts of brokers".to_owned(),
            trust: policy::trust(),
            boundary: plan.permissions_boundary.clone(),
            tags,
        };
        self.done(self.iam.create_role(&new)).await
    }

    pub(super) async fn update(
        &self,
        prior: &InstanceProfileModel,
        plan: InstanceProfileModel,
        cx: &mut Apply<Agents>,
    ) -> Result<InstanceProfileModel> {
        let name = &plan.name;
        let mut there = self.look(name).await?;
        if there.role.is_none() {
            there.role = Some(self.make_role(&plan, plan.all_tags()).await?);
        }
        self.settle(&plan, &mut there, cx).await?;
        let (before, after) = (prior.all_tags(), plan.all_tags());
        let mut gone: Vec<String> = before.into_keys().collect();
        gone.retain(|key| !after.contains_key(key));
        // An apply that was interrupted while it made the role has left the mark.
        gone.push(CREATING_TAG.to_owned());
        self.done(self.iam.tag_role(name, &after)).await?;
        self.done(self.iam.untag_role(name, &gone)).await?;
        self.done(self.iam.tag_profile(name, &after)).await?;
        self.done(self.iam.untag_profile(name, &gone)).await?;
        if let Some(role) = &mut there.role {
            role.tags = after;
        }
        Ok(there.seen(plan))
    }

    /// Everything but tags, whatever there is of it already.
    async fn settle(
        &self,
        plan: &InstanceProfileModel,
        there: &mut Pair,
        cx: &Context<Agents>,
    ) -> Result<()> {
        let name = &plan.name;
        let Some(role) = &mut there.role else {
            return Ok(());
        };
        let trust = policy::trust();
        if !policy::same(&role.trust, &trust) {
            self.done(self.iam.set_trust(name, &trust)).await?;
            role.trust = trust;
        }
        if role.boundary != plan.permissions_boundary {
            let arn = plan.permissions_boundary.as_deref();
            self.done(self.iam.set_boundary(name, arn)).await?;
            role.boundary.clone_from(&plan.permissions_boundary);
        }
        self.settle_policies(plan, there, cx).await?;
        if there.profile.is_none() {
            let tags = plan.all_tags();
            let made = self.iam.create_profile(name, &plan.path, &tags);
            there.profile = Some(self.done(made).await?);
        }
        let Some(profile) = &mut there.profile else {
            return Ok(());
        };
        if profile.role.as_ref() == Some(name) {
            return Ok(());
        }
        if let Some(other) = profile.role.take() {
            self.done(self.iam.remove_role(name, &other)).await?;
        }
        patiently(&self.doing, cx, || self.iam.add_role(name, name)).await?;
        profile.role = Some(name.clone());
        Ok(())
    }

    async fn settle_policies(
        &self,
        plan: &InstanceProfileModel,
        there: &mut Pair,
        cx: &Context<Agents>,
    ) -> Result<()> {
        let name = &plan.name;
        let document = plan.document();
        for other in there.policies.keys() {
            if other != POLICY || document.is_none() {
                self.done(self.iam.delete_policy(name, other)).await?;
            }
        }
        let own = there.policies.remove(POLICY);
        there.policies.clear();
        if let Some(document) = document {
            if !own.is_some_and(|own| policy::same(&own, &document)) {
                let put = || self.iam.put_policy(name, POLICY, &document);
                patiently(&self.doing, cx, put).await?;
            }
            there.policies.insert(POLICY.to_owned(), document);
        }
        let wanted = plan.policy_arns.clone().unwrap_or_default();
        for arn in there.attached.difference(&wanted) {
            self.done(self.iam.detach(name, arn)).await?;
        }
        for arn in wanted.difference(&there.attached) {
            patiently(&self.doing, cx, || self.iam.attach(name, arn)).await?;
        }
        there.attached = wanted;
        Ok(())
    }

    /// Removes both, with all that hangs on them.
    pub(super) async fn destroy(&self, name: &str) -> Result<()> {
        let there = self.look(name).await?;
        if let Some(profile) = &there.profile {
            if let Some(role) = &profile.role {
                self.done(self.iam.remove_role(name, role)).await?;
            }
            self.done(self.iam.delete_profile(name)).await?;
        }
        if there.role.is_none() {
            return Ok(());
        }
        for policy in there.policies.keys() {
            self.done(self.iam.delete_policy(name, policy)).await?;
        }
        for arn in &there.attached {
            self.done(self.iam.detach(name, arn)).await?;
        }
        self.done(self.iam.delete_role(name)).await
    }
}
