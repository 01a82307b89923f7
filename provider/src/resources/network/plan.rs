//! Plans of `ferrymq_network`: what is known before anything is done.

use tfplugin_rs::prelude::*;

use crate::agents::Agents;
use crate::aws;

/// Everything but deletions.
pub(super) async fn settle(plan: &mut ResourcePlan, cx: &mut Context<Agents>) -> Result<()> {
    let is_new = matches!(
        plan.action(),
        ResourceAction::Create | ResourceAction::Replace
    );
    if is_new {
        if let Some(error) = cloud_aws::not_built() {
            return Err(aws::failed("plan a network", &error).into());
        }
        if plan.config().get::<Attr<String>>("region")?.is_null() {
            plan.set("region", &aws::region(Attr::Null, cx.data()).await?)?;
        }
    }
    plan.set("deviations", &Vec::<String>::new())?;
    let public: Attr<bool> = plan.planned().get("public_subnets")?;
    if public == Attr::Known(false) {
        plan.set("public_subnet_ids", &Vec::<String>::new())?;
    }
    if is_new || plan.prior().is_null() {
        return Ok(());
    }
    // What is missing is made anew, and has another id then.
    let zones: Attr<Vec<String>> = plan.prior().get("availability_zones")?;
    let zones = zones.known().map_or(0, |zones| zones.len());
    let count = |plan: &ResourcePlan, name: &'static str| -> Result<usize> {
        let ids: Attr<Vec<String>> = plan.prior().get(name)?;
        Ok(ids.known().map_or(0, |ids| ids.len()))
    };
    if count(plan, "private_subnet_ids")? != zones {
        plan.set_unknown("private_subnet_ids")?;
    }
    if public == Attr::Known(true) && count(plan, "public_subnet_ids")? != zones {
        plan.set_unknown("public_subnet_ids")?;
    }
    let group: Attr<String> = plan.prior().get("security_group_id")?;
    if group.is_null() {
        plan.set_unknown("security_group_id")?;
    }
    Ok(())
}
