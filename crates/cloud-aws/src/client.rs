//! Clients, made when they are first asked for and kept.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use crate::cloudwatch::CloudWatch;
use crate::ec2::Ec2;
use crate::error::Error;
use crate::iam::Iam;
use crate::items::Items;
use crate::networks::Networks;
use crate::settings::Settings;

/// What a call comes to.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

/// Parameters of the Systems Manager, of which AWS and others publish the newest images.
pub trait Parameters: Send + Sync {
    /// The value of a parameter; `None` if there is none of that name.
    fn parameter<'a>(&'a self, name: &'a str) -> Answer<'a, Option<String>>;
}

/// AWS, as these settings reach it.
pub struct Aws {
    settings: Settings,
    regions: Mutex<HashMap<String, Region>>,
}

/// The clients of one region.
#[derive(Clone)]
pub(crate) struct Region {
    pub(crate) ec2: Arc<dyn Ec2>,
    pub(crate) iam: Arc<dyn Iam>,
    pub(crate) networks: Arc<dyn Networks>,
    pub(crate) parameters: Arc<dyn Parameters>,
}

impl Aws {
    /// Nothing is read or called yet.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            regions: Mutex::default(),
        }
    }

    /// The region of what names none: that of the settings, else what environment or profile say.
    pub async fn region(&self) -> Result<String, Error> {
        match &self.settings.region {
            Some(region) => Ok(region.clone()),
            None => find_region(&self.settings).await,
        }
    }

    /// The client of EC2 in a region.
    pub async fn ec2(&self, region: &str) -> Result<Arc<dyn Ec2>, Error> {
        Ok(self.at(region).await?.ec2)
    }

    /// The client of IAM, which is one for all regions of a partition; a region says which.
    pub async fn iam(&self, region: &str) -> Result<Arc<dyn Iam>, Error> {
        Ok(self.at(region).await?.iam)
    }

    /// The client of networks in a region.
    pub async fn networks(&self, region: &str) -> Result<Arc<dyn Networks>, Error> {
        Ok(self.at(region).await?.networks)
    }

    /// The client of parameters in a region.
    pub async fn parameters(&self, region: &str) -> Result<Arc<dyn Parameters>, Error> {
        Ok(self.at(region).await?.parameters)
    }

    /// The client of CloudWatch in a region. Not kept: whoever uses it keeps it.
    pub async fn cloudwatch(&self, region: &str) -> Result<Arc<dyn CloudWatch>, Error> {
        connect_cloudwatch(&self.settings, region).await
    }

    /// The items of a table in a region. Not kept: whoever uses them keeps them.
    pub async fn items(&self, region: &str, table: &str) -> Result<Arc<dyn Items>, Error> {
        connect_items(&self.settings, region, table).await
    }

    async fn at(&self, region: &str) -> Result<Region, Error> {
        let regions = || self.regions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = regions().get(region) {
            return Ok(known.clone());
        }
        // Two may do this at once; whoever is first is kept, and the credentials are looked up twice.
        let made = connect(&self.settings, region).await?;
        Ok(regions().entry(region.to_owned()).or_insert(made).clone())
    }
}

#[cfg(feature = "sdk")]
use crate::sdk::connect;
#[cfg(feature = "agent")]
use crate::sdk::{connect_cloudwatch, connect_items, find_region};

#[cfg(not(feature = "sdk"))]
async fn connect(_: &Settings, _: &str) -> Result<Region, Error> {
    Err(Error::not_built())
}

#[cfg(not(feature = "agent"))]
async fn connect_cloudwatch(_: &Settings, _: &str) -> Result<Arc<dyn CloudWatch>, Error> {
    Err(Error::not_built())
}

#[cfg(not(feature = "agent"))]
async fn connect_items(_: &Settings, _: &str, _: &str) -> Result<Arc<dyn Items>, Error> {
    Err(Error::not_built())
}

#[cfg(not(feature = "agent"))]
async fn find_region(_: &Settings) -> Result<String, Error> {
    Err(Error::not_built())
}
