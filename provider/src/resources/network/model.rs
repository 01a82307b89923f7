//! The attributes of `ferrymq_network`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use cloud_aws::ec2::Tags;
use tfplugin_rs::prelude::*;
use tfplugin_rs::types::Cidr;
use tfplugin_rs::validate::Validator;

/// A network for hosts: a VPC with a private subnet in each of two or three availability zones, on
/// request a public one beside it, a security group that lets in who is named, and endpoints of
/// AWS's services.
///
/// Private subnets have no way to the Internet: what hosts need from there comes through
/// `vpc_endpoints`, or is in their image; the endpoint of S3 reaches the packages of Amazon Linux and
/// packages of yours in a bucket of the region. Whoever has a network already passes the ids of its
/// subnets and security groups to `ferrymq_host` and needs none of this. What somebody else changes in
/// the network is shown by `deviations` and put right by the next apply. Needs a provider with AWS in
/// it, as release packages are.
#[derive(Debug, Clone, Model)]
pub(crate) struct NetworkModel {
    /// Who may reach the agents, on port 7443: whoever runs Terraform. Addresses (`10.0.0.0/16`),
    /// security groups (`sg-…`) or prefix lists (`pl-…`). Default: nobody.
    #[attr(validate = validate::each([source()]))]
    pub(crate) agent_sources: Option<BTreeSet<String>>,

    /// Availability zones, two or three. Default: the first `zone_count` of the region, by name.
    /// Changing them replaces the network.
    #[attr(optional, computed, use_state_for_unknown, replace_if_configured, validate = [validate::items(2..=3), validate::unique()])]
    pub(crate) availability_zones: Attr<Vec<String>>,

    /// Addresses of the network, such as `10.20.0.0/16`: 16 to 24 bits of prefix. Each subnet gets a
    /// sixteenth. Changing them replaces the network.
    #[attr(replace, validate = network_cidr())]
    pub(crate) cidr: String,

    /// Ports that brokers' clients reach. Default: `[5671]`, AMQP over TLS.
    #[attr(validate = [validate::items(1..=20), validate::each([validate::range(1..=65_535)])])]
    pub(crate) client_ports: Option<BTreeSet<i32>>,

    /// Who may reach `client_ports`: addresses, security groups or prefix lists. Default: nobody.
    #[attr(validate = validate::each([source()]))]
    pub(crate) client_sources: Option<BTreeSet<String>>,

    /// What is not as it should be, found when the network was last looked at: each is what the next
    /// apply does about it. Empty when all is well.
    #[attr(computed, use_state_for_unknown)]
    pub(crate) deviations: Attr<Vec<String>>,

    /// Id of the VPC.
    #[attr(computed, use_state_for_unknown)]
    pub(crate) id: Attr<String>,

    /// Name, unique among the networks of the region; also the tag `Name`.
    #[attr(validate = network_name())]
    pub(crate) name: String,

    /// Ids of the private subnets, in the order of `availability_zones`.
    #[attr(computed, use_state_for_unknown)]
    pub(crate) private_subnet_ids: Attr<Vec<String>>,

    /// Ids of the public subnets, in the order of `availability_zones`; empty without them.
    #[attr(computed, use_state_for_unknown)]
    pub(crate) public_subnet_ids: Attr<Vec<String>>,

    /// True: beside each private subnet there is a public one, whose hosts get addresses on the
    /// Internet and a way to it. Default: `false`.
    #[attr(default = false)]
    pub(crate) public_subnets: bool,

    /// Region. Default: the provider's. Changing it replaces the network.
    #[attr(optional, computed, use_state_for_unknown, replace_if_configured)]
    pub(crate) region: Attr<String>,

    /// Id of the security group for hosts. Hosts of the group reach each other for replication (7444)
    /// and joining (7445); everybody else only as `agent_sources`, `client_sources` and
    /// `status_sources` say. Rules that others add are taken off.
    #[attr(computed, use_state_for_unknown)]
    pub(crate) security_group_id: Attr<String>,

    /// Who may reach the status pages, on port 8443: load balancers and monitoring. Addresses,
    /// security groups or prefix lists. Default: nobody.
    #[attr(validate = validate::each([source()]))]
    pub(crate) status_sources: Option<BTreeSet<String>>,

    /// Tags of all that belongs to the network, beside `Name` and those that begin with `ferrymq:`.
    #[attr(validate = validate::keys([own_tag()]))]
    pub(crate) tags: Option<BTreeMap<String, String>>,

    /// How long making and removing may take. A network goes when nothing uses it any more.
    #[attr(timeouts(create = "10m", update = "10m", delete = "15m"))]
    pub(crate) timeouts: Timeouts,

    /// Services of AWS that are reached within the network, by the last part of their names: `s3` and
    /// `dynamodb`, which cost nothing; `kms`, `logs`, `monitoring`, `secretsmanager`, `ssm`, `sts`, …,
    /// each of which costs by the hour and zone. Default: `["dynamodb", "s3"]`.
    #[attr(validate = validate::each([service()]))]
    pub(crate) vpc_endpoints: Option<BTreeSet<String>>,

    /// Over how many zones the network is spread, 2 or 3. Default: 2. Changing it replaces the
    /// network.
    #[attr(default = 2, replace, validate = [validate::range(2..=3), validate::conflicts_with(["availability_zones"])])]
    pub(crate) zone_count: i32,
}

/// Tag with the network's name, by which all that belongs to it is found.
pub(crate) const NETWORK_TAG: &str = "ferrymq:network";

/// Tag with what a part of a network is for.
pub(crate) const PART_TAG: &str = "ferrymq:part";

/// Tag of a VPC whose creation is not over.
pub(crate) const CREATING_TAG: &str = "ferrymq:creating";

impl NetworkModel {
    /// What it is called in messages.
    pub(crate) fn task(&self, doing: &str) -> String {
        format!("{doing} network {:?}", self.name)
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
        known.ok_or_else(|| Diagnostic::error("No network", "The state names none.").into())
    }

    /// Tags that a part of it shall have.
    pub(crate) fn tags_of(&self, part: &str) -> Tags {
        let mut tags = self.tags.clone().unwrap_or_default();
        let name = match part {
            "vpc" => self.name.clone(),
            part => format!("{}-{part}", self.name),
        };
        tags.insert("Name".to_owned(), name);
        tags.insert(NETWORK_TAG.to_owned(), self.name.clone());
        tags.insert(PART_TAG.to_owned(), part.to_owned());
        tags
    }
}

/// Whether a tag is the user's business.
pub(super) fn is_users(key: &str) -> bool {
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

fn network_name() -> Validator {
    validate::regex(
        "^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$",
        "must be 1 to 63 letters, digits, `.`, `_` or `-`, beginning with a letter or digit",
    )
}

fn service() -> Validator {
    validate::regex(
        "^[a-z0-9][a-z0-9.-]*$",
        "must be the last part of a service's name, such as `s3` or `monitoring`",
    )
}

/// Parses addresses that are written as EC2 gives them back: without bits behind the prefix.
fn exact(text: &str) -> Result<(Ipv4Addr, u8), String> {
    let cidr: Cidr = text
        .parse()
        .map_err(|error| format!("must be addresses such as 10.20.0.0/16: {error}"))?;
    let IpAddr::V4(address) = cidr.address() else {
        return Err("must be IPv4 addresses such as 10.20.0.0/16".to_owned());
    };
    if cidr.network().to_string() != text {
        return Err(format!("must be written as {}", cidr.network()));
    }
    Ok((address, cidr.prefix()))
}

fn network_cidr() -> Validator {
    validate::string(|text| match exact(text)? {
        (_, 16..=24) => Ok(()),
        (_, prefix) => Err(format!(
            "must have 16 to 24 bits of prefix, it has {prefix}"
        )),
    })
}

/// Addresses, a security group, or a prefix list.
fn source() -> Validator {
    validate::string(|text| {
        let is_id = text
            .strip_prefix("sg-")
            .or_else(|| text.strip_prefix("pl-"));
        match is_id {
            Some(id) if !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric()) => Ok(()),
            Some(_) => Err("must be the id of a security group or prefix list".to_owned()),
            None => exact(text).map(drop),
        }
    })
}

/// The `index`-th sixteenth of these addresses.
pub(super) fn sixteenth(cidr: &str, index: u32) -> Result<String> {
    let (address, prefix) =
        exact(cidr).map_err(|error| Diagnostic::error("No addresses", error).at("cidr"))?;
    let prefix = prefix + 4;
    let start = u32::from(address) + (index << (32 - u32::from(prefix)));
    Ok(format!("{}/{prefix}", Ipv4Addr::from(start)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subnets_are_sixteenths() {
        assert_eq!(sixteenth("10.20.0.0/16", 0).unwrap(), "10.20.0.0/20");
        assert_eq!(sixteenth("10.20.0.0/16", 9).unwrap(), "10.20.144.0/20");
        assert_eq!(sixteenth("192.168.7.0/24", 15).unwrap(), "192.168.7.240/28");
    }

    #[test]
    fn addresses_are_written_as_ec2_gives_them_back() {
        assert!(exact("10.20.0.0/16").is_ok());
        let error = exact("10.20.0.7/16").unwrap_err();
        assert!(error.contains("10.20.0.0/16"), "{error}");
        assert!(exact("fd00::/16").is_err());
        assert!(exact("10.20.0.0").is_err());
    }
}
