//! The provider block, and all that the provider offers.

use tfplugin_rs::prelude::*;

use crate::agents::Agents;
use crate::aws::{self, AwsBlock};
use crate::credentials::Credentials;
use crate::{data_sources, functions, resources};

/// The provider.
pub(crate) struct FerryMq;

/// FerryMQ brokers and what is in them: virtual hosts, users, permissions, exchanges, queues and
/// bindings. Every resource names the agents that host its broker itself, so the provider block
/// holds credentials only, and hosts, brokers and queues come up in one apply.
#[derive(Model)]
pub(crate) struct Config {
    /// How `ferrymq_host` and its companions reach AWS, in the words of the AWS provider; `{}` and
    /// what is left out mean what the AWS command line would use. Brokers need none of it.
    pub(crate) aws: Option<AwsBlock>,

    /// Certificate of the authority that signed the agents' certificates: PEM text, or the path of
    /// a file that holds it. Default: the environment variable `FERRYMQ_CA_CERTIFICATE`.
    #[attr(optional)]
    pub(crate) ca_certificate: Attr<String>,

    /// Certificate to log in to agents with: PEM text, or the path of a file that holds it.
    /// Default: the environment variable `FERRYMQ_CLIENT_CERTIFICATE`.
    #[attr(optional)]
    pub(crate) client_certificate: Attr<String>,

    /// Private key of the client certificate: PEM text, or the path of a file that holds it.
    /// Default: the environment variable `FERRYMQ_CLIENT_KEY`.
    #[attr(optional, sensitive)]
    pub(crate) client_key: Attr<String>,
}

impl Provider for FerryMq {
    const NAME: &'static str = "ferrymq";
    const SOURCE: Option<&'static str> = Some("ferrymq/ferrymq");
    type Config = Config;
    type Data = Agents;

    async fn configure(&self, mut config: Config, cx: &mut Configure) -> Result<Agents> {
        let aws = aws::of(config.aws.take());
        let credentials = Credentials::resolve(config, |name| std::env::var(name).ok())?;
        Ok(Agents::new(credentials, aws, cx.stop().clone()))
    }

    fn contents(&self) -> Contents<Agents> {
        Contents::new()
            .resource(resources::binding::Binding)
            .resource(resources::broker::Broker)
            .resource(resources::exchange::Exchange)
            .resource(resources::host::Host)
            .resource(resources::instance_profile::InstanceProfile)
            .resource(resources::limits::Limits)
            .resource(resources::network::Network)
            .resource(resources::permission::Permission)
            .resource(resources::policy::Policy::<false>)
            .resource(resources::policy::Policy::<true>)
            .resource(resources::queue::Queue)
            .resource(resources::topic_permission::TopicPermission)
            .resource(resources::user::User)
            .resource(resources::vhost::Vhost)
            .data_source(data_sources::bindings::Bindings)
            .data_source(data_sources::broker::Broker)
            .data_source(data_sources::exchanges::Exchanges)
            .data_source(data_sources::host_ami::HostAmi)
            .data_source(data_sources::host_offerings::HostOfferings)
            .data_source(data_sources::hosts::Hosts)
            .data_source(data_sources::iam_policy::IamPolicy)
            .data_source(data_sources::metric::Metric)
            .data_source(data_sources::queue::Queue)
            .data_source(data_sources::queues::Queues)
            .data_source(data_sources::replication_status::ReplicationStatus)
            .data_source(data_sources::users::Users)
            .function(functions::connection_uri::ConnectionUri)
            .function(functions::encode_id::EncodeId)
            .function(functions::parse_id::ParseId)
            .function(functions::topic_matches::TopicMatches)
    }
}
