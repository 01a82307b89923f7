//! A provider as Terraform sees it: a child process behind go-plugin's handshake.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::{CertificateDer, ServerName};
use tfplugin_rs::proto::plugin::Empty;
use tfplugin_rs::proto::plugin::grpc_controller_client::GrpcControllerClient;
use tfplugin_rs::proto::tfplugin6::provider_client::ProviderClient;
use tfplugin_rs::proto::tfplugin6::{get_provider_schema, get_resource_identity_schemas};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tonic::transport::{Channel, Endpoint, Uri};
use tower::service_fn;

use crate::identity::Identity;
use crate::schema::World;

const COOKIE: &str = "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2";

/// What the reference logs by. It tells every step unless each of these says no.
const LOGS: [&str; 6] = [
    "TF_LOG",
    "TF_LOG_PROVIDER",
    "TF_LOG_PROVIDER_CONFORM",
    "TF_LOG_SDK",
    "TF_LOG_SDK_FRAMEWORK",
    "TF_LOG_SDK_PROTO",
];

/// Generous: a loaded machine must not fail a run, a hanging child must.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running provider.
pub(crate) struct Plugin {
    child: Child,
    channel: Channel,
    /// From the start of the process to its answer about its schema.
    pub(crate) ready_after: Duration,
    pub(crate) schema: get_provider_schema::Response,
    /// Holds the socket.
    _directory: tempfile::TempDir,
}

impl Plugin {
    /// Starts `program` with mutual TLS and asks for its schema.
    pub(crate) async fn start(program: &Path, arguments: &[&str]) -> Result<Self> {
        let identity = Identity::like_terraform()?;
        let directory = tempfile::tempdir()?;
        let started = Instant::now();
        let mut child = Command::new(program)
            .args(arguments)
            // The reference would log every step, and spend more time on that than on answers.
            .envs(LOGS.map(|variable| (variable, "OFF")))
            .env("TF_PLUGIN_MAGIC_COOKIE", COOKIE)
            .env("PLUGIN_PROTOCOL_VERSIONS", "5,6")
            .env("PLUGIN_MIN_PORT", "10000")
            .env("PLUGIN_MAX_PORT", "25000")
            .env("PLUGIN_CLIENT_CERT", identity.pem())
            .env("PLUGIN_UNIX_SOCKET_DIR", directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("start {}", program.display()))?;
        let stdout = child.stdout.take().context("no stdout")?;
        let mut lines = BufReader::new(stdout).lines();
        let line = timeout(PATIENCE, lines.next_line()).await;
        let line = line.context("no handshake in time")??;
        let line = line.context("the provider ended before its handshake")?;
        let (socket, certificate) = read_line(&line)?;
        let channel = connect(socket, identity.trusting(certificate)?).await?;
        let mut client = client(&channel);
        let schema = client.get_provider_schema(get_provider_schema::Request {});
        let schema = schema.await?.into_inner();
        Ok(Self {
            child,
            channel,
            ready_after: started.elapsed(),
            schema,
            _directory: directory,
        })
    }

    /// A client that may be used beside others.
    pub(crate) fn client(&self) -> ProviderClient<Channel> {
        client(&self.channel)
    }

    /// What the provider offers.
    pub(crate) async fn world(&self) -> Result<World> {
        let request = get_resource_identity_schemas::Request {};
        let identities = self.client().get_resource_identity_schemas(request).await?;
        World::read(&self.schema, &identities.into_inner())
    }

    /// The process; 0 when it has ended.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id().unwrap_or(0)
    }

    /// Ends the provider as Terraform does.
    pub(crate) async fn stop(mut self) -> Result<()> {
        let mut controller = GrpcControllerClient::new(self.channel.clone());
        // The answer may be cut off by the end it asks for.
        controller.shutdown(Empty {}).await.ok();
        drop((controller, self.channel));
        timeout(PATIENCE, self.child.wait())
            .await
            .context("the provider does not end")??;
        Ok(())
    }
}

fn client(channel: &Channel) -> ProviderClient<Channel> {
    ProviderClient::new(channel.clone())
        .max_decoding_message_size(usize::MAX)
        .max_encoding_message_size(usize::MAX)
}

/// `1|6|unix|SOCKET|grpc|CERTIFICATE`.
fn read_line(line: &str) -> Result<(PathBuf, CertificateDer<'static>)> {
    let fields: Vec<&str> = line.trim().split('|').collect();
    ensure!(
        fields.len() >= 6 && fields[..3] == ["1", "6", "unix"] && fields[4] == "grpc",
        "unexpected handshake: {line}"
    );
    let certificate = BASE64_STANDARD_NO_PAD.decode(fields[5])?;
    Ok((PathBuf::from(fields[3]), certificate.into()))
}

async fn connect(socket: PathBuf, tls: ClientConfig) -> Result<Channel> {
    let tls = TlsConnector::from(Arc::new(tls));
    let connector = service_fn(move |_: Uri| {
        let (socket, tls) = (socket.clone(), tls.clone());
        async move {
            let name = ServerName::try_from("localhost").map_err(std::io::Error::other)?;
            let stream = UnixStream::connect(socket).await?;
            Ok::<_, std::io::Error>(TokioIo::new(tls.connect(name, stream).await?))
        }
    });
    Ok(Endpoint::from_static("http://localhost")
        .connect_with_connector(connector)
        .await?)
}
