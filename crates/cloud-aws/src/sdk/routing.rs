//! Gateways and route tables.

use aws_sdk_ec2::types::{self, ResourceType, RouteState};

use super::convert;
use super::ec2::Client;
use super::failure::{failed, gone, pages};
use crate::client::Answer;
use crate::ec2::{Filters, Tags};
use crate::networks::{Gateway, RouteTable, Routing};

/// Everything that no other route leads to.
const EVERYTHING: &str = "0.0.0.0/0";

impl Routing for Client {
    fn create_gateway<'a>(&'a self, tags: &'a Tags) -> Answer<'a, Gateway> {
        Box::pin(async move {
            let call = self.sdk.create_internet_gateway();
            let tags = convert::tagged(ResourceType::InternetGateway, tags);
            let made = Box::pin(call.tag_specifications(tags).send())
                .await
                .map_err(|error| failed("ec2:CreateInternetGateway", &self.region, &error))?;
            Ok(made.internet_gateway.map(gateway).unwrap_or_default())
        })
    }

    fn gateways<'a>(&'a self, filters: Filters<'a>) -> Answer<'a, Vec<Gateway>> {
        Box::pin(async move {
            let call = || {
                let call = self.sdk.describe_internet_gateways();
                call.set_filters(convert::filters(filters))
            };
            let found = pages!(
                self,
                "ec2:DescribeInternetGateways",
                call,
                internet_gateways
            );
            Ok(found.into_iter().map(gateway).collect())
        })
    }

    fn attach_gateway<'a>(&'a self, id: &'a str, vpc: &'a str) -> Answer<'a, ()> {
        Box::pin(async move {
            let call = self.sdk.attach_internet_gateway();
            Box::pin(call.internet_gateway_id(id).vpc_id(vpc).send())
                .await
                .map_err(|error| failed("ec2:AttachInternetGateway", &self.region, &error))?;
            Ok(())
        })
    }

    fn detach_gateway<'a>(&'a self, id: &'a str, vpc: &'a str) -> Answer<'a, ()> {
        Box::pin(async move {
            let call = self.sdk.detach_internet_gateway();
            let sent = Box::pin(call.internet_gateway_id(id).vpc_id(vpc).send()).await;
            let done = gone("ec2:DetachInternetGateway", &self.region, sent);
            done.or_else(|error| match error.is("Gateway.NotAttached") {
                true => Ok(()),
                false => Err(error),
            })
        })
    }

    fn delete_gateway<'a>(&'a self, id: &'a str) -> Answer<'a, ()> {
        Box::pin(async move {
            let call = self.sdk.delete_internet_gateway();
            let sent = Box::pin(call.internet_gateway_id(id).send()).await;
            gone("ec2:DeleteInternetGateway", &self.region, sent)
        })
    }

    fn create_table<'a>(&'a self, vpc: &'a str, tags: &'a Tags) -> Answer<'a, RouteTable> {
        Box::pin(async move {
            let call = self.sdk.create_route_table().vpc_id(vpc);
            let tags = convert::tagged(ResourceType::RouteTable, tags);
            let made = Box::pin(call.tag_specifications(tags).send())
                .await
                .map_err(|error| failed("ec2:CreateRouteTable", &self.region, &error))?;
            Ok(made.route_table.map(table).unwrap_or_default())
        })
    }

    fn tables<'a>(&'a self, filters: Filters<'a>) -> Answer<'a, Vec<RouteTable>> {
        Box::pin(async move {
            let call = || {
                let call = self.sdk.describe_route_tables();
                call.set_filters(convert::filters(filters))
            };
            let found = pages!(self, "ec2:DescribeRouteTables", call, route_tables);
            Ok(found.into_iter().map(table).collect())
        })
    }

    fn set_default_route<'a>(
        &'a self,
        table: &'a str,
        gateway: &'a str,
        replaces: bool,
    ) -> Answer<'a, ()> {
        Box::pin(async move {
            if replaces {
                let call = self.sdk.replace_route().route_table_id(table);
                let call = call.destination_cidr_block(EVERYTHING);
                Box::pin(call.gateway_id(gateway).send())
                    .await
                    .map_err(|error| failed("ec2:ReplaceRoute", &self.region, &error))?;
                return Ok(());
            }
            let call = self.sdk.create_route().route_table_id(table);
            let call = call.destination_cidr_block(EVERYTHING);
            Box::pin(call.gateway_id(gateway).send())
                .await
                .map_err(|error| failed("ec2:CreateRoute", &self.region, &error))?;
            Ok(())
        })
    }

    fn associate<'a>(&'a self, table: &'a str, subnet: &'a str) -> Answer<'a, String> {
        Box::pin(async move {
            let call = self.sdk.associate_route_table();
            let made = Box::pin(call.route_table_id(table).subnet_id(subnet).send())
                .await
                .map_err(|error| failed("ec2:AssociateRouteTable", &self.region, &error))?;
            Ok(made.association_id.unwrap_or_default())
        })
    }

    fn disassociate<'a>(&'a self, association: &'a str) -> Answer<'a, ()> {
        Box::pin(async move {
            let call = self.sdk.disassociate_route_table();
            let sent = Box::pin(call.association_id(association).send()).await;
            gone("ec2:DisassociateRouteTable", &self.region, sent)
        })
    }

    fn delete_table<'a>(&'a self, id: &'a str) -> Answer<'a, ()> {
        Box::pin(async move {
            let call = self.sdk.delete_route_table();
            let sent = Box::pin(call.route_table_id(id).send()).await;
            gone("ec2:DeleteRouteTable", &self.region, sent)
        })
    }
}

fn gateway(from: types::InternetGateway) -> Gateway {
    let attachments = from.attachments.unwrap_or_default().into_iter();
    Gateway {
        id: from.internet_gateway_id.unwrap_or_default(),
        vpc: attachments.filter_map(|it| it.vpc_id).next(),
        tags: convert::tags(from.tags),
    }
}

fn table(from: types::RouteTable) -> RouteTable {
    let mut table = RouteTable {
        id: from.route_table_id.unwrap_or_default(),
        tags: convert::tags(from.tags),
        ..RouteTable::default()
    };
    for route in from.routes.unwrap_or_default() {
        if route.destination_cidr_block.as_deref() == Some(EVERYTHING) {
            table.has_default_route = true;
            let works = route.state != Some(RouteState::Blackhole);
            table.default_route = route.gateway_id.filter(|_| works);
        }
    }
    for association in from.associations.unwrap_or_default() {
        let id = association.route_table_association_id;
        if let (Some(subnet), Some(id)) = (association.subnet_id, id) {
            table.subnets.insert(subnet, id);
        }
    }
    table
}
