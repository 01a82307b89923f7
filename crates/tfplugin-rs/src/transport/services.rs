//! The gRPC services: the provider's, and go-plugin's four beside it.

use futures_util::StreamExt;
use futures_util::stream;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::codegen::BoxStream;
use tonic::transport::Server;
use tonic::transport::server::Router;
use tonic::{Request, Response, Status, Streaming};

use super::stdio::Printed;
use crate::proto::health::health_check_response::ServingStatus;
use crate::proto::health::health_server::{Health, HealthServer};
use crate::proto::health::{HealthCheckRequest, HealthCheckResponse};
use crate::proto::plugin::grpc_broker_server::{GrpcBroker, GrpcBrokerServer};
use crate::proto::plugin::grpc_controller_server::{GrpcController, GrpcControllerServer};
use crate::proto::plugin::grpc_stdio_server::{GrpcStdio, GrpcStdioServer};
use crate::proto::plugin::stdio_data::Channel;
use crate::proto::plugin::{ConnInfo, Empty, StdioData};
use crate::proto::tfplugin6::provider_server::{Provider, ProviderServer};

/// HTTP/2's default window of 64 KiB costs a round trip each; a schema is megabytes.
const WINDOW_BYTES: u32 = 4 << 20;

/// The name under which go-plugin asks for a plugin's health.
const HEALTH_NAME: &str = "plugin";

/// All services, ready to be given connections. `Shutdown` cancels `shutdown`.
pub(crate) fn router<P: Provider>(
    provider: P,
    message_limit_bytes: usize,
    printed: Printed,
    shutdown: &CancellationToken,
) -> Router {
    let plugin = Plugin {
        printed,
        shutdown: shutdown.clone(),
    };
    let provider = ProviderServer::new(provider)
        .max_decoding_message_size(message_limit_bytes)
        .max_encoding_message_size(message_limit_bytes);
    Server::builder()
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES)
        .add_service(provider)
        .add_service(GrpcControllerServer::new(plugin.clone()))
        .add_service(GrpcStdioServer::new(plugin.clone()))
        .add_service(GrpcBrokerServer::new(plugin.clone()))
        .add_service(HealthServer::new(plugin))
}

/// The process as go-plugin's client sees it.
#[derive(Clone)]
struct Plugin {
    printed: Printed,
    shutdown: CancellationToken,
}

impl Plugin {
    /// A stream that says nothing and ends with the server: one that stayed open
    /// would hold up the drain.
    fn silence<T: Send + 'static>(&self) -> BoxStream<T> {
        Box::pin(stream::pending().take_until(self.shutdown.clone().cancelled_owned()))
    }
}

#[tonic::async_trait]
impl GrpcController for Plugin {
    async fn shutdown(&self, _: Request<Empty>) -> Result<Response<Empty>, Status> {
        self.shutdown.cancel();
        Ok(Response::new(Empty {}))
    }
}

#[tonic::async_trait]
impl GrpcStdio for Plugin {
    /// The client opens this once. Logs go to the real stderr, which it reads by itself.
    async fn stream_stdio(&self, _: Request<()>) -> Result<Response<BoxStream<StdioData>>, Status> {
        let Some(printed) = self.printed.take() else {
            return Ok(Response::new(self.silence()));
        };
        let pieces = ReceiverStream::new(printed).map(|data| {
            Ok(StdioData {
                channel: Channel::Stdout.into(),
                data,
            })
        });
        let pieces = pieces.take_until(self.shutdown.clone().cancelled_owned());
        Ok(Response::new(Box::pin(pieces)))
    }
}

#[tonic::async_trait]
impl GrpcBroker for Plugin {
    /// The client opens this once and, with a provider, never says anything.
    async fn start_stream(
        &self,
        request: Request<Streaming<ConnInfo>>,
    ) -> Result<Response<BoxStream<ConnInfo>>, Status> {
        // Held as long as ours: dropping it would reset the client's half.
        let announced = request
            .into_inner()
            .filter_map(|_| std::future::ready(None));
        let answers = announced.take_until(self.shutdown.clone().cancelled_owned());
        Ok(Response::new(Box::pin(answers)))
    }
}

#[tonic::async_trait]
impl Health for Plugin {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        match health_of(&request.into_inner().service) {
            ServingStatus::Serving => Ok(Response::new(ServingStatus::Serving.into())),
            _ => Err(Status::not_found("unknown service")),
        }
    }

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<BoxStream<HealthCheckResponse>>, Status> {
        // It never changes: the server answers or it is gone.
        let first = Ok(health_of(&request.into_inner().service).into());
        Ok(Response::new(Box::pin(
            stream::iter([first]).chain(self.silence()),
        )))
    }
}

fn health_of(service: &str) -> ServingStatus {
    match service {
        "" | HEALTH_NAME => ServingStatus::Serving,
        _ => ServingStatus::ServiceUnknown,
    }
}

impl From<ServingStatus> for HealthCheckResponse {
    fn from(status: ServingStatus) -> Self {
        Self {
            status: status.into(),
        }
    }
}
