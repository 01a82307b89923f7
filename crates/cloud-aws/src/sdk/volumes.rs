//! Volumes.

use aws_sdk_ec2::types::ResourceType;

use super::convert;
use super::ec2::Client;
use super::failure::failed;
use crate::ec2::{Filters, NewVolume, Volume, VolumeSpec};
use crate::error::{Error, Kind};

impl Client {
    pub(super) async fn new_volume(&self, new: &NewVolume) -> Result<Volume, Error> {
        let VolumeSpec {
            size_gib,
            volume_type,
            iops,
            throughput,
            kms_key,
        } = new.spec.clone();
        let call = self.sdk.create_volume();
        let call = call
            .client_token(&new.client_token)
            .availability_zone(&new.zone)
            .encrypted(true)
            .set_size(size_gib)
            .set_volume_type(volume_type.map(|ty| ty.as_str().into()))
            .set_iops(iops)
            .set_throughput(throughput)
            .set_kms_key_id(kms_key)
            .tag_specifications(convert::tagged(ResourceType::Volume, &new.tags));
        let made = Box::pin(call.send())
            .await
            .map_err(|error| failed("ec2:CreateVolume", &self.region, &error))?;
        Ok(Volume {
            id: made.volume_id.unwrap_or_default(),
            state: made
                .state
                .map(|state| state.as_str().to_owned())
                .unwrap_or_default(),
            zone: new.zone.clone(),
            spec: VolumeSpec {
                size_gib: made.size,
                volume_type: made.volume_type.map(|ty| ty.as_str().to_owned()),
                iops: made.iops,
                throughput: made.throughput,
                kms_key: made.kms_key_id,
            },
            instance: None,
            tags: new.tags.clone(),
        })
    }

    pub(super) async fn describe_volume(&self, id: &str) -> Result<Option<Volume>, Error> {
        let sent = self.sdk.describe_volumes().volume_ids(id).send();
        match Box::pin(sent).await {
            Ok(found) => Ok(found
                .volumes
                .unwrap_or_default()
                .into_iter()
                .next()
                .map(convert::volume)),
            Err(error) => {
                let error = failed("ec2:DescribeVolumes", &self.region, &error);
                if error.kind == Kind::NotFound {
                    return Ok(None);
                }
                Err(error)
            }
        }
    }

    pub(super) async fn describe_volumes(
        &self,
        filters: Filters<'_>,
    ) -> Result<Vec<Volume>, Error> {
        let call = self.sdk.describe_volumes();
        let sent = call.set_filters(convert::filters(filters)).send();
        let found = Box::pin(sent)
            .await
            .map_err(|error| failed("ec2:DescribeVolumes", &self.region, &error))?;
        let volumes = found.volumes.unwrap_or_default();
        Ok(volumes.into_iter().map(convert::volume).collect())
    }

    pub(super) async fn change_volume(&self, id: &str, spec: &VolumeSpec) -> Result<(), Error> {
        let call = self.sdk.modify_volume().volume_id(id);
        let call = call
            .set_size(spec.size_gib)
            .set_volume_type(spec.volume_type.as_deref().map(Into::into))
            .set_iops(spec.iops)
            .set_throughput(spec.throughput);
        Box::pin(call.send())
            .await
            .map_err(|error| failed("ec2:ModifyVolume", &self.region, &error))?;
        Ok(())
    }

    pub(super) async fn attach(&self, id: &str, instance: &str, device: &str) -> Result<(), Error> {
        let call = self.sdk.attach_volume().volume_id(id);
        let sent = call.instance_id(instance).device(device).send();
        Box::pin(sent)
            .await
            .map_err(|error| failed("ec2:AttachVolume", &self.region, &error))?;
        Ok(())
    }

    pub(super) async fn remove_volume(&self, id: &str) -> Result<(), Error> {
        match Box::pin(self.sdk.delete_volume().volume_id(id).send()).await {
            Ok(_) => Ok(()),
            Err(error) => {
                let error = failed("ec2:DeleteVolume", &self.region, &error);
                if error.kind == Kind::NotFound {
                    return Ok(());
                }
                Err(error)
            }
        }
    }
}
