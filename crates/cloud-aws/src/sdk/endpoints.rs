//! Endpoints of AWS's services within a VPC.

use std::collections::BTreeSet;

use aws_sdk_ec2::types::{self, ResourceType, VpcEndpointType};

use super::convert;
use super::ec2::Client;
use super::failure::{failed, gone, pages};
use crate::client::Answer;
use crate::ec2::Filters;
use crate::error::Error;
use crate::networks::{Endpoint, Endpoints, NewEndpoint, Place};

/// States of what is on its way out.
const LEAVING: [&str; 2] = ["deleting", "deleted"];

impl Endpoints for Client {
    fn create_endpoint<'a>(&'a self, new: &'a NewEndpoint) -> Answer<'a, Endpoint> {
        Box::pin(async move {
            let call = self.sdk.create_vpc_endpoint();
            let call = call
                .client_token(&new.client_token)
                .vpc_id(&new.vpc)
                .service_name(&new.service)
                .tag_specifications(convert::tagged(ResourceType::VpcEndpoint, &new.tags));
            let call = match &new.place {
                Place::Gateway { tables } => call
                    .vpc_endpoint_type(VpcEndpointType::Gateway)
                    .set_route_table_ids(Some(tables.iter().cloned().collect())),
                Place::Interface { subnets, groups } => call
                    .vpc_endpoint_type(VpcEndpointType::Interface)
                    .private_dns_enabled(true)
                    .set_subnet_ids(Some(subnets.iter().cloned().collect()))
                    .set_security_group_ids(Some(groups.iter().cloned().collect())),
            };
            let made = Box::pin(call.send())
                .await
                .map_err(|error| failed("ec2:CreateVpcEndpoint", &self.region, &error))?;
            Ok(made.vpc_endpoint.map(endpoint).unwrap_or_default())
        })
    }

    fn endpoints<'a>(&'a self, filters: Filters<'a>) -> Answer<'a, Vec<Endpoint>> {
        Box::pin(async move {
            let call = || {
                let call = self.sdk.describe_vpc_endpoints();
                call.set_filters(convert::filters(filters))
            };
            let found = pages!(self, "ec2:DescribeVpcEndpoints", call, vpc_endpoints);
            let found = found.into_iter().map(endpoint);
            Ok(found
                .filter(|it| !LEAVING.contains(&it.state.as_str()))
                .collect())
        })
    }

    fn move_endpoint<'a>(&'a self, endpoint: &'a Endpoint, to: &'a Place) -> Answer<'a, ()> {
        Box::pin(async move {
            let call = self.sdk.modify_vpc_endpoint().vpc_endpoint_id(&endpoint.id);
            let call = match (&endpoint.place, to) {
                (Place::Gateway { tables: before }, Place::Gateway { tables }) => call
                    .set_add_route_table_ids(less(tables, before))
                    .set_remove_route_table_ids(less(before, tables)),
                (
                    Place::Interface {
                        subnets: before,
                        groups: groups_before,
                    },
                    Place::Interface { subnets, groups },
                ) => call
                    .set_add_subnet_ids(less(subnets, before))
                    .set_remove_subnet_ids(less(before, subnets))
                    .set_add_security_group_ids(less(groups, groups_before))
                    .set_remove_security_group_ids(less(groups_before, groups)),
                // The kind belongs to the service.
                _ => return Ok(()),
            };
            Box::pin(call.send())
                .await
                .map_err(|error| failed("ec2:ModifyVpcEndpoint", &self.region, &error))?;
            Ok(())
        })
    }

    fn delete_endpoint<'a>(&'a self, id: &'a str) -> Answer<'a, ()> {
        Box::pin(async move {
            let call = "ec2:DeleteVpcEndpoints";
            let sent = self.sdk.delete_vpc_endpoints().vpc_endpoint_ids(id).send();
            let answer = match Box::pin(sent).await {
                Ok(answer) => answer,
                Err(error) => return gone(call, &self.region, Err::<(), _>(error)),
            };
            // What could not be done is told within an answer that all is well.
            let problems = answer.unsuccessful.unwrap_or_default().into_iter();
            for problem in problems.filter_map(|item| item.error) {
                let code = problem.code.unwrap_or_default();
                let message = problem.message.unwrap_or_default();
                if !code.ends_with(".NotFound") {
                    return Err(Error::answered(call, &self.region, &code, &message, None));
                }
            }
            Ok(())
        })
    }
}

/// What is in one set and not in the other; EC2 takes no empty lists.
fn less(one: &BTreeSet<String>, other: &BTreeSet<String>) -> Option<Vec<String>> {
    let less: Vec<String> = one.difference(other).cloned().collect();
    (!less.is_empty()).then_some(less)
}

fn endpoint(from: types::VpcEndpoint) -> Endpoint {
    let set = |list: Option<Vec<String>>| list.unwrap_or_default().into_iter().collect();
    let groups = from.groups.unwrap_or_default().into_iter();
    let place = match from.vpc_endpoint_type {
        Some(VpcEndpointType::Interface) => Place::Interface {
            subnets: set(from.subnet_ids),
            groups: groups.filter_map(|group| group.group_id).collect(),
        },
        _ => Place::Gateway {
            tables: set(from.route_table_ids),
        },
    };
    Endpoint {
        id: from.vpc_endpoint_id.unwrap_or_default(),
        service: from.service_name.unwrap_or_default(),
        // Some answers write it with a capital, some without.
        state: from
            .state
            .map(|state| state.as_str().to_lowercase())
            .unwrap_or_default(),
        place,
        tags: convert::tags(from.tags),
    }
}
