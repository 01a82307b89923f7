//! `data "ferrymq_host_ami"`: an image for hosts.

use cloud_aws::ec2::Image;
use tfplugin_rs::prelude::*;

use crate::agents::Agents;
use crate::aws;

/// The data source.
pub(crate) struct HostAmi;

/// The newest image that matches, such as one of the account's own with the agent in it.
#[derive(Debug, Clone, Model)]
pub(crate) struct HostAmiModel {
    /// Processor: `"arm64"` or `"x86_64"`. Default: any.
    #[attr(validate = validate::one_of(["arm64", "x86_64"]))]
    architecture: Option<String>,
    /// When it was made, RFC 3339.
    created: Attr<String>,
    /// What its owner says of it.
    description: Attr<String>,
    /// Id of the image.
    id: Attr<String>,
    /// Its name.
    name: Attr<String>,
    /// Pattern of the name, with `*` for anything and `?` for one character.
    name_pattern: String,
    /// Account that made it.
    owner: Attr<String>,
    /// Whose images are looked at: account numbers, `self`, `amazon`. Default: `["self"]`.
    owners: Option<Vec<String>>,
    /// Region. Default: the provider's.
    #[attr(optional, computed)]
    region: Attr<String>,
}

impl DataSource for HostAmi {
    const NAME: &'static str = "host_ami";
    type Data = Agents;
    type Model = HostAmiModel;

    async fn read(&self, config: HostAmiModel, cx: &mut Context<Agents>) -> Result<HostAmiModel> {
        let pattern = &config.name_pattern;
        let doing = format!("look for an image {pattern:?}");
        let failed = |error: cloud_aws::Error| aws::failed(&doing, &error);
        let region = aws::region(config.region.clone(), cx.data()).await?;
        let ec2 = cx.data().aws().ec2(&region).await.map_err(failed)?;
        let mut filters = vec![
            ("name", vec![pattern.clone()]),
            ("state", vec!["available".to_owned()]),
        ];
        if let Some(architecture) = &config.architecture {
            filters.push(("architecture", vec![architecture.clone()]));
        }
        let own = || vec!["self".to_owned()];
        let owners = config.owners.clone().unwrap_or_else(own);
        let found = ec2.images(&owners, &filters).await.map_err(failed)?;
        let Some(newest) = newest(found) else {
            let detail = format!(
                "{} in {region} has no image {pattern:?} that is available.",
                owners.join(" and ")
            );
            return Err(Diagnostic::error("No such image", detail)
                .at("name_pattern")
                .into());
        };
        Ok(HostAmiModel {
            created: newest.created.into(),
            description: newest.description.into(),
            id: newest.id.into(),
            name: newest.name.into(),
            owner: newest.owner.into(),
            region: region.into(),
            ..config
        })
    }
}

/// RFC 3339 in one time zone sorts by time; of the same second the id decides, so that it stays.
fn newest(images: Vec<Image>) -> Option<Image> {
    let age = |image: &Image| (image.created.clone(), image.id.clone());
    images.into_iter().max_by_key(age)
}
