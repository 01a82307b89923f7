//! Networks of EC2 in our own words: what a VPC is made of.
//!
//! Everything is made with its tags in the same call, so that what an interrupted run has left can
//! be found by them.

use std::collections::{BTreeMap, BTreeSet};

use crate::client::Answer;
use crate::ec2::{Filters, Tags};

/// All calls for networks in one region.
pub trait Networks: Subnets + Routing + SecurityGroups + Endpoints {}

impl<T: Subnets + Routing + SecurityGroups + Endpoints> Networks for T {}

/// Address spaces, and the zones they are spread over.
pub trait Subnets: Send + Sync {
    /// Names of the availability zones that any account may use, in order.
    fn zones(&self) -> Answer<'_, Vec<String>>;
    /// Makes a VPC.
    fn create_vpc<'a>(&'a self, cidr: &'a str, tags: &'a Tags) -> Answer<'a, Vpc>;
    /// All VPCs that match.
    fn vpcs<'a>(&'a self, filters: Filters<'a>) -> Answer<'a, Vec<Vpc>>;
    /// Whether instances get names of their own, which private names of endpoints need too.
    fn dns<'a>(&'a self, vpc: &'a str) -> Answer<'a, bool>;
    /// Gives instances names.
    fn enable_dns<'a>(&'a self, vpc: &'a str) -> Answer<'a, ()>;
    /// Deletes it; it may be gone already.
    fn delete_vpc<'a>(&'a self, id: &'a str) -> Answer<'a, ()>;
    /// Makes a subnet.
    fn create_subnet<'a>(&'a self, subnet: &'a NewSubnet) -> Answer<'a, Subnet>;
    /// All subnets that match.
    fn subnets<'a>(&'a self, filters: Filters<'a>) -> Answer<'a, Vec<Subnet>>;
    /// Gives instances that are made in it an address on the Internet, or not.
    fn set_public_addresses<'a>(&'a self, subnet: &'a str, on: bool) -> Answer<'a, ()>;
    /// Deletes it; it may be gone already.
    fn delete_subnet<'a>(&'a self, id: &'a str) -> Answer<'a, ()>;
    /// All network interfaces that match.
    fn interfaces<'a>(&'a self, filters: Filters<'a>) -> Answer<'a, Vec<Interface>>;
}

/// Ways out of a network.
pub trait Routing: Send + Sync {
    /// Makes a gateway to the Internet.
    fn create_gateway<'a>(&'a self, tags: &'a Tags) -> Answer<'a, Gateway>;
    /// All gateways to the Internet that match.
    fn gateways<'a>(&'a self, filters: Filters<'a>) -> Answer<'a, Vec<Gateway>>;
    /// Connects it with a VPC.
    fn attach_gateway<'a>(&'a self, id: &'a str, vpc: &'a str) -> Answer<'a, ()>;
    /// Takes it from a VPC; it may be off already.
    fn detach_gateway<'a>(&'a self, id: &'a str, vpc: &'a str) -> Answer<'a, ()>;
    /// Deletes it; it may be gone already.
    fn delete_gateway<'a>(&'a self, id: &'a str) -> Answer<'a, ()>;
    /// Makes a route table, with the way within the VPC alone.
    fn create_table<'a>(&'a self, vpc: &'a str, tags: &'a Tags) -> Answer<'a, RouteTable>;
    /// All route tables that match.
    fn tables<'a>(&'a self, filters: Filters<'a>) -> Answer<'a, Vec<RouteTable>>;
    /// Leads everything else of a table through this gateway, wherever it led before.
    fn set_default_route<'a>(
        &'a self,
        table: &'a str,
        gateway: &'a str,
        replaces: bool,
    ) -> Answer<'a, ()>;
    /// Has a subnet follow a table; gives the id of the association.
    fn associate<'a>(&'a self, table: &'a str, subnet: &'a str) -> Answer<'a, String>;
    /// Ends an association; it may have ended already.
    fn disassociate<'a>(&'a self, association: &'a str) -> Answer<'a, ()>;
    /// Deletes it; it may be gone already.
    fn delete_table<'a>(&'a self, id: &'a str) -> Answer<'a, ()>;
}

/// Who may reach whom.
pub trait SecurityGroups: Send + Sync {
    /// Makes a group which nobody may reach; gives its id.
    fn create_group<'a>(&'a self, group: &'a NewGroup) -> Answer<'a, String>;
    /// All groups that match.
    fn groups<'a>(&'a self, filters: Filters<'a>) -> Answer<'a, Vec<Group>>;
    /// Lets these in.
    fn allow<'a>(&'a self, group: &'a str, rules: &'a BTreeSet<Rule>) -> Answer<'a, ()>;
    /// Keeps these out.
    fn forbid<'a>(&'a self, group: &'a str, rules: &'a BTreeSet<Rule>) -> Answer<'a, ()>;
    /// Deletes it; it may be gone already.
    fn delete_group<'a>(&'a self, id: &'a str) -> Answer<'a, ()>;
}

/// Ways to AWS's own services that do not lead over the Internet.
pub trait Endpoints: Send + Sync {
    /// Makes an endpoint.
    fn create_endpoint<'a>(&'a self, endpoint: &'a NewEndpoint) -> Answer<'a, Endpoint>;
    /// All endpoints that match and are not on their way out.
    fn endpoints<'a>(&'a self, filters: Filters<'a>) -> Answer<'a, Vec<Endpoint>>;
    /// Moves it to another place of the same kind.
    fn move_endpoint<'a>(&'a self, endpoint: &'a Endpoint, to: &'a Place) -> Answer<'a, ()>;
    /// Asks it to go; it may be gone already.
    fn delete_endpoint<'a>(&'a self, id: &'a str) -> Answer<'a, ()>;
}

/// A VPC.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Vpc {
    /// `vpc-…`.
    pub id: String,
    /// Its addresses.
    pub cidr: String,
    /// Its tags.
    pub tags: Tags,
}

/// A subnet to be made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewSubnet {
    /// Its VPC.
    pub vpc: String,
    /// Its availability zone.
    pub zone: String,
    /// Its addresses.
    pub cidr: String,
    /// Its tags.
    pub tags: Tags,
}

/// A subnet as EC2 has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subnet {
    /// `subnet-…`.
    pub id: String,
    /// Its availability zone.
    pub zone: String,
    /// Its addresses.
    pub cidr: String,
    /// Whether instances made in it get an address on the Internet.
    pub public_addresses: bool,
    /// Its tags.
    pub tags: Tags,
}

/// A network interface.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Interface {
    /// `eni-…`.
    pub id: String,
    /// What it is for, as EC2 or its owner says.
    pub description: String,
    /// Instance it is attached to.
    pub instance: Option<String>,
    /// Its subnet.
    pub subnet: String,
}

/// A gateway to the Internet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gateway {
    /// `igw-…`.
    pub id: String,
    /// VPC it is attached to.
    pub vpc: Option<String>,
    /// Its tags.
    pub tags: Tags,
}

/// A route table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RouteTable {
    /// `rtb-…`.
    pub id: String,
    /// Where what is not within the VPC goes: a gateway, if it is one that works.
    pub default_route: Option<String>,
    /// Whether it has such a route, working or not.
    pub has_default_route: bool,
    /// Subnets that follow it, with the ids of their associations.
    pub subnets: BTreeMap<String, String>,
    /// Its tags.
    pub tags: Tags,
}

/// A security group to be made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewGroup {
    /// Its VPC.
    pub vpc: String,
    /// Its name, unique in the VPC.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Its tags.
    pub tags: Tags,
}

/// A security group as EC2 has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Group {
    /// `sg-…`.
    pub id: String,
    /// Whom it lets in.
    pub rules: BTreeSet<Rule>,
    /// Its tags.
    pub tags: Tags,
}

/// Whom a group lets in, and where.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rule {
    /// What it is for.
    pub description: String,
    /// `tcp`, `udp`, …, or `-1` for all.
    pub protocol: String,
    /// First and last port; `None` for all.
    pub ports: Option<(i32, i32)>,
    /// Addresses (`10.0.0.0/16`), another group (`sg-…`), or a prefix list (`pl-…`).
    pub source: String,
}

/// An endpoint to be made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewEndpoint {
    /// Makes a repetition harmless.
    pub client_token: String,
    /// Its VPC.
    pub vpc: String,
    /// Such as `com.amazonaws.eu-west-1.s3`.
    pub service: String,
    /// Where it is.
    pub place: Place,
    /// Its tags.
    pub tags: Tags,
}

/// How an endpoint is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// By routes of these tables.
    Gateway {
        /// Route tables.
        tables: BTreeSet<String>,
    },
    /// At addresses in these subnets, by the service's usual name.
    Interface {
        /// Subnets, one a zone.
        subnets: BTreeSet<String>,
        /// Security groups.
        groups: BTreeSet<String>,
    },
}

impl Default for Place {
    fn default() -> Self {
        Self::Gateway {
            tables: BTreeSet::new(),
        }
    }
}

/// An endpoint as EC2 has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Endpoint {
    /// `vpce-…`.
    pub id: String,
    /// Such as `com.amazonaws.eu-west-1.s3`.
    pub service: String,
    /// `pending`, `available`, `failed`, …
    pub state: String,
    /// Where it is.
    pub place: Place,
    /// Its tags.
    pub tags: Tags,
}
