//! The SDK's types and ours.

use aws_sdk_ec2::types::{self, Filter, ResourceType, Tag, TagSpecification};

use crate::ec2::{Filters, Image, Instance, Tags, Volume, VolumeSpec};

pub(super) fn filters(filters: Filters<'_>) -> Option<Vec<Filter>> {
    let one = |(name, values): &(&str, Vec<String>)| {
        let values = Some(values.clone());
        Filter::builder().name(*name).set_values(values).build()
    };
    // None at all and an empty list are not the same to EC2.
    (!filters.is_empty()).then(|| filters.iter().map(one).collect())
}

pub(super) fn sent_tags(tags: &Tags) -> Vec<Tag> {
    tags.iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect()
}

/// Tags for what is being made.
pub(super) fn tagged(kind: ResourceType, tags: &Tags) -> TagSpecification {
    TagSpecification::builder()
        .resource_type(kind)
        .set_tags(Some(sent_tags(tags)))
        .build()
}

pub(super) fn tags(tags: Option<Vec<Tag>>) -> Tags {
    let tags = tags.unwrap_or_default().into_iter();
    tags.filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default())))
        .collect()
}

/// EC2 says "nothing" by an empty text as well.
fn text(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

pub(super) fn instance(from: types::Instance) -> Instance {
    let groups = from.security_groups.unwrap_or_default().into_iter();
    let devices = from.block_device_mappings.unwrap_or_default().into_iter();
    let imds = from
        .metadata_options
        .and_then(|options| options.http_tokens);
    Instance {
        id: from.instance_id.unwrap_or_default(),
        state: from
            .state
            .and_then(|state| state.name)
            .map(|name| name.as_str().to_owned())
            .unwrap_or_default(),
        state_reason: from
            .state_reason
            .and_then(|reason| text(reason.message))
            .or(text(from.state_transition_reason)),
        image: from.image_id.unwrap_or_default(),
        instance_type: from
            .instance_type
            .map(|ty| ty.as_str().to_owned())
            .unwrap_or_default(),
        zone: from
            .placement
            .and_then(|placement| placement.availability_zone)
            .unwrap_or_default(),
        subnet: text(from.subnet_id),
        security_groups: groups.filter_map(|group| group.group_id).collect(),
        private_ip: text(from.private_ip_address),
        private_dns: text(from.private_dns_name),
        public_ip: text(from.public_ip_address),
        key_name: text(from.key_name),
        instance_profile: from.iam_instance_profile.and_then(|profile| profile.arn),
        root_device: text(from.root_device_name),
        volumes: devices
            .filter_map(|device| Some((device.device_name?, device.ebs?.volume_id?)))
            .collect(),
        imds_v2: imds == Some(types::HttpTokensState::Required),
        client_token: text(from.client_token),
        tags: tags(from.tags),
    }
}

pub(super) fn volume(from: types::Volume) -> Volume {
    let attachments = from.attachments.unwrap_or_default().into_iter();
    Volume {
        id: from.volume_id.unwrap_or_default(),
        state: from
            .state
            .map(|state| state.as_str().to_owned())
            .unwrap_or_default(),
        zone: from.availability_zone.unwrap_or_default(),
        spec: VolumeSpec {
            size_gib: from.size,
            volume_type: from.volume_type.map(|ty| ty.as_str().to_owned()),
            iops: from.iops,
            throughput: from.throughput,
            kms_key: text(from.kms_key_id),
        },
        instance: attachments
            .filter_map(|attachment| attachment.instance_id)
            .next(),
        tags: tags(from.tags),
    }
}

pub(super) fn image(from: types::Image) -> Image {
    Image {
        id: from.image_id.unwrap_or_default(),
        name: from.name.unwrap_or_default(),
        description: from.description.unwrap_or_default(),
        architecture: from
            .architecture
            .map(|it| it.as_str().to_owned())
            .unwrap_or_default(),
        created: from.creation_date.unwrap_or_default(),
        owner: from.owner_id.unwrap_or_default(),
        root_device: text(from.root_device_name),
        state: from
            .state
            .map(|state| state.as_str().to_owned())
            .unwrap_or_default(),
    }
}
