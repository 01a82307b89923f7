//! `data "ferrymq_hosts"`: the hosts there are.

use std::collections::BTreeMap;

use cloud_aws::ec2::Instance;
use tfplugin_rs::prelude::*;

use crate::agents::Agents;
use crate::aws;
use crate::resources::host::{HOST_TAG, endpoint};

/// The data source.
pub(crate) struct Hosts;

/// The hosts of a region as they are now, whoever made them; those that are terminated are left out.
#[derive(Debug, Clone, Model)]
pub(crate) struct HostsModel {
    /// The hosts, by name.
    hosts: Attr<Vec<HostSeen>>,
    /// Region. Default: the provider's.
    #[attr(optional, computed)]
    region: Attr<String>,
    /// Tags that they must have. Default: none.
    tags: Option<BTreeMap<String, String>>,
}

/// One host.
#[derive(Debug, Clone, Model)]
pub(crate) struct HostSeen {
    /// Availability zone.
    availability_zone: Attr<String>,
    /// `host:port` of its agent, as `nodes` of a broker takes it.
    endpoint: Attr<String>,
    /// Id of the instance.
    id: Attr<String>,
    /// Its type.
    instance_type: Attr<String>,
    /// Its name.
    name: Attr<String>,
    /// Address within its network.
    private_ip: Attr<String>,
    /// Address on the Internet; null if there is none.
    public_ip: Attr<String>,
    /// State of the instance.
    state: Attr<String>,
}

impl DataSource for Hosts {
    const NAME: &'static str = "hosts";
    type Data = Agents;
    type Model = HostsModel;

    async fn read(&self, config: HostsModel, cx: &mut Context<Agents>) -> Result<HostsModel> {
        let failed = |error: cloud_aws::Error| aws::failed("list the hosts", &error);
        let region = aws::region(config.region.clone(), cx.data()).await?;
        let ec2 = cx.data().aws().ec2(&region).await.map_err(failed)?;
        let alive = ["pending", "running", "stopping", "stopped"].map(str::to_owned);
        let tags = config.tags.clone().unwrap_or_default();
        let tags: Vec<_> = tags
            .into_iter()
            .map(|(key, value)| (format!("tag:{key}"), vec![value]))
            .collect();
        let mut filters = vec![
            ("tag-key", vec![HOST_TAG.to_owned()]),
            ("instance-state-name", alive.to_vec()),
        ];
        filters.extend(
            tags.iter()
                .map(|(key, value)| (key.as_str(), value.clone())),
        );
        let found = ec2.instances(&filters).await.map_err(failed)?;
        let mut hosts: Vec<_> = found.iter().map(HostSeen::of).collect();
        hosts.sort_by_key(|host| (host.name.clone().known(), host.id.clone().known()));
        Ok(HostsModel {
            hosts: hosts.into(),
            region: region.into(),
            ..config
        })
    }
}

impl HostSeen {
    fn of(instance: &Instance) -> Self {
        Self {
            availability_zone: instance.zone.clone().into(),
            endpoint: instance.private_ip.as_deref().map(endpoint).into(),
            id: instance.id.clone().into(),
            instance_type: instance.instance_type.clone().into(),
            name: instance.tags.get(HOST_TAG).cloned().into(),
            private_ip: instance.private_ip.clone().into(),
            public_ip: instance.public_ip.clone().into(),
            state: instance.state.clone().into(),
        }
    }
}
