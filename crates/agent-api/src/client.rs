//! A connection to one agent.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Response, Status};

use crate::connector::{Link, Trouble};
use crate::v1::agent_client::AgentClient;
use crate::v1::bindings_client::BindingsClient;
use crate::v1::brokers_client::BrokersClient;
use crate::v1::exchanges_client::ExchangesClient;
use crate::v1::limits_service_client::LimitsServiceClient;
use crate::v1::metrics_client::MetricsClient;
use crate::v1::permissions_client::PermissionsClient;
use crate::v1::policies_client::PoliciesClient;
use crate::v1::queues_client::QueuesClient;
use crate::v1::topic_permissions_client::TopicPermissionsClient;
use crate::v1::users_client::UsersClient;
use crate::v1::vhosts_client::VhostsClient;
use crate::v1::{AgentInfo, GetInfoRequest, Reason};
use crate::{Address, BadAddress, BadIdentity, Failure, Identity, MESSAGE_MAX_BYTES};

/// Longest wait for the beginning of an answer. Starting a broker with a large journal is the
/// slowest call; a watch begins to answer at once and then lasts as long as it likes.
const CALL_DEADLINE: Duration = Duration::from_secs(60);

/// A dead connection is found out about within the sum of these two, also while nobody calls.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(20);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// One connection to an agent, shared by all clones and their concurrent calls. It is made anew by
/// itself when it broke; the call that noticed fails and may be repeated.
#[derive(Clone)]
pub struct Client {
    channel: Channel,
    link: Arc<Link>,
    info: Arc<AgentInfo>,
}

/// Why a call, or the connection it needs, failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The text given as endpoint is no address.
    #[error(transparent)]
    Address(#[from] BadAddress),
    /// The certificates or the key given cannot be used.
    #[error(transparent)]
    Identity(#[from] BadIdentity),
    /// The agent does not accept the caller's certificate.
    #[error(
        "the agent at {endpoint} does not accept the client certificate ({cause}); use one that \
         is signed by the agent's own CA and has not expired"
    )]
    Refused {
        /// Which agent.
        endpoint: Address,
        /// The agent's TLS alert.
        cause: String,
    },
    /// The agent answered that it will not or cannot do it.
    #[error(transparent)]
    Rpc(Box<Failure>),
    /// There is no agent, or no answer from it in time. Nothing is known about any object; a
    /// change may or may not have happened.
    #[error(
        "the agent at {endpoint} cannot be reached: {cause}; check that broker-agent runs there \
         and that the network lets this machine in"
    )]
    Unreachable {
        /// Which agent.
        endpoint: Address,
        /// What happened on the way.
        cause: String,
    },
    /// Who answers there does not prove to be an agent of this fleet.
    #[error(
        "the agent at {endpoint} cannot be trusted: {cause}; give the CA certificate that signed \
         the agent's certificate, and a host name or address the certificate was made for"
    )]
    Untrusted {
        /// Which agent.
        endpoint: Address,
        /// What is wrong with its certificate.
        cause: String,
    },
}

impl Client {
    /// Connects to the agent at `endpoint` (`host:port`) and asks who it is, so that everything
    /// that can be wrong with the way there is found out here.
    pub async fn connect(endpoint: &str, identity: &Identity) -> Result<Self, Error> {
        let address: Address = endpoint.parse()?;
        let link = Arc::new(Link::new(address, identity.tls()?));
        let channel = channel(&link)?;
        let mut client = Self {
            channel,
            link,
            info: Arc::default(),
        };
        client.info = Arc::new(client.fetch_info().await?);
        Ok(client)
    }

    /// Which agent this is.
    pub fn endpoint(&self) -> &Address {
        self.link.address()
    }

    /// What the agent said about itself when the connection was first made.
    pub fn info(&self) -> &AgentInfo {
        &self.info
    }

    /// Awaits a call of one of the services and takes its answer apart:
    /// `client.call(client.queues().get_queue(request)).await`.
    pub async fn call<T>(
        &self,
        call: impl Future<Output = Result<Response<T>, Status>>,
    ) -> Result<T, Error> {
        call.await
            .map(Response::into_inner)
            .map_err(|status| self.error(&status))
    }

    /// What a failed call means; [`Client::call`] does this already. For messages of a stream.
    pub fn error(&self, status: &Status) -> Error {
        if let Some(failure) = Failure::from_status(status) {
            return Error::Rpc(Box::new(failure));
        }
        let endpoint = self.endpoint().clone();
        match (status.code(), self.link.trouble()) {
            (Code::Unimplemented, _) => {
                let sentence = format!(
                    "the agent at {endpoint} does not know this call; it is older than this program"
                );
                Error::Rpc(Box::new(Failure::new(Reason::Unsupported, sentence)))
            }
            (_, Some(Trouble::Refused(cause))) => Error::Refused { endpoint, cause },
            (_, Some(Trouble::Untrusted(cause))) => Error::Untrusted { endpoint, cause },
            (_, Some(Trouble::Unreachable(cause))) => Error::Unreachable { endpoint, cause },
            (Code::Cancelled | Code::DeadlineExceeded, None) => {
                let cause = format!("no answer within {} s", CALL_DEADLINE.as_secs());
                Error::Unreachable { endpoint, cause }
            }
            (Code::Unavailable | Code::Unknown, None) => Error::Unreachable {
                endpoint,
                cause: chain(status),
            },
            (_, None) => {
                let sentence = format!("the agent at {endpoint} failed: {}", status.message());
                Error::Rpc(Box::new(Failure::new(Reason::Internal, sentence)))
            }
        }
    }

    /// The agent itself.
    pub fn agent(&self) -> AgentClient<Channel> {
        AgentClient::new(self.channel.clone())
    }

    /// Bindings.
    pub fn bindings(&self) -> BindingsClient<Channel> {
        BindingsClient::new(self.channel.clone()).max_decoding_message_size(MESSAGE_MAX_BYTES)
    }

    /// Brokers of this agent.
    pub fn brokers(&self) -> BrokersClient<Channel> {
        BrokersClient::new(self.channel.clone()).max_decoding_message_size(MESSAGE_MAX_BYTES)
    }

    /// Exchanges.
    pub fn exchanges(&self) -> ExchangesClient<Channel> {
        ExchangesClient::new(self.channel.clone()).max_decoding_message_size(MESSAGE_MAX_BYTES)
    }

    /// Permissions.
    pub fn permissions(&self) -> PermissionsClient<Channel> {
        PermissionsClient::new(self.channel.clone()).max_decoding_message_size(MESSAGE_MAX_BYTES)
    }

    /// Limits of single users and virtual hosts.
    pub fn limits(&self) -> LimitsServiceClient<Channel> {
        LimitsServiceClient::new(self.channel.clone()).max_decoding_message_size(MESSAGE_MAX_BYTES)
    }

    /// Policies and operator policies.
    pub fn policies(&self) -> PoliciesClient<Channel> {
        PoliciesClient::new(self.channel.clone()).max_decoding_message_size(MESSAGE_MAX_BYTES)
    }

    /// Metrics.
    pub fn metrics(&self) -> MetricsClient<Channel> {
        MetricsClient::new(self.channel.clone()).max_decoding_message_size(MESSAGE_MAX_BYTES)
    }

    /// Queues.
    pub fn queues(&self) -> QueuesClient<Channel> {
        QueuesClient::new(self.channel.clone()).max_decoding_message_size(MESSAGE_MAX_BYTES)
    }

    /// Topic permissions.
    pub fn topic_permissions(&self) -> TopicPermissionsClient<Channel> {
        TopicPermissionsClient::new(self.channel.clone())
            .max_decoding_message_size(MESSAGE_MAX_BYTES)
    }

    /// Users.
    pub fn users(&self) -> UsersClient<Channel> {
        UsersClient::new(self.channel.clone()).max_decoding_message_size(MESSAGE_MAX_BYTES)
    }

    /// Virtual hosts.
    pub fn vhosts(&self) -> VhostsClient<Channel> {
        VhostsClient::new(self.channel.clone()).max_decoding_message_size(MESSAGE_MAX_BYTES)
    }

    async fn fetch_info(&self) -> Result<AgentInfo, Error> {
        self.call(self.agent().get_info(GetInfoRequest {})).await
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("endpoint", self.endpoint())
            .finish_non_exhaustive()
    }
}

fn channel(link: &Arc<Link>) -> Result<Channel, Error> {
    // The scheme is plain because TLS is the connector's business, not the channel's.
    let endpoint = Endpoint::from_shared(format!("http://{}", link.address()))
        .map_err(|error| Error::Unreachable {
            endpoint: link.address().clone(),
            cause: error.to_string(),
        })?
        .timeout(CALL_DEADLINE)
        .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
        .keep_alive_while_idle(true)
        .initial_stream_window_size(1 << 20)
        .initial_connection_window_size(8 << 20);
    let link = Arc::clone(link);
    let connect = tower::service_fn(move |_| Arc::clone(&link).connect());
    Ok(endpoint.connect_with_connector_lazy(connect))
}

/// The status's sentence with those of its causes; the outermost alone is "transport error".
fn chain(status: &Status) -> String {
    let mut text = status.message().to_owned();
    let mut cause = std::error::Error::source(status);
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}
