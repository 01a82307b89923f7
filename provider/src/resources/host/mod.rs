//! `ferrymq_host`.

mod boot;
mod change;
mod machine;
mod model;
mod plan;
mod volume;

use std::sync::Arc;

use cloud_aws::Ec2;
use cloud_aws::ec2::Instance;
use tfplugin_rs::prelude::*;

use self::machine::Machine;
pub(crate) use self::model::{HOST_TAG, HostModel, endpoint};
use crate::agents::Agents;
use crate::aws;

/// The resource.
pub(crate) struct Host;

/// Private state: the token that the instance was made with.
const TOKEN: &str = "client_token";

impl Resource for Host {
    const NAME: &'static str = "host";
    type Data = Agents;
    type Model = HostModel;

    async fn modify_plan(&self, plan: &mut ResourcePlan, cx: &mut Context<Agents>) -> Result<()> {
        if plan.planned().is_null() {
            return plan::check_deletion(plan);
        }
        plan::settle(plan, cx).await
    }

    async fn create(&self, plan: HostModel, cx: &mut Apply<Agents>) -> Result<HostModel> {
        Box::pin(machine::create(plan, cx)).await
    }

    async fn read(&self, state: HostModel, cx: &mut Context<Agents>) -> Result<Option<HostModel>> {
        let doing = state.task("read");
        let ec2 = ec2(&state.region()?, &doing, cx).await?;
        let found = ec2.instance(&state.id()?).await;
        let found = found.map_err(|error| aws::failed(&doing, &error))?;
        match found.filter(|instance| !is_gone(instance)) {
            Some(instance) => look(state, &instance, ec2.as_ref()).await.map(Some),
            None => Ok(None),
        }
    }

    async fn update(
        &self,
        prior: HostModel,
        plan: HostModel,
        cx: &mut Apply<Agents>,
    ) -> Result<HostModel> {
        Box::pin(change::update(prior, plan, cx)).await
    }

    async fn delete(&self, state: HostModel, cx: &mut Context<Agents>) -> Result<()> {
        let ec2 = ec2(&state.region()?, &state.task("destroy"), cx).await?;
        Box::pin(Machine::new(ec2, &state, "destroy").destroy(&state, cx)).await
    }

    async fn import(&self, id: &str, cx: &mut Context<Agents>) -> Result<HostModel> {
        let (region, instance) = match id.split_once('/') {
            Some((region, instance)) => (region.to_owned(), instance),
            None => (aws::region(Attr::Null, cx.data()).await?, id),
        };
        let doing = format!("import host {instance:?}");
        let ec2 = ec2(&region, &doing, cx).await?;
        let found = ec2.instance(instance).await;
        let found = found.map_err(|error| aws::failed(&doing, &error))?;
        let Some(instance) = found.filter(|instance| !is_gone(instance)) else {
            let detail = format!(
                "There is no instance {instance:?} in {region}. The id of a host is \
                 `<region>/<instance>`, or the instance alone in the provider's region."
            );
            return Err(Diagnostic::error("Nothing to import", detail).into());
        };
        let mut state = HostModel::blank(&region, &instance);
        state.data_volume = volume::attached(&instance, ec2.as_ref(), &doing).await?;
        look(state, &instance, ec2.as_ref()).await
    }
}

/// The client of a region.
async fn ec2(region: &str, doing: &str, cx: &Context<Agents>) -> Result<Arc<dyn Ec2>> {
    let ec2 = cx.data().aws().ec2(region).await;
    Ok(ec2.map_err(|error| aws::failed(doing, &error))?)
}

/// On its way out, or out.
fn is_gone(instance: &Instance) -> bool {
    matches!(instance.state.as_str(), "shutting-down" | "terminated")
}

/// The host as it is, with its volumes.
async fn look(state: HostModel, instance: &Instance, ec2: &dyn Ec2) -> Result<HostModel> {
    let doing = state.task("read");
    let failed = |error: cloud_aws::Error| aws::failed(&doing, &error);
    let mut state = state.seen(instance);
    let protected = ec2.termination_protection(&instance.id).await;
    state.termination_protection = protected.map_err(failed)?;
    let root = instance.root_device.as_ref();
    let root = root.and_then(|device| instance.volumes.get(device));
    if let (Some(stated), Some(id)) = (&mut state.root_volume, root)
        && let Some(now) = ec2.volume(id).await.map_err(failed)?
    {
        stated.seen(&now.spec);
    }
    if let Some(stated) = &mut state.data_volume {
        let id = stated.id.clone().known();
        let now = match &id {
            Some(id) => ec2.volume(id).await.map_err(failed)?,
            None => None,
        };
        let now = now.filter(|volume| volume.instance.as_ref() == Some(&instance.id));
        match now {
            Some(now) => stated.seen(&now.spec),
            // Gone, or taken away: the plan brings it back.
            None => state.data_volume = None,
        }
    }
    Ok(state)
}
