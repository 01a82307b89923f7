//! VPCs, subnets, and the interfaces in them.

use aws_sdk_ec2::types::{self, AttributeBooleanValue, ResourceType, VpcAttributeName};

use super::convert;
use super::ec2::Client;
use super::failure::{failed, gone, pages};
use crate::client::Answer;
use crate::ec2::{Filters, Tags};
use crate::networks::{Interface, NewSubnet, Subnet, Subnets, Vpc};

impl Subnets for Client {
    fn zones(&self) -> Answer<'_, Vec<String>> {
        Box::pin(async move {
            let sent = self.sdk.describe_availability_zones().send();
            let found = Box::pin(sent)
                .await
                .map_err(|error| failed("ec2:DescribeAvailabilityZones", &self.region, &error))?;
            let zones = found.availability_zones.unwrap_or_default().into_iter();
            let mut names: Vec<String> = zones
                .filter(is_for_all)
                .filter_map(|it| it.zone_name)
                .collect();
            names.sort();
            Ok(names)
        })
    }

    fn create_vpc<'a>(&'a self, cidr: &'a str, tags: &'a Tags) -> Answer<'a, Vpc> {
        Box::pin(async move {
            let call = self.sdk.create_vpc().cidr_block(cidr);
            let call = call.tag_specifications(convert::tagged(ResourceType::Vpc, tags));
            let made = Box::pin(call.send())
                .await
                .map_err(|error| failed("ec2:CreateVpc", &self.region, &error))?;
            Ok(made.vpc.map(vpc).unwrap_or_default())
        })
    }

    fn vpcs<'a>(&'a self, filters: Filters<'a>) -> Answer<'a, Vec<Vpc>> {
        Box::pin(async move {
            let call = || {
                let call = self.sdk.describe_vpcs();
                call.set_filters(convert::filters(filters))
            };
            let found = pages!(self, "ec2:DescribeVpcs", call, vpcs);
            Ok(found.into_iter().map(vpc).collect())
        })
    }

    fn dns<'a>(&'a self, vpc: &'a str) -> Answer<'a, bool> {
        Box::pin(async move {
            for attribute in [
                VpcAttributeName::EnableDnsSupport,
                VpcAttributeName::EnableDnsHostnames,
            ] {
                let call = self.sdk.describe_vpc_attribute().vpc_id(vpc);
                let found = Box::pin(call.attribute(attribute).send())
                    .await
                    .map_err(|error| failed("ec2:DescribeVpcAttribute", &self.region, &error))?;
                let value = found.enable_dns_support.or(found.enable_dns_hostnames);
                if value.and_then(|it| it.value) != Some(true) {
                    return Ok(false);
                }
            }
            Ok(true)
        })
    }

    fn enable_dns<'a>(&'a self, vpc: &'a str) -> Answer<'a, ()> {
        Box::pin(async move {
            let on = || AttributeBooleanValue::builder().value(true).build();
            let call = || self.sdk.modify_vpc_attribute().vpc_id(vpc);
            // One attribute a call, and names need the service first.
            for call in [
                call().enable_dns_support(on()),
                call().enable_dns_hostnames(on()),
            ] {
                Box::pin(call.send())
                    .await
                    .map_err(|error| failed("ec2:ModifyVpcAttribute", &self.region, &error))?;
            }
            Ok(())
        })
    }

    fn delete_vpc<'a>(&'a self, id: &'a str) -> Answer<'a, ()> {
        Box::pin(async move {
            let sent = Box::pin(self.sdk.delete_vpc().vpc_id(id).send()).await;
            gone("ec2:DeleteVpc", &self.region, sent)
        })
    }

    fn create_subnet<'a>(&'a self, new: &'a NewSubnet) -> Answer<'a, Subnet> {
        Box::pin(async move {
            let call = self.sdk.create_subnet();
            let call = call
                .vpc_id(&new.vpc)
                .availability_zone(&new.zone)
                .cidr_block(&new.cidr)
                .tag_specifications(convert::tagged(ResourceType::Subnet, &new.tags));
            let made = Box::pin(call.send())
                .await
                .map_err(|error| failed("ec2:CreateSubnet", &self.region, &error))?;
            Ok(made.subnet.map(subnet).unwrap_or_default())
        })
    }

    fn subnets<'a>(&'a self, filters: Filters<'a>) -> Answer<'a, Vec<Subnet>> {
        Box::pin(async move {
            let call = || {
                let call = self.sdk.describe_subnets();
                call.set_filters(convert::filters(filters))
            };
            let found = pages!(self, "ec2:DescribeSubnets", call, subnets);
            Ok(found.into_iter().map(subnet).collect())
        })
    }

    fn set_public_addresses<'a>(&'a self, subnet: &'a str, on: bool) -> Answer<'a, ()> {
        Box::pin(async move {
            let value = AttributeBooleanValue::builder().value(on).build();
            let call = self.sdk.modify_subnet_attribute().subnet_id(subnet);
            Box::pin(call.map_public_ip_on_launch(value).send())
                .await
                .map_err(|error| failed("ec2:ModifySubnetAttribute", &self.region, &error))?;
            Ok(())
        })
    }

    fn delete_subnet<'a>(&'a self, id: &'a str) -> Answer<'a, ()> {
        Box::pin(async move {
            let sent = Box::pin(self.sdk.delete_subnet().subnet_id(id).send()).await;
            gone("ec2:DeleteSubnet", &self.region, sent)
        })
    }

    fn interfaces<'a>(&'a self, filters: Filters<'a>) -> Answer<'a, Vec<Interface>> {
        Box::pin(async move {
            let call = || {
                let call = self.sdk.describe_network_interfaces();
                call.set_filters(convert::filters(filters))
            };
            let found = pages!(
                self,
                "ec2:DescribeNetworkInterfaces",
                call,
                network_interfaces
            );
            let interface = |from: types::NetworkInterface| Interface {
                id: from.network_interface_id.unwrap_or_default(),
                description: from.description.unwrap_or_default(),
                instance: from.attachment.and_then(|it| it.instance_id),
                subnet: from.subnet_id.unwrap_or_default(),
            };
            Ok(found.into_iter().map(interface).collect())
        })
    }
}

/// Neither in a city of its own, nor one that the account has to turn on first.
fn is_for_all(zone: &types::AvailabilityZone) -> bool {
    let kind = zone.zone_type.as_deref();
    let opt_in = &zone.opt_in_status;
    zone.state == Some(types::AvailabilityZoneState::Available)
        && kind.is_none_or(|kind| kind == "availability-zone")
        && *opt_in != Some(types::AvailabilityZoneOptInStatus::NotOptedIn)
}

fn vpc(from: types::Vpc) -> Vpc {
    Vpc {
        id: from.vpc_id.unwrap_or_default(),
        cidr: from.cidr_block.unwrap_or_default(),
        tags: convert::tags(from.tags),
    }
}

fn subnet(from: types::Subnet) -> Subnet {
    Subnet {
        id: from.subnet_id.unwrap_or_default(),
        zone: from.availability_zone.unwrap_or_default(),
        cidr: from.cidr_block.unwrap_or_default(),
        public_addresses: from.map_public_ip_on_launch.unwrap_or_default(),
        tags: convert::tags(from.tags),
    }
}
