//! The SDK: all that names it.

mod cloudwatch;
#[cfg(feature = "sdk")]
mod convert;
#[cfg(feature = "sdk")]
mod ec2;
#[cfg(feature = "sdk")]
mod endpoints;
mod failure;
#[cfg(feature = "sdk")]
mod groups;
#[cfg(feature = "sdk")]
mod iam;
#[cfg(feature = "sdk")]
mod instances;
mod items;
#[cfg(feature = "sdk")]
mod offers;
#[cfg(feature = "sdk")]
mod parameters;
#[cfg(feature = "sdk")]
mod routing;
#[cfg(feature = "sdk")]
mod subnets;
#[cfg(feature = "sdk")]
mod volumes;

use std::sync::Arc;
use std::time::Duration;

use aws_config::sts::AssumeRoleProvider;
use aws_config::{AppName, BehaviorVersion, ConfigLoader, SdkConfig};
use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};
use aws_sdk_cloudwatch::config::retry::RetryConfig;
use aws_sdk_cloudwatch::config::{Credentials, Region as SdkRegion, SharedCredentialsProvider};

#[cfg(feature = "sdk")]
use crate::client::Region;
use crate::cloudwatch::CloudWatch;
use crate::error::{Error, Kind};
use crate::items::Items;
use crate::settings::{AssumeRole, RetryMode, Settings};

/// For how long a call may wait for a connection: a name that is no region's is told soon.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Name of a session that nobody named.
const SESSION: &str = "ferrymq";

/// Clients for a region.
#[cfg(feature = "sdk")]
pub(crate) async fn connect(settings: &Settings, region: &str) -> Result<Region, Error> {
    let config = configure(settings, region).await;
    let endpoint = |service: &str| settings.endpoints.get(service).cloned();
    let mut ec2 = aws_sdk_ec2::config::Builder::from(&config);
    if let Some(url) = endpoint("ec2") {
        ec2 = ec2.endpoint_url(url);
    }
    let mut iam = aws_sdk_iam::config::Builder::from(&config);
    if let Some(url) = endpoint("iam") {
        iam = iam.endpoint_url(url);
    }
    let mut ssm = aws_sdk_ssm::config::Builder::from(&config);
    if let Some(url) = endpoint("ssm") {
        ssm = ssm.endpoint_url(url);
    }
    let ec2 = Arc::new(ec2::Client {
        sdk: aws_sdk_ec2::Client::from_conf(ec2.build()),
        region: region.to_owned(),
    });
    Ok(Region {
        ec2: Arc::<ec2::Client>::clone(&ec2),
        iam: Arc::new(iam::Client {
            sdk: aws_sdk_iam::Client::from_conf(iam.build()),
            region: region.to_owned(),
        }),
        networks: ec2,
        parameters: Arc::new(parameters::Client {
            sdk: aws_sdk_ssm::Client::from_conf(ssm.build()),
            region: region.to_owned(),
        }),
    })
}

/// The client of CloudWatch in a region.
pub(crate) async fn connect_cloudwatch(
    settings: &Settings,
    region: &str,
) -> Result<Arc<dyn CloudWatch>, Error> {
    let config = configure(settings, region).await;
    let mut cloudwatch = aws_sdk_cloudwatch::config::Builder::from(&config);
    if let Some(url) = settings.endpoints.get("cloudwatch") {
        cloudwatch = cloudwatch.endpoint_url(url);
    }
    Ok(Arc::new(cloudwatch::Client {
        sdk: aws_sdk_cloudwatch::Client::from_conf(cloudwatch.build()),
        region: region.to_owned(),
    }))
}

/// The client of one table's items. It repeats no call.
pub(crate) async fn connect_items(
    settings: &Settings,
    region: &str,
    table: &str,
) -> Result<Arc<dyn Items>, Error> {
    let config = configure(settings, region).await;
    let mut dynamodb = aws_sdk_dynamodb::config::Builder::from(&config);
    if let Some(url) = settings.endpoints.get("dynamodb") {
        dynamodb = dynamodb.endpoint_url(url);
    }
    let dynamodb = dynamodb.retry_config(RetryConfig::disabled());
    Ok(Arc::new(items::Client {
        sdk: aws_sdk_dynamodb::Client::from_conf(dynamodb.build()),
        region: region.to_owned(),
        table: table.to_owned(),
    }))
}

async fn configure(settings: &Settings, region: &str) -> SdkConfig {
    let loader = loader(settings).region(SdkRegion::new(region.to_owned()));
    let config = Box::pin(loader.load()).await;
    match &settings.assume_role {
        Some(role) => Box::pin(assume(role, &config, settings)).await,
        None => config,
    }
}

/// The region that environment or profile say.
pub(crate) async fn find_region(settings: &Settings) -> Result<String, Error> {
    let config = Box::pin(loader(settings).load()).await;
    let found = config.region().map(ToString::to_string);
    // A variable that is set to nothing says nothing.
    let found = found.filter(|region| !region.is_empty());
    found.ok_or_else(|| {
        let said = "no region is set: name one in the resource or the provider's `aws` block, or set \
                    AWS_REGION";
        Error::unanswered(Kind::Other, "region", "", said.to_owned())
    })
}

fn loader(settings: &Settings) -> ConfigLoader {
    let mut loader = aws_config::defaults(BehaviorVersion::latest());
    if let Ok(name) = AppName::new("ferrymq") {
        loader = loader.app_name(name);
    }
    let timeouts = aws_config::timeout::TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT);
    loader = loader.timeout_config(timeouts.build());
    if let Some(profile) = &settings.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(files) = files(settings) {
        loader = loader.profile_files(files);
    }
    if let (Some(key), Some(secret)) = (&settings.access_key, &settings.secret_key) {
        let token = settings.token.clone();
        let keys = Credentials::new(key, secret, token, None, "provider block");
        loader = loader.credentials_provider(keys);
    }
    if settings.max_attempts.is_some() || settings.retry_mode.is_some() {
        let mut retries = match settings.retry_mode {
            Some(RetryMode::Adaptive) => RetryConfig::adaptive(),
            Some(RetryMode::Standard) | None => RetryConfig::standard(),
        };
        if let Some(attempts) = settings.max_attempts {
            retries = retries.with_max_attempts(attempts);
        }
        loader = loader.retry_config(retries);
    }
    loader
}

/// The shared files, if the settings name others than the usual ones.
fn files(settings: &Settings) -> Option<EnvConfigFiles> {
    let (config, credentials) = (
        &settings.shared_config_files,
        &settings.shared_credentials_files,
    );
    if config.is_empty() && credentials.is_empty() {
        return None;
    }
    let mut files = EnvConfigFiles::builder();
    if config.is_empty() {
        files = files.include_default_config_file(true);
    }
    if credentials.is_empty() {
        files = files.include_default_credentials_file(true);
    }
    for path in config {
        files = files.with_file(EnvConfigFileKind::Config, path);
    }
    for path in credentials {
        files = files.with_file(EnvConfigFileKind::Credentials, path);
    }
    Some(files.build())
}

async fn assume(role: &AssumeRole, config: &SdkConfig, settings: &Settings) -> SdkConfig {
    let mut base = config.clone().into_builder();
    if let Some(url) = settings.endpoints.get("sts") {
        base = base.endpoint_url(url);
    }
    let session = role.session_name.as_deref().unwrap_or(SESSION);
    let mut provider = AssumeRoleProvider::builder(&role.role_arn)
        .session_name(session)
        .configure(&base.build());
    if let Some(id) = &role.external_id {
        provider = provider.external_id(id);
    }
    if let Some(seconds) = role.duration_seconds {
        provider = provider.session_length(Duration::from_secs(seconds.into()));
    }
    let provider = match config.credentials_provider() {
        Some(credentials) => provider.build_from_provider(credentials).await,
        None => provider.build().await,
    };
    let provider = SharedCredentialsProvider::new(provider);
    let builder = config.clone().into_builder();
    builder.credentials_provider(provider).build()
}
