//! From `exec` to the schema, with mutual TLS as Terraform does it, and the memory held then.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use hyper_util::rt::TokioIo;
use tfplugin_rs::prelude::*;
use tfplugin_rs::proto::tfplugin6::get_provider_schema;
use tfplugin_rs::proto::tfplugin6::provider_client::ProviderClient;
use tonic::transport::{Channel, Endpoint, Uri};
use tower::service_fn;

use crate::identity::{self, Identity};
use crate::report::Report;

const COOKIE: &str = "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2";
const ROUNDS: usize = 15;

pub(crate) fn measure(report: &mut Report) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .worker_threads(1)
        .build()
        .expect("a runtime");
    let identity = Identity::like_terraform();
    let mut runs: Vec<(Duration, f64)> = (0..ROUNDS)
        .map(|_| runtime.block_on(one(&identity)))
        .collect();
    runs.sort_by_key(|run| run.0);
    let millis = |run: &(Duration, f64)| run.0.as_secs_f64() * 1e3;
    report.note(
        "exec to schema, median",
        format_args!("{:.1} ms", millis(&runs[ROUNDS / 2])),
    );
    report.at_most("exec to schema, best", millis(&runs[0]), 10.0, "ms");
    let memory = runs.iter().map(|run| run.1).fold(0.0, f64::max);
    report.at_most("resident memory after that, largest", memory, 12.0, "MB");
}

/// Time to the schema, and resident memory in MB.
async fn one(identity: &Identity) -> (Duration, f64) {
    let directory = tempfile::tempdir().expect("a directory");
    let program = std::env::current_exe().expect("this program");
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("TF_PLUGIN_MAGIC_COOKIE", COOKIE)
        .env("PLUGIN_PROTOCOL_VERSIONS", "5,6")
        .env("PLUGIN_UNIX_SOCKET_DIR", directory.path())
        .env("PLUGIN_CLIENT_CERT", &identity.pem)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let start = Instant::now();
    let mut child = command.spawn().expect("this program runs");
    let mut line = String::new();
    let stdout = child.stdout.take().expect("it is piped");
    BufReader::new(stdout)
        .read_line(&mut line)
        .expect("a handshake");
    let mut client = ProviderClient::new(connect(identity, line.trim()).await);
    client
        .get_provider_schema(get_provider_schema::Request {})
        .await
        .expect("a schema");
    let spent = start.elapsed();
    let memory = resident_megabytes(child.id());
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    (spent, memory)
}

async fn connect(identity: &Identity, handshake: &str) -> Channel {
    let fields: Vec<&str> = handshake.split('|').collect();
    let certificate = BASE64_STANDARD_NO_PAD
        .decode(fields[5])
        .expect("base64")
        .into();
    let versions = rustls::ALL_VERSIONS;
    let tls = identity::connect(Path::new(fields[3]), &certificate, Some(identity), versions)
        .await
        .expect("mutual TLS");
    let mut stream = Some(TokioIo::new(tls));
    let connector = service_fn(move |_: Uri| {
        let stream = stream
            .take()
            .ok_or_else(|| std::io::Error::other("one connection only"));
        async move { stream }
    });
    Endpoint::from_static("http://localhost")
        .connect_with_connector(connector)
        .await
        .expect("a channel")
}

fn resident_megabytes(pid: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.trim().split(' ').next()?.parse::<f64>().ok());
    kibibytes.expect("a number of kB") * 1024.0 / 1e6
}

/// Nothing to configure.
#[derive(Model)]
struct NoConfig {}

struct Empty;

impl Provider for Empty {
    const NAME: &'static str = "empty";
    type Config = NoConfig;
    type Data = ();

    async fn configure(&self, _: NoConfig, _: &mut Configure) -> Result<()> {
        Ok(())
    }

    fn contents(&self) -> Contents<()> {
        Contents::new()
    }
}

/// A provider that offers nothing: what remains is the framework.
pub(crate) fn serve_empty() -> ExitCode {
    tfplugin_rs::run(Empty, env!("CARGO_CRATE_NAME"))
}
