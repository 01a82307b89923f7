//! Instances.

use std::collections::BTreeSet;

use aws_sdk_ec2::types::{
    AttributeBooleanValue, AttributeValue, BlockDeviceMapping, EbsBlockDevice, HttpTokensState,
    IamInstanceProfileSpecification, InstanceAttributeName, InstanceMetadataEndpointState,
    InstanceMetadataOptionsRequest, Placement, ResourceType,
};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;

use super::convert;
use super::ec2::Client;
use super::failure::failed;
use crate::ec2::{Filters, Instance, Launch, Tags, VolumeSpec};
use crate::error::{Error, Kind};

/// The metadata of an instance is for programs of the instance itself, not for containers on it.
const HOP_LIMIT: i32 = 1;

impl Client {
    pub(super) async fn run_instances(&self, launch: &Launch) -> Result<Instance, Error> {
        let tags = |resource| convert::tagged(resource, &launch.tags);
        let placement = launch.zone.as_ref();
        let placement = placement.map(|zone| Placement::builder().availability_zone(zone).build());
        let groups: Vec<String> = launch.security_groups.iter().cloned().collect();
        let root = launch
            .root
            .as_ref()
            .map(|(name, spec)| vec![root(name, spec)]);
        let user_data = Some(&launch.user_data).filter(|text| !text.is_empty());
        let call = self.sdk.run_instances().min_count(1).max_count(1);
        let call = call
            .client_token(&launch.client_token)
            .image_id(&launch.image)
            .instance_type(launch.instance_type.as_str().into())
            .set_subnet_id(launch.subnet.clone())
            .set_placement(placement)
            .set_security_group_ids((!groups.is_empty()).then_some(groups))
            .set_private_ip_address(launch.private_ip.clone())
            .set_key_name(launch.key_name.clone())
            .set_iam_instance_profile(launch.instance_profile.as_deref().map(profile))
            .set_block_device_mappings(root)
            .set_user_data(user_data.map(|text| encode(text)))
            .disable_api_termination(launch.termination_protection)
            .metadata_options(imds_v2())
            .tag_specifications(tags(ResourceType::Instance))
            .tag_specifications(tags(ResourceType::Volume));
        let made = Box::pin(call.send())
            .await
            .map_err(|error| failed("ec2:RunInstances", &self.region, &error))?;
        let first = made.instances.unwrap_or_default().into_iter().next();
        first.map(convert::instance).ok_or_else(|| {
            let message = "the answer names no instance".to_owned();
            Error::unanswered(Kind::Other, "ec2:RunInstances", &self.region, message)
        })
    }

    pub(super) async fn describe_instance(&self, id: &str) -> Result<Option<Instance>, Error> {
        let sent = self.sdk.describe_instances().instance_ids(id).send();
        match Box::pin(sent).await {
            Ok(found) => {
                let reservations = found.reservations.unwrap_or_default();
                let mut instances = reservations
                    .into_iter()
                    .flat_map(|it| it.instances.unwrap_or_default());
                Ok(instances.next().map(convert::instance))
            }
            Err(error) => {
                let error = failed("ec2:DescribeInstances", &self.region, &error);
                if error.kind == Kind::NotFound || error.is("InvalidInstanceID.Malformed") {
                    return Ok(None);
                }
                Err(error)
            }
        }
    }

    pub(super) async fn describe_instances(
        &self,
        filters: Filters<'_>,
    ) -> Result<Vec<Instance>, Error> {
        let mut instances = Vec::new();
        let mut token = None;
        loop {
            let call = self.sdk.describe_instances();
            let call = call.set_filters(convert::filters(filters));
            let page = Box::pin(call.set_next_token(token).send())
                .await
                .map_err(|error| failed("ec2:DescribeInstances", &self.region, &error))?;
            let reservations = page.reservations.unwrap_or_default().into_iter();
            let found = reservations.flat_map(|it| it.instances.unwrap_or_default());
            instances.extend(found.map(convert::instance));
            token = page.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                return Ok(instances);
            }
        }
    }

    pub(super) async fn start_instance(&self, id: &str) -> Result<(), Error> {
        let sent = self.sdk.start_instances().instance_ids(id).send();
        Box::pin(sent)
            .await
            .map_err(|error| failed("ec2:StartInstances", &self.region, &error))?;
        Ok(())
    }

    pub(super) async fn stop_instance(&self, id: &str) -> Result<(), Error> {
        let sent = self.sdk.stop_instances().instance_ids(id).send();
        Box::pin(sent)
            .await
            .map_err(|error| failed("ec2:StopInstances", &self.region, &error))?;
        Ok(())
    }

    pub(super) async fn terminate_instance(&self, id: &str) -> Result<(), Error> {
        let sent = self.sdk.terminate_instances().instance_ids(id).send();
        match Box::pin(sent).await {
            Ok(_) => Ok(()),
            Err(error) => {
                let error = failed("ec2:TerminateInstances", &self.region, &error);
                if error.kind == Kind::NotFound {
                    return Ok(());
                }
                Err(error)
            }
        }
    }

    pub(super) async fn modify_type(&self, id: &str, instance_type: &str) -> Result<(), Error> {
        let call = self.sdk.modify_instance_attribute().instance_id(id);
        let value = AttributeValue::builder().value(instance_type).build();
        Box::pin(call.instance_type(value).send())
            .await
            .map_err(|error| failed("ec2:ModifyInstanceAttribute", &self.region, &error))?;
        Ok(())
    }

    pub(super) async fn modify_groups(
        &self,
        id: &str,
        groups: &BTreeSet<String>,
    ) -> Result<(), Error> {
        let call = self.sdk.modify_instance_attribute().instance_id(id);
        let groups = Some(groups.iter().cloned().collect());
        Box::pin(call.set_groups(groups).send())
            .await
            .map_err(|error| failed("ec2:ModifyInstanceAttribute", &self.region, &error))?;
        Ok(())
    }

    pub(super) async fn describe_protection(&self, id: &str) -> Result<bool, Error> {
        let call = self.sdk.describe_instance_attribute().instance_id(id);
        let sent = call
            .attribute(InstanceAttributeName::DisableApiTermination)
            .send();
        let found = Box::pin(sent)
            .await
            .map_err(|error| failed("ec2:DescribeInstanceAttribute", &self.region, &error))?;
        let value = found.disable_api_termination.and_then(|it| it.value);
        Ok(value.unwrap_or_default())
    }

    pub(super) async fn modify_protection(&self, id: &str, on: bool) -> Result<(), Error> {
        let call = self.sdk.modify_instance_attribute().instance_id(id);
        let value = AttributeBooleanValue::builder().value(on).build();
        Box::pin(call.disable_api_termination(value).send())
            .await
            .map_err(|error| failed("ec2:ModifyInstanceAttribute", &self.region, &error))?;
        Ok(())
    }

    pub(super) async fn console_output(&self, id: &str) -> Result<Option<String>, Error> {
        let call = self.sdk.get_console_output().instance_id(id);
        let said = Box::pin(call.send())
            .await
            .map_err(|error| failed("ec2:GetConsoleOutput", &self.region, &error))?;
        let bytes = said.output.and_then(|text| decode(&text));
        Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    pub(super) async fn create_tags(&self, ids: &[String], tags: &Tags) -> Result<(), Error> {
        let call = self.sdk.create_tags().set_resources(Some(ids.to_vec()));
        let sent = call.set_tags(Some(convert::sent_tags(tags))).send();
        Box::pin(sent)
            .await
            .map_err(|error| failed("ec2:CreateTags", &self.region, &error))?;
        Ok(())
    }

    pub(super) async fn delete_tags(&self, ids: &[String], keys: &[String]) -> Result<(), Error> {
        let tags = keys.iter().map(|key| {
            // Without a value: whatever it is.
            aws_sdk_ec2::types::Tag::builder().key(key).build()
        });
        let call = self.sdk.delete_tags().set_resources(Some(ids.to_vec()));
        Box::pin(call.set_tags(Some(tags.collect())).send())
            .await
            .map_err(|error| failed("ec2:DeleteTags", &self.region, &error))?;
        Ok(())
    }
}

/// EC2 takes user data in base64, and gives the console's text so.
fn encode(text: &str) -> String {
    BASE64.encode(text)
}

fn decode(text: &str) -> Option<Vec<u8>> {
    BASE64.decode(text.trim()).ok()
}

fn root(device: &str, spec: &VolumeSpec) -> BlockDeviceMapping {
    let volume_type = spec.volume_type.as_deref();
    let volume = EbsBlockDevice::builder()
        .delete_on_termination(true)
        .encrypted(true)
        .set_volume_size(spec.size_gib)
        .set_volume_type(volume_type.map(Into::into))
        .set_iops(spec.iops)
        .set_throughput(spec.throughput)
        .set_kms_key_id(spec.kms_key.clone());
    BlockDeviceMapping::builder()
        .device_name(device)
        .ebs(volume.build())
        .build()
}

fn imds_v2() -> InstanceMetadataOptionsRequest {
    InstanceMetadataOptionsRequest::builder()
        .http_tokens(HttpTokensState::Required)
        .http_endpoint(InstanceMetadataEndpointState::Enabled)
        .http_put_response_hop_limit(HOP_LIMIT)
        .build()
}

fn profile(name: &str) -> IamInstanceProfileSpecification {
    let profile = IamInstanceProfileSpecification::builder();
    if name.starts_with("arn:") {
        return profile.arn(name).build();
    }
    profile.name(name).build()
}
