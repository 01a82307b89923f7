//! The attributes of `ferrymq_host`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use cloud_aws::ec2::{Instance, Tags, VolumeSpec};
use tfplugin_rs::modify::AttributeChange;
use tfplugin_rs::prelude::*;
use tfplugin_rs::validate::Validator;

use super::boot;

/// An EC2 instance that boots a broker agent. It is made when the agent answers, so that what
/// refers to `endpoint` comes up in the same apply.
///
/// IMDSv2 is enforced and all volumes are encrypted. The type changes by a stop and a start, volumes
/// grow in place; what else an instance cannot change replaces it. Names of hosts are unique in their
/// region: an instance that an interrupted apply has left behind is found by its name and taken over.
/// Needs a provider with AWS in it, as release packages are.
#[derive(Debug, Clone, Model)]
pub(crate) struct HostModel {
    /// The package that the instance installs at its first boot. Default: none, for an image that
    /// has the agent in it. Changing it replaces the host.
    #[attr(replace_if = was_set)]
    pub(crate) agent_package: Option<AgentPackage>,

    /// Version of the agent, when it was last waited for; null when it was not.
    pub(crate) agent_version: Attr<String>,

    /// Id of the image. Default: what the public parameter `ami_ssm_parameter` says when the host is
    /// made; newer images do not replace it. Changing it replaces the host.
    #[attr(optional, computed, use_state_for_unknown, replace_if_configured, validate = ami())]
    pub(crate) ami: Attr<String>,

    /// Public parameter of the Systems Manager that names an image, for a host without `ami`.
    /// Default: that of Amazon Linux 2023 for the processor of `instance_type`. Looked at only when
    /// the host is made.
    #[attr(validate = validate::conflicts_with(["ami"]))]
    pub(crate) ami_ssm_parameter: Option<String>,

    /// Address of the authority that certifies the agent, `host:port` of a `broker-agent authority`.
    /// Default: none; the image has certificates or gets them by `user_data_extra`. Changing it
    /// replaces the host.
    #[attr(replace_if = was_set)]
    pub(crate) authority: Option<String>,

    /// Availability zone. Default: that of `subnet_id`, or of a data volume that was kept, or AWS's
    /// choice. Changing it replaces the host.
    #[attr(optional, computed, use_state_for_unknown, replace_if_configured)]
    pub(crate) availability_zone: Attr<String>,

    /// A volume of its own for what the agent stores. Adding one, and making it larger or faster,
    /// happens in place.
    pub(crate) data_volume: Option<DataVolume>,

    /// `host:port` of the agent, as `nodes` of a broker takes it: the private address with port 7443.
    /// Known at plan if `private_ip` is set.
    #[attr(computed, use_state_for_unknown)]
    pub(crate) endpoint: Attr<String>,

    /// Name or ARN of the instance profile, by which the machine proves who it is. Changing it
    /// replaces the host.
    #[attr(replace)]
    pub(crate) iam_instance_profile: Option<String>,

    /// Id of the instance.
    #[attr(computed, use_state_for_unknown)]
    pub(crate) id: Attr<String>,

    /// Such as `m7g.large`. A change stops the instance and starts it again.
    pub(crate) instance_type: String,

    /// Key pair for logging in. Default: none. Changing it replaces the host.
    #[attr(replace)]
    pub(crate) key_name: Option<String>,

    /// Name, unique among the hosts of the region; also the tag `Name`.
    #[attr(validate = host_name())]
    pub(crate) name: String,

    /// Name within the network.
    #[attr(computed, use_state_for_unknown)]
    pub(crate) private_dns: Attr<String>,

    /// Address within the subnet. Default: AWS's choice. Changing it replaces the host.
    #[attr(optional, computed, use_state_for_unknown, replace_if_configured, validate = ipv4())]
    pub(crate) private_ip: Attr<String>,

    /// Address on the Internet; null if there is none.
    pub(crate) public_ip: Attr<String>,

    /// Region. Default: the provider's. Changing it replaces the host.
    #[attr(optional, computed, use_state_for_unknown, replace_if_configured)]
    pub(crate) region: Attr<String>,

    /// The volume it boots from, which goes with it. What is left out is the image's choice.
    pub(crate) root_volume: Option<RootVolume>,

    /// Ids of security groups. Default: the network's own, and then changes of it are not looked at.
    pub(crate) security_group_ids: Option<BTreeSet<String>>,

    /// State of the instance; one that somebody has stopped is started again.
    pub(crate) state: Attr<String>,

    /// Subnet. Default: the default one of the zone. Changing it replaces the host.
    #[attr(optional, computed, use_state_for_unknown, replace_if_configured)]
    pub(crate) subnet_id: Attr<String>,

    /// Tags of the instance and its volumes, beside `Name` and those that begin with `ferrymq:`.
    #[attr(validate = validate::keys([own_tag()]))]
    pub(crate) tags: Option<BTreeMap<String, String>>,

    /// True: nobody can terminate it, Terraform included. Default: `false`.
    #[attr(default = false)]
    pub(crate) termination_protection: bool,

    /// How long the instance and its agent may take.
    #[attr(timeouts(create = "15m", update = "15m", delete = "15m"))]
    pub(crate) timeouts: Timeouts,

    /// Shell commands that run at the first boot, before the agent starts. Whoever may log in to the
    /// instance or describe it can read them: no place for secrets. Changing them replaces the host.
    #[attr(replace_if = was_set, validate = validate::bytes(..=boot::MAX_EXTRA))]
    pub(crate) user_data_extra: Option<String>,

    /// False: made when the instance runs, without waiting for its agent, where Terraform cannot reach
    /// it. Default: `true`.
    #[attr(default = true)]
    pub(crate) wait_for_agent: bool,
}

/// What the instance installs.
#[derive(Debug, Clone, PartialEq, Eq, Model)]
pub(crate) struct AgentPackage {
    /// SHA-256 of the package, hexadecimal. Anything else is not installed.
    #[attr(validate = validate::regex("^[0-9a-f]{64}$", "must be 64 lower-case hexadecimal digits"))]
    pub(crate) sha256: String,

    /// Where the instance gets it: a tar.gz with `broker-agent` in it.
    #[attr(validate = validate::regex("^https?://[!-~]+$", "must be an http or https URL"))]
    pub(crate) url: String,
}

/// The volume it boots from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Model)]
pub(crate) struct RootVolume {
    /// Operations per second.
    #[attr(validate = validate::range(100..=256_000))]
    pub(crate) iops: Option<i32>,

    /// Key that encrypts it. Default: the account's. Changing it replaces the host.
    #[attr(replace)]
    pub(crate) kms_key_id: Option<String>,

    /// Size in GiB; it can only grow.
    #[attr(validate = validate::range(1..=65_536))]
    pub(crate) size_gib: Option<i32>,

    /// MiB per second.
    #[attr(validate = validate::range(125..=2_000))]
    pub(crate) throughput: Option<i32>,

    /// `gp3`, `io2`, … Default: the image's.
    #[attr(validate = validate::one_of(VOLUME_TYPES))]
    pub(crate) volume_type: Option<String>,
}

/// The volume for data.
#[derive(Debug, Clone, PartialEq, Eq, Model)]
pub(crate) struct DataVolume {
    /// Device that it is attached as. Default: `/dev/sdf`. Changing it replaces the host.
    #[attr(default = "/dev/sdf", replace)]
    pub(crate) device: String,

    /// Id of the volume.
    #[attr(computed, use_state_for_unknown)]
    pub(crate) id: Attr<String>,

    /// Operations per second.
    #[attr(validate = validate::range(100..=256_000))]
    pub(crate) iops: Option<i32>,

    /// Key that encrypts it. Default: the account's. Changing it replaces the host.
    #[attr(replace)]
    pub(crate) kms_key_id: Option<String>,

    /// What destroying or replacing the host does to it: `"keep"`, and the next host of the name gets
    /// it with all that is on it, or `"delete"`. What counts is the value applied last. Default:
    /// `"keep"`.
    #[attr(default = OnDestroy::KEEP)]
    pub(crate) on_destroy: Text<OnDestroy>,

    /// Size in GiB; it can only grow.
    #[attr(validate = validate::range(1..=65_536))]
    pub(crate) size_gib: i32,

    /// MiB per second.
    #[attr(validate = validate::range(125..=2_000))]
    pub(crate) throughput: Option<i32>,

    /// `gp3`, `io2`, … Default: `gp3`.
    #[attr(default = "gp3", validate = validate::one_of(VOLUME_TYPES))]
    pub(crate) volume_type: String,
}

const VOLUME_TYPES: [&str; 5] = ["gp2", "gp3", "io1", "io2", "st1"];

/// What becomes of a data volume without its host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum OnDestroy {
    Delete,
    Keep,
}

impl OnDestroy {
    const KEEP: &'static str = "keep";
}

impl FromStr for OnDestroy {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        match text {
            Self::KEEP => Ok(Self::Keep),
            "delete" => Ok(Self::Delete),
            _ => Err("it must be \"keep\" or \"delete\""),
        }
    }
}

impl fmt::Display for OnDestroy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Delete => "delete",
            Self::Keep => Self::KEEP,
        })
    }
}

/// Tag with the host's name, by which its instance and volume are found.
pub(crate) const HOST_TAG: &str = "ferrymq:host";

/// Tag of an instance whose creation is not over.
pub(crate) const CREATING_TAG: &str = "ferrymq:creating";

impl RootVolume {
    pub(crate) fn spec(&self) -> VolumeSpec {
        VolumeSpec {
            size_gib: self.size_gib,
            volume_type: self.volume_type.clone(),
            iops: self.iops,
            throughput: self.throughput,
            kms_key: self.kms_key_id.clone(),
        }
    }

    /// As it is now, where the configuration says something.
    pub(crate) fn seen(&mut self, now: &VolumeSpec) {
        see(&mut self.iops, now.iops);
        see(&mut self.size_gib, now.size_gib);
        see(&mut self.throughput, now.throughput);
        see(&mut self.volume_type, now.volume_type.clone());
    }
}

impl DataVolume {
    pub(crate) fn spec(&self) -> VolumeSpec {
        VolumeSpec {
            size_gib: Some(self.size_gib),
            volume_type: Some(self.volume_type.clone()),
            iops: self.iops,
            throughput: self.throughput,
            kms_key: self.kms_key_id.clone(),
        }
    }

    /// As it is now; what the configuration leaves out stays out.
    pub(crate) fn seen(&mut self, now: &VolumeSpec) {
        see(&mut self.iops, now.iops);
        see(&mut self.throughput, now.throughput);
        if let Some(size) = now.size_gib {
            self.size_gib = size;
        }
        if let Some(ty) = &now.volume_type {
            self.volume_type.clone_from(ty);
        }
    }
}

fn see<T>(stated: &mut Option<T>, now: Option<T>) {
    if stated.is_some() && now.is_some() {
        *stated = now;
    }
}

impl HostModel {
    /// What it is called in messages.
    pub(crate) fn task(&self, doing: &str) -> String {
        format!("{doing} host {:?}", self.name)
    }

    pub(crate) fn region(&self) -> Result<String> {
        let known = self.region.clone().known();
        known.ok_or_else(|| {
            Diagnostic::error("No region", "Name a region.")
                .at("region")
                .into()
        })
    }

    pub(crate) fn id(&self) -> Result<String> {
        let known = self.id.clone().known();
        known.ok_or_else(|| Diagnostic::error("No instance", "The state names none.").into())
    }

    /// All tags that its instance and volumes shall have.
    pub(crate) fn all_tags(&self) -> Tags {
        let mut tags = self.tags.clone().unwrap_or_default();
        tags.insert("Name".to_owned(), self.name.clone());
        tags.insert(HOST_TAG.to_owned(), self.name.clone());
        tags
    }

    /// With what the instance tells.
    #[must_use]
    pub(crate) fn seen(mut self, instance: &Instance) -> Self {
        self.ami = instance.image.clone().into();
        self.availability_zone = instance.zone.clone().into();
        self.endpoint = instance.private_ip.as_deref().map(endpoint).into();
        self.id = instance.id.clone().into();
        self.instance_type.clone_from(&instance.instance_type);
        self.key_name.clone_from(&instance.key_name);
        self.private_dns = instance.private_dns.clone().into();
        self.private_ip = instance.private_ip.clone().into();
        self.public_ip = instance.public_ip.clone().into();
        self.state = instance.state.clone().into();
        self.subnet_id = instance.subnet.clone().into();
        if self.security_group_ids.is_some() {
            self.security_group_ids = Some(instance.security_groups.clone());
        }
        if !profile_is(self.iam_instance_profile.as_deref(), instance) {
            self.iam_instance_profile
                .clone_from(&instance.instance_profile);
        }
        if let Some(name) = instance.tags.get(HOST_TAG) {
            self.name.clone_from(name);
        }
        let others = instance.tags.iter().filter(|(key, _)| is_users(key));
        let others: Tags = others.map(|(k, v)| (k.clone(), v.clone())).collect();
        if !(self.tags.is_none() && others.is_empty()) {
            self.tags = Some(others);
        }
        self
    }
}

/// Where the agent of the machine with this address answers.
pub(crate) fn endpoint(private_ip: &str) -> String {
    format!("{private_ip}:{}", agent_api::DEFAULT_PORT)
}

/// AWS tells the ARN; people also write the name.
fn profile_is(stated: Option<&str>, instance: &Instance) -> bool {
    match (stated, instance.instance_profile.as_deref()) {
        (None, None) => true,
        (Some(stated), Some(arn)) => stated == arn || arn.ends_with(&format!("/{stated}")),
        _ => false,
    }
}

/// What an import cannot find out does not replace the host when it is first said.
fn was_set(change: &AttributeChange<'_>) -> bool {
    change.prior.is_some_and(|prior| !prior.is_null())
}

/// Whether a tag is the user's business.
fn is_users(key: &str) -> bool {
    key != "Name" && !key.starts_with("ferrymq:") && !key.starts_with("aws:")
}

fn own_tag() -> Validator {
    validate::string(|key| {
        if is_users(key) {
            return Ok(());
        }
        Err("is set by the provider, or reserved by AWS".to_owned())
    })
}

fn ami() -> Validator {
    validate::regex(
        "^ami-[0-9a-f]+$",
        "must be the id of an image, such as ami-0123abcd",
    )
}

fn host_name() -> Validator {
    validate::regex(
        "^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$",
        "must be 1 to 63 letters, digits, `.`, `_` or `-`, beginning with a letter or digit",
    )
}

fn ipv4() -> Validator {
    validate::string(|text| match text.parse::<std::net::Ipv4Addr>() {
        Ok(_) => Ok(()),
        Err(_) => Err("must be an IPv4 address such as 10.0.1.10".to_owned()),
    })
}
