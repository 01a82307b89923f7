//! `ferrymq_instance_profile`.

mod model;
mod settle;

use std::sync::Arc;

use cloud_aws::Iam;
use tfplugin_rs::prelude::*;

use self::model::InstanceProfileModel;
use self::settle::{Pair, Settle};
use crate::agents::Agents;
use crate::aws::{self, policy};

/// The resource.
pub(crate) struct InstanceProfile;

impl Resource for InstanceProfile {
    const NAME: &'static str = "instance_profile";
    type Data = Agents;
    type Model = InstanceProfileModel;

    async fn modify_plan(&self, plan: &mut ResourcePlan, _cx: &mut Context<Agents>) -> Result<()> {
        if plan.planned().is_null() {
            return Ok(());
        }
        if plan.prior().is_null()
            && let Some(error) = cloud_aws::not_built()
        {
            return Err(aws::failed("plan an instance profile", &error).into());
        }
        plan.set("assume_role_policy_json", &policy::trust())?;
        plan.set("other_policies", &Vec::<String>::new())?;
        plan_document(plan)?;
        if plan.prior().is_null() {
            return Ok(());
        }
        // What is missing is made anew.
        for attribute in ["arn", "role_arn"] {
            if plan.prior().get::<Attr<String>>(attribute)?.is_null() {
                plan.set_unknown(attribute)?;
            }
        }
        Ok(())
    }

    async fn create(
        &self,
        plan: InstanceProfileModel,
        cx: &mut Apply<Agents>,
    ) -> Result<InstanceProfileModel> {
        let settle = Settle::new(iam(cx).await?, &plan, "make");
        Box::pin(settle.create(plan, cx)).await
    }

    async fn read(
        &self,
        state: InstanceProfileModel,
        cx: &mut Context<Agents>,
    ) -> Result<Option<InstanceProfileModel>> {
        let settle = Settle::new(iam(cx).await?, &state, "read");
        let pair = settle.look(&state.name).await?;
        if pair == Pair::default() {
            return Ok(None);
        }
        Ok(Some(pair.seen(state)))
    }

    async fn update(
        &self,
        prior: InstanceProfileModel,
        plan: InstanceProfileModel,
        cx: &mut Apply<Agents>,
    ) -> Result<InstanceProfileModel> {
        let settle = Settle::new(iam(cx).await?, &plan, "change");
        Box::pin(settle.update(&prior, plan, cx)).await
    }

    async fn delete(&self, state: InstanceProfileModel, cx: &mut Context<Agents>) -> Result<()> {
        let settle = Settle::new(iam(cx).await?, &state, "destroy");
        Box::pin(settle.destroy(&state.name)).await
    }

    async fn import(&self, id: &str, cx: &mut Context<Agents>) -> Result<InstanceProfileModel> {
        let state = InstanceProfileModel::blank(id);
        let settle = Settle::new(iam(cx).await?, &state, "import");
        let pair = settle.look(id).await?;
        if !pair.is_ours(id) {
            let detail = format!(
                "There is no role {id:?} with the tag `{}`. The id is the name of a profile that \
                 `ferrymq_instance_profile` has made; hosts take the name of any other one as it is.",
                model::PROFILE_TAG
            );
            return Err(Diagnostic::error("Nothing to import", detail).into());
        }
        Ok(pair.seen(state))
    }
}

/// The document is known as soon as all that is named in it is.
fn plan_document(plan: &mut ResourcePlan) -> Result<()> {
    let planned = plan.planned();
    let Ok(permissions) = planned.get::<Option<policy::Permissions>>("permissions") else {
        return plan.set_unknown("policy_json");
    };
    let document = permissions.and_then(|it| it.document());
    let before: Attr<String> = match plan.prior().is_null() {
        true => Attr::Null,
        false => plan.prior().get("policy_json")?,
    };
    // IAM may have written the same in other words.
    let document = match (before, document) {
        (Attr::Known(before), Some(document)) if policy::same(&before, &document) => Some(before),
        (_, document) => document,
    };
    plan.set("policy_json", &document)
}

/// The client of IAM. Any region will do, as long as it is one of the same partition.
async fn iam(cx: &Context<Agents>) -> Result<Arc<dyn Iam>> {
    let region = cx.data().aws().region().await;
    let region = region.unwrap_or_else(|_| "us-east-1".to_owned());
    let iam = cx.data().aws().iam(&region).await;
    Ok(iam.map_err(|error| aws::failed("reach IAM", &error))?)
}
