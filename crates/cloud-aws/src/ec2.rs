//! EC2 in our own words: machines, volumes, images, and what is on offer.

use std::collections::{BTreeMap, BTreeSet};

use crate::client::Answer;

/// Tags by key.
pub type Tags = BTreeMap<String, String>;

/// What to look for: a filter of EC2 (`tag:Name`, `instance-state-name`, …) and the values it may have.
pub type Filters<'a> = &'a [(&'a str, Vec<String>)];

/// The calls of EC2 in one region. What is positively not there is `None`, never an error.
pub trait Ec2: Send + Sync {
    /// Makes one instance.
    fn launch<'a>(&'a self, launch: &'a Launch) -> Answer<'a, Instance>;
    /// Looks up an instance. One that was terminated is found for about an hour.
    fn instance<'a>(&'a self, id: &'a str) -> Answer<'a, Option<Instance>>;
    /// All instances that match.
    fn instances<'a>(&'a self, filters: Filters<'a>) -> Answer<'a, Vec<Instance>>;
    /// Asks it to start.
    fn start<'a>(&'a self, id: &'a str) -> Answer<'a, ()>;
    /// Asks it to stop.
    fn stop<'a>(&'a self, id: &'a str) -> Answer<'a, ()>;
    /// Asks it to go for good; it may be gone already.
    fn terminate<'a>(&'a self, id: &'a str) -> Answer<'a, ()>;
    /// Changes the type of an instance that is stopped.
    fn set_type<'a>(&'a self, id: &'a str, instance_type: &'a str) -> Answer<'a, ()>;
    /// Exchanges its security groups.
    fn set_security_groups<'a>(
        &'a self,
        id: &'a str,
        groups: &'a BTreeSet<String>,
    ) -> Answer<'a, ()>;
    /// Whether it refuses to be terminated.
    fn termination_protection<'a>(&'a self, id: &'a str) -> Answer<'a, bool>;
    /// Has it refuse to be terminated, or not.
    fn set_termination_protection<'a>(&'a self, id: &'a str, on: bool) -> Answer<'a, ()>;
    /// The newest text on its serial console, if any is kept.
    fn console<'a>(&'a self, id: &'a str) -> Answer<'a, Option<String>>;
    /// Makes a volume.
    fn create_volume<'a>(&'a self, volume: &'a NewVolume) -> Answer<'a, Volume>;
    /// Looks up a volume.
    fn volume<'a>(&'a self, id: &'a str) -> Answer<'a, Option<Volume>>;
    /// All volumes that match.
    fn volumes<'a>(&'a self, filters: Filters<'a>) -> Answer<'a, Vec<Volume>>;
    /// Makes it larger or faster, in place.
    fn modify_volume<'a>(&'a self, id: &'a str, spec: &'a VolumeSpec) -> Answer<'a, ()>;
    /// Attaches it to an instance as this device.
    fn attach_volume<'a>(
        &'a self,
        id: &'a str,
        instance: &'a str,
        device: &'a str,
    ) -> Answer<'a, ()>;
    /// Deletes it; it may be gone already.
    fn delete_volume<'a>(&'a self, id: &'a str) -> Answer<'a, ()>;
    /// Sets tags of instances or volumes.
    fn set_tags<'a>(&'a self, ids: &'a [String], tags: &'a Tags) -> Answer<'a, ()>;
    /// Removes tags.
    fn remove_tags<'a>(&'a self, ids: &'a [String], keys: &'a [String]) -> Answer<'a, ()>;
    /// Looks up an image.
    fn image<'a>(&'a self, id: &'a str) -> Answer<'a, Option<Image>>;
    /// All images of these owners (accounts, `self`, `amazon`; none: all) that match.
    fn images<'a>(&'a self, owners: &'a [String], filters: Filters<'a>) -> Answer<'a, Vec<Image>>;
    /// What an instance type is; `None` where the region does not have it.
    fn instance_type<'a>(&'a self, name: &'a str) -> Answer<'a, Option<InstanceType>>;
    /// Which types are on offer in which zones.
    fn offerings<'a>(&'a self, filters: Filters<'a>) -> Answer<'a, Vec<Offering>>;
}

/// An instance to be made. IMDSv2 is enforced, with a hop limit of 1.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Launch {
    /// Makes a repetition harmless.
    pub client_token: String,
    /// The image.
    pub image: String,
    /// Such as `m7g.large`.
    pub instance_type: String,
    /// Subnet; default: the zone's own.
    pub subnet: Option<String>,
    /// Availability zone; default: the subnet's, or EC2's choice.
    pub zone: Option<String>,
    /// Ids of security groups; none: the network's own.
    pub security_groups: BTreeSet<String>,
    /// Address within the subnet; default: EC2's choice.
    pub private_ip: Option<String>,
    /// Key pair for logging in.
    pub key_name: Option<String>,
    /// Name or ARN of the instance profile.
    pub instance_profile: Option<String>,
    /// The volume it boots from: its device, and what to change of the image's.
    pub root: Option<(String, VolumeSpec)>,
    /// Text that the image runs at its first boot.
    pub user_data: String,
    /// Tags of instance and root volume.
    pub tags: Tags,
    /// True: refuses to be terminated.
    pub termination_protection: bool,
}

/// What a volume is like; what is left out is EC2's or the image's choice.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VolumeSpec {
    /// Size.
    pub size_gib: Option<i32>,
    /// `gp3`, `io2`, …
    pub volume_type: Option<String>,
    /// Operations per second.
    pub iops: Option<i32>,
    /// MiB per second.
    pub throughput: Option<i32>,
    /// Key that encrypts it; default: the account's. All volumes made here are encrypted.
    pub kms_key: Option<String>,
}

/// A volume to be made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewVolume {
    /// Makes a repetition harmless.
    pub client_token: String,
    /// Its availability zone.
    pub zone: String,
    /// What it is like.
    pub spec: VolumeSpec,
    /// Its tags.
    pub tags: Tags,
}

/// An instance as EC2 has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Instance {
    /// `i-…`.
    pub id: String,
    /// `pending`, `running`, `shutting-down`, `terminated`, `stopping` or `stopped`.
    pub state: String,
    /// Why it is in that state, as EC2 says it.
    pub state_reason: Option<String>,
    /// Its image.
    pub image: String,
    /// Its type.
    pub instance_type: String,
    /// Its zone.
    pub zone: String,
    /// Its subnet.
    pub subnet: Option<String>,
    /// Its security groups.
    pub security_groups: BTreeSet<String>,
    /// Address within its network.
    pub private_ip: Option<String>,
    /// Name within its network.
    pub private_dns: Option<String>,
    /// Address on the Internet.
    pub public_ip: Option<String>,
    /// Key pair.
    pub key_name: Option<String>,
    /// ARN of the instance profile.
    pub instance_profile: Option<String>,
    /// Device it boots from.
    pub root_device: Option<String>,
    /// Volumes by device.
    pub volumes: BTreeMap<String, String>,
    /// Whether IMDSv2 is enforced.
    pub imds_v2: bool,
    /// Token that it was made with.
    pub client_token: Option<String>,
    /// Its tags.
    pub tags: Tags,
}

/// A volume as EC2 has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Volume {
    /// `vol-…`.
    pub id: String,
    /// `creating`, `available`, `in-use`, `deleting`, `deleted` or `error`.
    pub state: String,
    /// Its zone.
    pub zone: String,
    /// What it is like.
    pub spec: VolumeSpec,
    /// Instance that it is attached to.
    pub instance: Option<String>,
    /// Its tags.
    pub tags: Tags,
}

/// An image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Image {
    /// `ami-…`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What its owner says of it.
    pub description: String,
    /// `x86_64`, `arm64`, …
    pub architecture: String,
    /// When it was made, RFC 3339.
    pub created: String,
    /// Account that made it.
    pub owner: String,
    /// Device it boots from.
    pub root_device: Option<String>,
    /// `available`, `pending`, …
    pub state: String,
}

/// What an instance type is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InstanceType {
    /// `x86_64`, `arm64`, …: the first is the usual one.
    pub architectures: Vec<String>,
    /// Memory.
    pub memory_mib: i64,
    /// Virtual CPUs.
    pub vcpus: i32,
}

/// An instance type in a zone.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Offering {
    /// Type.
    pub instance_type: String,
    /// Availability zone.
    pub zone: String,
}
