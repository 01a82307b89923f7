//! Plans of `ferrymq_host`: what is known before anything is done, and what cannot be done.

use tfplugin_rs::prelude::*;

use super::model::endpoint;
use crate::agents::Agents;
use crate::aws;

/// Everything but what a deletion needs.
pub(super) async fn settle(plan: &mut ResourcePlan, cx: &mut Context<Agents>) -> Result<()> {
    if matches!(
        plan.action(),
        ResourceAction::Create | ResourceAction::Replace
    ) {
        if let Some(error) = cloud_aws::not_built() {
            return Err(aws::failed("plan a host", &error).into());
        }
        if plan.config().get::<Attr<String>>("region")?.is_null() {
            plan.set("region", &aws::region(Attr::Null, cx.data()).await?)?;
        }
    }
    if let Attr::Known(ip) = plan.config().get::<Attr<String>>("private_ip")? {
        plan.set("endpoint", &endpoint(&ip))?;
    }
    if matches!(
        plan.action(),
        ResourceAction::Replace | ResourceAction::Delete
    ) {
        return check_deletion(plan);
    }
    if plan.action() == ResourceAction::Create || plan.prior().is_null() {
        return Ok(());
    }
    check_growth(plan)?;
    plan_running(plan)
}

/// An instance that runs is what a host is; one that was stopped has lost its public address.
fn plan_running(plan: &mut ResourcePlan) -> Result<()> {
    let same = |name: &'static str| {
        let path = AttributePath::from(name);
        plan.planned().value().at(&path) == plan.prior().value().at(&path)
    };
    let state: Attr<String> = plan.prior().get("state")?;
    let runs = state == Attr::Known("running".to_owned());
    let restarts = !runs || !same("instance_type");
    plan.set("state", &"running".to_owned())?;
    for attribute in ["public_ip", "agent_version"] {
        if restarts {
            plan.set_unknown(attribute)?;
        } else {
            let now: Attr<String> = plan.prior().get(attribute)?;
            plan.set(attribute, &now)?;
        }
    }
    Ok(())
}

/// Refuses what a volume cannot do.
fn check_growth(plan: &mut ResourcePlan) -> Result<()> {
    let size = |values: &Values, path: &AttributePath| -> Option<i32> {
        values.get::<Attr<i32>>(path.clone()).ok()?.known()
    };
    for name in ["root_volume", "data_volume"] {
        let path = AttributePath::from(name).attribute("size_gib");
        let (before, after) = (size(plan.prior(), &path), size(plan.planned(), &path));
        if let (Some(before), Some(after)) = (before, after)
            && after < before
        {
            let detail = format!(
                "It has {before} GiB, and volumes of EC2 only grow. Say {before} or more; to get a \
                 smaller one, replace the host."
            );
            return Err(Diagnostic::error("A volume cannot shrink", detail)
                .at(name)
                .into());
        }
    }
    let volume = AttributePath::from("data_volume");
    let is_set = |values: &Values| values.value().at(&volume).is_some_and(|it| !it.is_null());
    if is_set(plan.prior()) && !is_set(plan.planned()) {
        plan.require_replace("data_volume");
    }
    Ok(())
}

/// Refuses at plan what EC2 would refuse at apply.
pub(super) fn check_deletion(plan: &ResourcePlan) -> Result<()> {
    if plan.prior().is_null() || !plan.prior().get::<bool>("termination_protection")? {
        return Ok(());
    }
    let name: String = plan.prior().get("name")?;
    let detail = format!(
        "The host {name:?} has `termination_protection`, and the plan would destroy or replace it. \
         Set it to false and apply that first."
    );
    Err(Diagnostic::error("Host is protected", detail)
        .at("termination_protection")
        .into())
}
