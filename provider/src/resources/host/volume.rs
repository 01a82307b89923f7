//! The data volume: made, kept, found again, attached, deleted.

use cloud_aws::ec2::{Instance, NewVolume, Volume};
use cloud_aws::{Ec2, Error};
use tfplugin_rs::prelude::*;

use super::machine::Machine;
use super::model::{DataVolume, HOST_TAG, HostModel, OnDestroy};
use crate::agents::Agents;
use crate::aws::wait::Wait;
use crate::{aws, generation};

/// The volume that an earlier host of this name has left.
pub(super) async fn kept(
    host: &HostModel,
    ec2: &dyn Ec2,
    zone: Option<&str>,
) -> Result<Option<Volume>, Error> {
    let mut filters = vec![
        ("tag:ferrymq:host", vec![host.name.clone()]),
        ("status", vec!["available".to_owned()]),
    ];
    if let Some(zone) = zone {
        filters.push(("availability-zone", vec![zone.to_owned()]));
    }
    let found = ec2.volumes(&filters).await?;
    // An image may have left others with the tags of its instance: ours says what it is for.
    Ok(found
        .into_iter()
        .find(|volume| volume.tags.contains_key(DATA_TAG)))
}

/// Tag of the volumes that hold what agents store.
const DATA_TAG: &str = "ferrymq:data";

/// The data volume of an instance that is imported.
pub(super) async fn attached(
    instance: &Instance,
    ec2: &dyn Ec2,
    doing: &str,
) -> Result<Option<DataVolume>> {
    let failed = |error: Error| aws::failed(doing, &error);
    for (device, id) in &instance.volumes {
        if Some(device) == instance.root_device.as_ref() {
            continue;
        }
        let Some(volume) = ec2.volume(id).await.map_err(failed)? else {
            continue;
        };
        if !volume.tags.contains_key(DATA_TAG) {
            continue;
        }
        return Ok(Some(DataVolume {
            device: device.clone(),
            id: id.clone().into(),
            iops: None,
            kms_key_id: None,
            on_destroy: OnDestroy::Keep.into(),
            size_gib: volume.spec.size_gib.unwrap_or_default(),
            throughput: None,
            volume_type: volume.spec.volume_type.clone().unwrap_or_default(),
        }));
    }
    Ok(None)
}

impl Machine {
    /// Deletes a volume as soon as the end of its instance has let go of it.
    pub(super) async fn delete_volume(&self, id: &str, cx: &Context<Agents>) -> Result<()> {
        let mut wait = Wait::new(format!("the data volume {id} to be detached"));
        loop {
            let now = self.ec2.volume(id).await;
            let Some(volume) = now.map_err(|error| self.failed(&error))? else {
                return Ok(());
            };
            if volume.state == "available" {
                let deleted = self.ec2.delete_volume(id).await;
                return Ok(deleted.map_err(|error| self.failed(&error))?);
            }
            let so_far = format!("it is {}", volume.state);
            if let Err(vain) = wait.turn(&so_far, cx).await {
                return Err(wait.failed(vain, &so_far, self.member).into());
            }
        }
    }

    /// Makes the data volume, or takes the one that was kept, and attaches it; gives its id.
    pub(super) async fn provide_volume(
        &self,
        host: &HostModel,
        wanted: &DataVolume,
        instance: &Instance,
        cx: &mut Apply<Agents>,
    ) -> Result<String> {
        let kept = kept(host, self.ec2.as_ref(), Some(&instance.zone)).await;
        let id = match kept.map_err(|error| self.failed(&error))? {
            Some(volume) => self.take_over(&volume, wanted, cx).await?,
            None => self.make_volume(host, wanted, instance).await?,
        };
        let mut wait = Wait::new(format!("the data volume {id}"));
        loop {
            let now = self.ec2.volume(&id).await;
            let state = now
                .map_err(|error| self.failed(&error))?
                .map(|volume| volume.state)
                .unwrap_or_default();
            if state == "available" {
                break;
            }
            let so_far = format!("it is {state}");
            if let Err(vain) = wait.turn(&so_far, cx).await {
                return Err(wait.failed(vain, &so_far, self.member).into());
            }
        }
        let attached = self
            .ec2
            .attach_volume(&id, &instance.id, &wanted.device)
            .await;
        attached.map_err(|error| self.failed(&error))?;
        Ok(id)
    }

    async fn take_over(
        &self,
        volume: &Volume,
        wanted: &DataVolume,
        cx: &mut Apply<Agents>,
    ) -> Result<String> {
        let size = volume.spec.size_gib.unwrap_or_default();
        if size > wanted.size_gib {
            let detail = format!(
                "The data volume {} that an earlier host of this name has left has {size} GiB, and \
                 volumes only grow. Say {size} or more, or delete it if nobody needs what is on it.",
                volume.id
            );
            return Err(Diagnostic::error("The kept volume is larger", detail)
                .at("data_volume")
                .into());
        }
        let detail = format!(
            "The data volume {} of an earlier host of this name was attached, with what is on it.",
            volume.id
        );
        cx.push(Diagnostic::warning("Kept volume is in use again", detail).at("data_volume"));
        if size < wanted.size_gib {
            let grown = self.ec2.modify_volume(&volume.id, &wanted.spec()).await;
            grown.map_err(|error| self.failed(&error))?;
        }
        Ok(volume.id.clone())
    }

    async fn make_volume(
        &self,
        host: &HostModel,
        wanted: &DataVolume,
        instance: &Instance,
    ) -> Result<String> {
        let mut tags = host.all_tags();
        tags.insert(HOST_TAG.to_owned(), host.name.clone());
        tags.insert(DATA_TAG.to_owned(), instance.id.clone());
        let new = NewVolume {
            client_token: generation::token()?,
            zone: instance.zone.clone(),
            spec: wanted.spec(),
            tags,
        };
        tracing::info!(host = host.name, zone = new.zone, "making the data volume");
        let made = self.ec2.create_volume(&new).await;
        Ok(made.map_err(|error| self.failed(&error))?.id)
    }
}
