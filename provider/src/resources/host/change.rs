//! Changes of a host in place.

use cloud_aws::ec2::Instance;
use tfplugin_rs::prelude::*;

use super::machine::Machine;
use super::model::HostModel;
use super::{ec2, look};
use crate::agents::Agents;

/// Brings the instance from `prior` to `plan`.
pub(super) async fn update(
    prior: HostModel,
    mut plan: HostModel,
    cx: &mut Apply<Agents>,
) -> Result<HostModel> {
    let ec2 = ec2(&plan.region()?, &plan.task("change"), cx).await?;
    let machine = Machine::new(ec2, &plan, "change");
    let id = plan.id()?;
    // Protection is taken off first, and put on again, by whatever order the rest fails in.
    machine.change_settings(&prior, &plan, &id).await?;
    machine.change_volumes(&prior, &plan, &id).await?;
    let restarted = machine.change_type(&prior, &plan, &id, cx).await?;
    let instance = machine.await_state(&id, "running", cx).await?;
    if let (Some(wanted), None) = (plan.data_volume.clone(), &prior.data_volume) {
        let host = plan.clone();
        let volume = machine
            .provide_volume(&host, &wanted, &instance, cx)
            .await?;
        if let Some(planned) = &mut plan.data_volume {
            planned.id = volume.into();
        }
    }
    if restarted {
        let host = plan.clone().seen(&instance);
        plan.agent_version = machine.await_agent(&host, &id, cx).await?.into();
    }
    machine.result(plan, &instance).await
}

impl Machine {
    /// Tags, security groups, protection.
    async fn change_settings(&self, prior: &HostModel, plan: &HostModel, id: &str) -> Result<()> {
        let failed = |error: cloud_aws::Error| self.failed(&error);
        if prior.termination_protection != plan.termination_protection {
            let on = plan.termination_protection;
            let set = self.ec2.set_termination_protection(id, on).await;
            set.map_err(failed)?;
        }
        if let Some(groups) = &plan.security_group_ids
            && prior.security_group_ids.as_ref() != Some(groups)
        {
            let set = self.ec2.set_security_groups(id, groups).await;
            set.map_err(failed)?;
        }
        let (before, after) = (prior.all_tags(), plan.all_tags());
        if before == after {
            return Ok(());
        }
        let mut ids = vec![id.to_owned()];
        let volume = prior.data_volume.as_ref();
        ids.extend(volume.and_then(|volume| volume.id.clone().known()));
        self.ec2.set_tags(&ids, &after).await.map_err(failed)?;
        let gone = before.into_keys().filter(|key| !after.contains_key(key));
        let gone: Vec<String> = gone.collect();
        if !gone.is_empty() {
            self.ec2.remove_tags(&ids, &gone).await.map_err(failed)?;
        }
        Ok(())
    }

    /// Larger or faster volumes.
    async fn change_volumes(&self, prior: &HostModel, plan: &HostModel, id: &str) -> Result<()> {
        let failed = |error: cloud_aws::Error| self.failed(&error);
        if let Some(root) = &plan.root_volume
            && prior.root_volume.as_ref().map(|it| it.spec()) != Some(root.spec())
        {
            let instance = self.ec2.instance(id).await.map_err(failed)?;
            let instance = instance.unwrap_or_default();
            let device = instance.root_device.clone().unwrap_or_default();
            if let Some(volume) = instance.volumes.get(&device) {
                let modified = self.ec2.modify_volume(volume, &root.spec()).await;
                modified.map_err(failed)?;
            }
        }
        if let (Some(before), Some(after)) = (&prior.data_volume, &plan.data_volume)
            && before.spec() != after.spec()
            && let Some(volume) = before.id.clone().known()
        {
            let modified = self.ec2.modify_volume(&volume, &after.spec()).await;
            modified.map_err(failed)?;
        }
        Ok(())
    }

    /// Another type by stop, change, start; also starts what somebody has stopped. Whether the
    /// instance was started.
    async fn change_type(
        &self,
        prior: &HostModel,
        plan: &HostModel,
        id: &str,
        cx: &Context<Agents>,
    ) -> Result<bool> {
        let failed = |error: cloud_aws::Error| self.failed(&error);
        let runs = prior.state == Attr::Known("running".to_owned());
        let changes = prior.instance_type != plan.instance_type;
        if runs && !changes {
            return Ok(false);
        }
        if changes {
            let to = &plan.instance_type;
            tracing::info!(host = plan.name, to, "stopping it to change its type");
            self.ec2.stop(id).await.map_err(failed)?;
            self.await_state(id, "stopped", cx).await?;
            if let Err(error) = self.ec2.set_type(id, to).await {
                // It runs again with the type it had; the error tells what is wrong with the other.
                let started = self.ec2.start(id).await;
                started.map_err(failed)?;
                return Err(failed(error).into());
            }
        }
        self.ec2.start(id).await.map_err(failed)?;
        Ok(true)
    }

    /// What became of it; the volumes may still be growing, and are as planned in the end.
    async fn result(&self, plan: HostModel, instance: &Instance) -> Result<HostModel> {
        let now = look(plan.clone(), instance, self.ec2.as_ref()).await?;
        Ok(HostModel {
            data_volume: plan.data_volume,
            root_volume: plan.root_volume,
            security_group_ids: plan.security_group_ids,
            tags: plan.tags,
            termination_protection: plan.termination_protection,
            ..now
        }
        .settled())
    }
}
