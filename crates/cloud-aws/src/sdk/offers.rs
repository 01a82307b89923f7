//! What there is to choose from: images, instance types, and which zones have them.

use aws_sdk_ec2::types::LocationType;

use super::convert;
use super::ec2::Client;
use super::failure::failed;
use crate::ec2::{Filters, Image, InstanceType, Offering};
use crate::error::{Error, Kind};

impl Client {
    pub(super) async fn describe_image(&self, id: &str) -> Result<Option<Image>, Error> {
        let sent = self.sdk.describe_images().image_ids(id).send();
        match Box::pin(sent).await {
            Ok(found) => Ok(found
                .images
                .unwrap_or_default()
                .into_iter()
                .next()
                .map(convert::image)),
            Err(error) => {
                let error = failed("ec2:DescribeImages", &self.region, &error);
                let is_missing = error.kind == Kind::NotFound || error.is("InvalidAMIID.Malformed");
                if is_missing { Ok(None) } else { Err(error) }
            }
        }
    }

    pub(super) async fn describe_images(
        &self,
        owners: &[String],
        filters: Filters<'_>,
    ) -> Result<Vec<Image>, Error> {
        let call = self.sdk.describe_images();
        let owners = (!owners.is_empty()).then(|| owners.to_vec());
        let call = call.set_owners(owners);
        let sent = call.set_filters(convert::filters(filters)).send();
        let found = Box::pin(sent)
            .await
            .map_err(|error| failed("ec2:DescribeImages", &self.region, &error))?;
        let images = found.images.unwrap_or_default();
        Ok(images.into_iter().map(convert::image).collect())
    }

    pub(super) async fn describe_type(&self, name: &str) -> Result<Option<InstanceType>, Error> {
        let call = self.sdk.describe_instance_types();
        let sent = call.instance_types(name.into()).send();
        let found = match Box::pin(sent).await {
            Ok(found) => found.instance_types.unwrap_or_default(),
            Err(error) => {
                let error = failed("ec2:DescribeInstanceTypes", &self.region, &error);
                if error.is("InvalidInstanceType") {
                    return Ok(None);
                }
                return Err(error);
            }
        };
        Ok(found.into_iter().next().map(|info| {
            let processor = info.processor_info;
            let supported = processor.and_then(|it| it.supported_architectures);
            InstanceType {
                architectures: supported
                    .unwrap_or_default()
                    .iter()
                    .map(|it| it.as_str().to_owned())
                    .collect(),
                memory_mib: info
                    .memory_info
                    .and_then(|it| it.size_in_mib)
                    .unwrap_or_default(),
                vcpus: info
                    .v_cpu_info
                    .and_then(|it| it.default_v_cpus)
                    .unwrap_or_default(),
            }
        }))
    }

    pub(super) async fn describe_offerings(
        &self,
        filters: Filters<'_>,
    ) -> Result<Vec<Offering>, Error> {
        let mut offerings = Vec::new();
        let mut token = None;
        loop {
            let call = self.sdk.describe_instance_type_offerings();
            let call = call.location_type(LocationType::AvailabilityZone);
            let call = call.set_filters(convert::filters(filters));
            let sent = call.set_next_token(token).send();
            let page = Box::pin(sent).await.map_err(|error| {
                failed("ec2:DescribeInstanceTypeOfferings", &self.region, &error)
            })?;
            let found = page.instance_type_offerings.unwrap_or_default();
            offerings.extend(found.into_iter().filter_map(|offering| {
                Some(Offering {
                    instance_type: offering.instance_type?.as_str().to_owned(),
                    zone: offering.location?,
                })
            }));
            token = page.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                offerings.sort();
                return Ok(offerings);
            }
        }
    }
}
