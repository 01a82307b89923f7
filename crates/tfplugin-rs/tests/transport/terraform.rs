//! Terraform's part of the play: start the child, read its line, call it, end it.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use hyper_util::rt::TokioIo;
use rustls::ALL_VERSIONS;
use rustls::pki_types::CertificateDer;
use tfplugin_rs::proto::plugin::Empty;
use tfplugin_rs::proto::plugin::grpc_controller_client::GrpcControllerClient;
use tfplugin_rs::proto::tfplugin6::provider_client::ProviderClient;
use tfplugin_rs::proto::tfplugin6::{DynamicValue, apply_resource_change};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};
use tonic::transport::{Channel, Endpoint, Uri};
use tower::service_fn;

use crate::identity::{self, Identity};

pub(crate) const COOKIE: &str = "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2";

/// Generous: a loaded machine must not fail a test, a hanging child must.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The child of the transport tests.
pub(crate) const BARE: &str = env!("CARGO_BIN_EXE_tfplugin-bare-provider");

/// The child's command with nothing of the test's own environment that could matter.
pub(crate) fn command(program: impl AsRef<OsStr>, socket_parent: &Path) -> Command {
    let mut command = Command::new(program);
    for inherited in [
        "TF_LOG",
        "TF_LOG_PROVIDER",
        "PLUGIN_CLIENT_CERT",
        "RUST_BACKTRACE",
    ] {
        command.env_remove(inherited);
    }
    command
        .env("PLUGIN_UNIX_SOCKET_DIR", socket_parent)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// Output of the child so far, line by line.
#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Mutex<Vec<String>>>);

impl Lines {
    fn follow(output: impl AsyncRead + Send + Unpin + 'static) -> Self {
        let lines = Self::default();
        let sink = lines.clone();
        tokio::spawn(async move {
            let mut output = BufReader::new(output).lines();
            while let Ok(Some(line)) = output.next_line().await {
                sink.0.lock().unwrap().push(line);
            }
        });
        lines
    }

    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    pub(crate) async fn first_with(&self, text: &str) -> String {
        let found = || self.all().into_iter().find(|line| line.contains(text));
        poll(|| found().is_some(), text).await;
        found().unwrap()
    }
}

/// Waits until `condition`, or fails naming `what`.
pub(crate) async fn poll(condition: impl Fn() -> bool, what: &str) {
    let waiting = async {
        while !condition() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, waiting)
        .await
        .unwrap_or_else(|_| panic!("waited in vain for: {what}"));
}

/// A child that has announced itself.
pub(crate) struct Running {
    pub(crate) child: Child,
    pub(crate) stdout: Lines,
    pub(crate) stderr: Lines,
    /// The fields of its line.
    pub(crate) line: Vec<String>,
    pub(crate) identity: Identity,
    /// Holds the child's private directory.
    pub(crate) socket_parent: tempfile::TempDir,
}

impl Running {
    /// Started as Terraform starts it, with TLS.
    pub(crate) async fn start(variables: &[(&str, &str)]) -> Self {
        Self::start_program(BARE.as_ref(), variables).await
    }

    /// Another program, started the same way.
    pub(crate) async fn start_program(program: &OsStr, variables: &[(&str, &str)]) -> Self {
        let identity = Identity::like_terraform();
        let mut variables = variables.to_vec();
        let pem = identity.pem.clone();
        variables.push(("PLUGIN_CLIENT_CERT", &pem));
        Self::start_as(program, identity, &variables).await
    }

    /// Started with TLS turned off.
    pub(crate) async fn start_without_tls() -> Self {
        Self::start_as(BARE.as_ref(), Identity::like_terraform(), &[]).await
    }

    async fn start_as(program: &OsStr, identity: Identity, variables: &[(&str, &str)]) -> Self {
        let socket_parent = tempfile::tempdir().unwrap();
        let mut child = command(program, socket_parent.path())
            .env("TF_PLUGIN_MAGIC_COOKIE", COOKIE)
            .env("PLUGIN_PROTOCOL_VERSIONS", "5,6")
            .env("PLUGIN_MIN_PORT", "10000")
            .env("PLUGIN_MAX_PORT", "25000")
            .envs(variables.iter().copied())
            .spawn()
            .unwrap();
        let stdout = Lines::follow(child.stdout.take().unwrap());
        let stderr = Lines::follow(child.stderr.take().unwrap());
        let line = stdout
            .first_with("|")
            .await
            .split('|')
            .map(str::to_owned)
            .collect();
        Self {
            child,
            stdout,
            stderr,
            line,
            identity,
            socket_parent,
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id().unwrap()
    }

    pub(crate) fn socket(&self) -> PathBuf {
        PathBuf::from(&self.line[3])
    }

    pub(crate) fn certificate(&self) -> CertificateDer<'static> {
        BASE64_STANDARD_NO_PAD.decode(&self.line[5]).unwrap().into()
    }

    /// A channel over one TLS connection with the announced certificate.
    pub(crate) async fn channel(&self) -> Channel {
        let (socket, server, identity) = (self.socket(), self.certificate(), self.identity.clone());
        let tls = identity::connect(&socket, &server, Some(&identity), ALL_VERSIONS)
            .await
            .unwrap();
        over(tls).await
    }

    pub(crate) async fn plaintext_channel(&self) -> Channel {
        over(UnixStream::connect(self.socket()).await.unwrap()).await
    }

    pub(crate) async fn provider(&self) -> ProviderClient<Channel> {
        ProviderClient::new(self.channel().await)
            .max_decoding_message_size(usize::MAX)
            .max_encoding_message_size(usize::MAX)
    }

    pub(crate) async fn shut_down(&self, channel: Channel) {
        GrpcControllerClient::new(channel)
            .shutdown(Empty {})
            .await
            .unwrap();
    }

    /// Waits for the child's end and checks that it left nothing behind.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let status = timeout(PATIENCE, self.child.wait())
            .await
            .expect("the child ends")
            .unwrap();
        let left: Vec<_> = fs::read_dir(self.socket_parent.path()).unwrap().collect();
        assert!(left.is_empty(), "left behind: {left:?}");
        status
    }

    pub(crate) async fn signal(&self, name: &str) {
        send_signal(name, self.pid()).await;
    }
}

pub(crate) async fn send_signal(name: &str, pid: u32) {
    let sent = Command::new("kill")
        .args(["-s", name, &pid.to_string()])
        .status()
        .await
        .unwrap();
    assert!(sent.success());
}

/// A channel over one connection that is already there.
pub(crate) async fn over<T>(stream: T) -> Channel
where
    T: AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
{
    let mut stream = Some(TokioIo::new(stream));
    let connector = service_fn(move |_: Uri| {
        let stream = stream
            .take()
            .ok_or_else(|| std::io::Error::other("no second connection"));
        async move { stream }
    });
    Endpoint::from_static("http://localhost")
        .connect_with_connector(connector)
        .await
        .unwrap()
}

pub(crate) fn apply(type_name: &str) -> apply_resource_change::Request {
    apply_resource_change::Request {
        type_name: type_name.to_owned(),
        planned_state: Some(DynamicValue {
            msgpack: vec![0x80].into(),
            json: Vec::new().into(),
        }),
        ..Default::default()
    }
}
