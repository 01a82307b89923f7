//! `data "ferrymq_host_offerings"`: which instance types there are in which zones.

use std::collections::BTreeMap;

use tfplugin_rs::prelude::*;

use crate::agents::Agents;
use crate::aws;

/// The data source.
pub(crate) struct HostOfferings;

/// The instance types that AWS has on offer in a region, by availability zone.
#[derive(Debug, Clone, Model)]
pub(crate) struct HostOfferingsModel {
    /// Patterns of the types wanted, such as `["m7g.*", "c7g.large"]`. Default: all.
    instance_types: Option<Vec<String>>,
    /// Region. Default: the provider's.
    #[attr(optional, computed)]
    region: Attr<String>,
    /// By type, the zones that have it, in order.
    zones: Attr<BTreeMap<String, Vec<String>>>,
}

impl DataSource for HostOfferings {
    const NAME: &'static str = "host_offerings";
    type Data = Agents;
    type Model = HostOfferingsModel;

    async fn read(
        &self,
        config: HostOfferingsModel,
        cx: &mut Context<Agents>,
    ) -> Result<HostOfferingsModel> {
        let failed = |error: cloud_aws::Error| aws::failed("look up what is on offer", &error);
        let region = aws::region(config.region.clone(), cx.data()).await?;
        let ec2 = cx.data().aws().ec2(&region).await.map_err(failed)?;
        let wanted = config.instance_types.clone();
        let filters: Vec<_> = wanted.into_iter().map(|it| ("instance-type", it)).collect();
        let found = ec2.offerings(&filters).await.map_err(failed)?;
        let mut zones: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for offering in found {
            zones
                .entry(offering.instance_type)
                .or_default()
                .push(offering.zone);
        }
        Ok(HostOfferingsModel {
            region: region.into(),
            zones: zones.into(),
            ..config
        })
    }
}
