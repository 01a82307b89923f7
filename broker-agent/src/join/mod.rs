//! `broker-agent join`: from a fresh EC2 instance to an agent's directory.
//!
//! The key is made here and never leaves. The instance proves who it is by a call of STS that it signs
//! with the credentials of its instance profile and the authority sends
//! ([`authority`](crate::authority)); what it gets back is a certificate for its own address. Nothing
//! that it is told to begin with is secret: an address, and the authority's certificate.

mod metadata;

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, bail};
use cloud_aws::proof;
use rcgen::{CertificateParams, KeyPair};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::Instant;

use self::metadata::Metadata;
use crate::authority::{CertificateForm, Certified, ProofForm, bind};
use crate::config::Tls;
use crate::init::{make_private_dir, usual_configuration};
use crate::web::{Request, Server};

/// Between two tries: the role's credentials appear some seconds after the boot, and the authority may
/// be starting too.
const PAUSE: Duration = Duration::from_secs(3);

/// What `join` was asked for.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The authority, host:port.
    #[arg(long, value_name = "ADDR")]
    authority: String,
    /// File with the CA certificate that the authority must be certified by.
    #[arg(long, value_name = "FILE")]
    ca: PathBuf,
    /// Directory of the agent; made if it is missing. A key and a configuration that are there stay.
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// How long to try, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    patience_s: u64,
}

/// Tries until it is done, or for as long as it may.
pub(crate) async fn run(options: Options) -> anyhow::Result<ExitCode> {
    let end = Instant::now() + Duration::from_secs(options.patience_s);
    let ca = std::fs::read_to_string(&options.ca)
        .with_context(|| format!("read {}", options.ca.display()))?;
    let authority = server(&options.authority).context("--authority")?;
    let roots = Arc::new(roots(&ca)?);
    make_private_dir(&options.dir)?;
    let key = key(&options.dir.join("server-key.pem"))?;
    loop {
        let error = match certified(&authority, &roots, &key).await {
            Ok(certified) => {
                store(&options, &ca, &certified)?;
                report(&format!("certified for {}", certified.host));
                return Ok(ExitCode::SUCCESS);
            }
            Err(error) => error,
        };
        if Instant::now() + PAUSE > end {
            return Err(error.context("not certified"));
        }
        report(&format!("not certified yet: {error:#}"));
        tokio::time::sleep(PAUSE).await;
    }
}

/// Another certificate for the key that the agent has, in the place of the one it has.
pub(crate) async fn renew(authority: &str, files: &Tls) -> anyhow::Result<()> {
    let authority = server(authority).context("authority.address")?;
    let ca = &files.ca_certificate;
    let ca = std::fs::read_to_string(ca).with_context(|| format!("read {}", ca.display()))?;
    let key = std::fs::read_to_string(&files.key)
        .with_context(|| format!("read {}", files.key.display()))?;
    let key = KeyPair::from_pem(&key).with_context(|| format!("use {}", files.key.display()))?;
    let certified = certified(&authority, &Arc::new(roots(&ca)?), &key).await?;
    write(&files.certificate, &certified.certificate, 0o644)
}

fn server(address: &str) -> anyhow::Result<Server> {
    format!("https://{address}").parse()
}

async fn certified(
    authority: &Server,
    roots: &Arc<RootCertStore>,
    key: &KeyPair,
) -> anyhow::Result<Certified> {
    let given: Value = post(authority, roots, "/v1/challenges", &json!({})).await?;
    let challenge = given["challenge"]
        .as_str()
        .context("no challenge was given")?;
    let csr = CertificateParams::default().serialize_request(key)?.pem()?;
    let metadata = Metadata::open().await?;
    let (region, credentials) = (metadata.region().await?, metadata.credentials().await?);
    let bound = bind(challenge, &csr);
    let proof = proof::sign(&credentials, &region, &bound, SystemTime::now());
    let form = CertificateForm {
        challenge: challenge.to_owned(),
        csr,
        proof: ProofForm {
            region: proof.region,
            date: proof.date,
            token: proof.token,
            authorization: proof.authorization,
        },
    };
    post(
        authority,
        roots,
        "/v1/certificates",
        &serde_json::to_value(form)?,
    )
    .await
}

async fn post<T: DeserializeOwned>(
    authority: &Server,
    roots: &Arc<RootCertStore>,
    path: &str,
    body: &Value,
) -> anyhow::Result<T> {
    let request = Request {
        method: "POST",
        path,
        headers: &[("content-type", "application/json".to_owned())],
        body: &body.to_string(),
    };
    let answer = authority.ask(Some(Arc::clone(roots)), request).await?;
    if answer.status != 200 {
        let said: Value = serde_json::from_str(&answer.body).unwrap_or_default();
        let why = said["error"].as_str().unwrap_or("no reason is given");
        bail!("the authority refuses: {why}");
    }
    serde_json::from_str(&answer.body).context("read the authority's answer")
}

fn roots(ca: &str) -> anyhow::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(ca.as_bytes()) {
        roots.add(certificate.context("--ca is no certificate in PEM form")?)?;
    }
    if roots.is_empty() {
        bail!("--ca holds no certificate in PEM form");
    }
    Ok(roots)
}

/// The machine's key: the one that is there, or one that is made now.
fn key(path: &Path) -> anyhow::Result<KeyPair> {
    match std::fs::read_to_string(path) {
        Ok(pem) => KeyPair::from_pem(&pem).with_context(|| format!("use {}", path.display())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let key = KeyPair::generate()?;
            write(path, &key.serialize_pem(), 0o600)?;
            Ok(key)
        }
        Err(error) => Err(error).with_context(|| format!("read {}", path.display())),
    }
}

fn store(options: &Options, ca: &str, certified: &Certified) -> anyhow::Result<()> {
    let dir = &options.dir;
    write(&dir.join("ca.pem"), ca, 0o644)?;
    write(&dir.join("server.pem"), &certified.certificate, 0o644)?;
    let configuration = dir.join("agent.toml");
    if configuration.exists() {
        return Ok(());
    }
    write(
        &configuration,
        &usual_configuration(&certified.host, &options.authority),
        0o644,
    )
}

/// Writes a file whole or not at all.
fn write(path: &Path, content: &str, mode: u32) -> anyhow::Result<()> {
    let draft = path.with_extension("new");
    let written = || -> std::io::Result<()> {
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(mode);
        let mut file = options.open(&draft)?;
        file.write_all(content.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&draft, path)
    };
    written().with_context(|| format!("write {}", path.display()))
}

fn report(text: &str) {
    // Nobody is left to tell when standard error is closed.
    let _ = writeln!(std::io::stderr(), "broker-agent join: {text}");
}
