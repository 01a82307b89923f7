//! Security groups.

use std::collections::BTreeSet;

use aws_sdk_ec2::types::{
    IpPermission, IpRange, Ipv6Range, PrefixListId, ResourceType, SecurityGroup, UserIdGroupPair,
};

use super::convert;
use super::ec2::Client;
use super::failure::{failed, gone, pages};
use crate::client::Answer;
use crate::ec2::Filters;
use crate::networks::{Group, NewGroup, Rule, SecurityGroups};

impl SecurityGroups for Client {
    fn create_group<'a>(&'a self, new: &'a NewGroup) -> Answer<'a, String> {
        Box::pin(async move {
            let call = self.sdk.create_security_group();
            let call = call
                .vpc_id(&new.vpc)
                .group_name(&new.name)
                .description(&new.description)
                .tag_specifications(convert::tagged(ResourceType::SecurityGroup, &new.tags));
            let made = Box::pin(call.send())
                .await
                .map_err(|error| failed("ec2:CreateSecurityGroup", &self.region, &error))?;
            Ok(made.group_id.unwrap_or_default())
        })
    }

    fn groups<'a>(&'a self, filters: Filters<'a>) -> Answer<'a, Vec<Group>> {
        Box::pin(async move {
            let call = || {
                let call = self.sdk.describe_security_groups();
                call.set_filters(convert::filters(filters))
            };
            let found = pages!(self, "ec2:DescribeSecurityGroups", call, security_groups);
            Ok(found.into_iter().map(group).collect())
        })
    }

    fn allow<'a>(&'a self, group: &'a str, rules: &'a BTreeSet<Rule>) -> Answer<'a, ()> {
        Box::pin(async move {
            let call = self.sdk.authorize_security_group_ingress();
            let permissions = rules.iter().map(permission).collect();
            let call = call.group_id(group).set_ip_permissions(Some(permissions));
            Box::pin(call.send()).await.map_err(|error| {
                failed("ec2:AuthorizeSecurityGroupIngress", &self.region, &error)
            })?;
            Ok(())
        })
    }

    fn forbid<'a>(&'a self, group: &'a str, rules: &'a BTreeSet<Rule>) -> Answer<'a, ()> {
        Box::pin(async move {
            let call = self.sdk.revoke_security_group_ingress();
            let permissions = rules.iter().map(permission).collect();
            let call = call.group_id(group).set_ip_permissions(Some(permissions));
            let sent = Box::pin(call.send()).await;
            gone("ec2:RevokeSecurityGroupIngress", &self.region, sent)
        })
    }

    fn delete_group<'a>(&'a self, id: &'a str) -> Answer<'a, ()> {
        Box::pin(async move {
            let call = self.sdk.delete_security_group();
            let sent = Box::pin(call.group_id(id).send()).await;
            gone("ec2:DeleteSecurityGroup", &self.region, sent)
        })
    }
}

/// One rule as EC2 takes it.
fn permission(rule: &Rule) -> IpPermission {
    let permission = IpPermission::builder()
        .ip_protocol(&rule.protocol)
        .set_from_port(rule.ports.map(|(first, _)| first))
        .set_to_port(rule.ports.map(|(_, last)| last));
    let source = rule.source.as_str();
    let description = Some(rule.description.clone()).filter(|text| !text.is_empty());
    let permission = if source.starts_with("sg-") {
        let pair = UserIdGroupPair::builder().group_id(source);
        permission.user_id_group_pairs(pair.set_description(description).build())
    } else if source.starts_with("pl-") {
        let list = PrefixListId::builder().prefix_list_id(source);
        permission.prefix_list_ids(list.set_description(description).build())
    } else if source.contains(':') {
        let range = Ipv6Range::builder().cidr_ipv6(source);
        permission.ipv6_ranges(range.set_description(description).build())
    } else {
        let range = IpRange::builder().cidr_ip(source);
        permission.ip_ranges(range.set_description(description).build())
    };
    permission.build()
}

fn group(from: SecurityGroup) -> Group {
    let permissions = from.ip_permissions.unwrap_or_default();
    Group {
        id: from.group_id.unwrap_or_default(),
        rules: permissions.into_iter().flat_map(rules).collect(),
        tags: convert::tags(from.tags),
    }
}

/// EC2 gathers rules with the same ports.
fn rules(from: IpPermission) -> Vec<Rule> {
    let protocol = from.ip_protocol.unwrap_or_default();
    let ports = from.from_port.zip(from.to_port);
    let ranges = from.ip_ranges.unwrap_or_default().into_iter();
    let ranges6 = from.ipv6_ranges.unwrap_or_default().into_iter();
    let pairs = from.user_id_group_pairs.unwrap_or_default().into_iter();
    let lists = from.prefix_list_ids.unwrap_or_default().into_iter();
    let sources = ranges
        .map(|it| (it.cidr_ip, it.description))
        .chain(ranges6.map(|it| (it.cidr_ipv6, it.description)))
        .chain(pairs.map(|it| (it.group_id, it.description)))
        .chain(lists.map(|it| (it.prefix_list_id, it.description)));
    sources
        .filter_map(|(source, description)| {
            Some(Rule {
                description: description.unwrap_or_default(),
                protocol: protocol.clone(),
                ports,
                source: source?,
            })
        })
        .collect()
}
