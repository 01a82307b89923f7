//! `broker-agent authority`: certifies the agents of hosts that prove who they are.
//!
//! ```text
//! POST /v1/challenges                                   {"challenge": …}
//! POST /v1/certificates {challenge, csr, proof}         {"certificate": …, "host": …}
//! ```
//!
//! It holds the CA that `broker-agent init` has made, and nothing else: no broker runs in it. A machine
//! asks for a challenge and sends back a call of STS, signed with the credentials of its instance
//! profile, with a header that binds challenge and certificate request together
//! ([`cloud_aws::proof`]). The authority sends that call to STS itself, and certifies the machine if
//! the caller is a session of a role that it was told to trust. The certificate names the instance
//! and the address from which the machine has asked, so that a machine can only be itself; hosts and
//! authority must see each other without address translation in between.

mod certify;
mod challenges;
mod sts;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::extract::{DefaultBodyLimit, Extension, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tracing::{info, warn};

use self::certify::Certifier;
pub(crate) use self::certify::bind;
use self::challenges::Challenges;
use self::sts::Sts;
use crate::config::LogFormat;
use crate::incoming::accept;
use crate::{announce, http, logging, shutdown};

/// Connections at a time.
const CONNECTIONS: usize = 64;

/// Longest request: a certificate request and a session token.
const MAX_REQUEST: usize = 64 * 1024;

/// What `authority` was asked for.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Directory with the ca.pem and ca-key.pem that `broker-agent init` has made.
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// Where to listen.
    #[arg(long, value_name = "ADDR", default_value = "0.0.0.0:7445", value_parser = crate::config::parse_address)]
    listen: SocketAddr,
    /// Name or IP address that hosts reach this machine by, beside localhost. May be repeated.
    #[arg(long, value_name = "NAME")]
    host: Vec<String>,
    /// Account and role whose instances are certified, such as 123456789012/ferrymq-host. May be
    /// repeated.
    #[arg(long, value_name = "ACCOUNT/ROLE", required = true, value_parser = parse_role)]
    role: Vec<Role>,
    /// How long certificates are valid, in seconds. Agents ask for another one when two thirds are over.
    #[arg(long, value_name = "SECONDS", default_value_t = 24 * 3600, value_parser = clap::value_parser!(u32).range(10..))]
    lifetime_s: u32,
    /// How log lines look.
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "auto")]
    log_format: LogFormat,
}

/// Instances of which role are certified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Role {
    account: String,
    name: String,
}

fn parse_role(text: &str) -> Result<Role, String> {
    let is_account =
        |account: &str| account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
    match text.split_once('/') {
        Some((account, name)) if is_account(account) && !name.is_empty() && !name.contains('/') => {
            Ok(Role {
                account: account.to_owned(),
                name: name.to_owned(),
            })
        }
        _ => Err(format!(
            "{text:?} is no account and role; write 123456789012/ferrymq-host, without the role's path"
        )),
    }
}

/// A signed call of STS.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ProofForm {
    pub region: String,
    pub date: String,
    pub token: Option<String>,
    pub authorization: String,
}

/// What a machine asks for.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct CertificateForm {
    pub challenge: String,
    /// PEM.
    pub csr: String,
    pub proof: ProofForm,
}

/// What it gets.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Certified {
    /// PEM.
    pub certificate: String,
    /// The address that the certificate is for.
    pub host: String,
}

/// All that requests need.
struct Authority {
    certifier: Certifier,
    challenges: Challenges,
    roles: Vec<Role>,
    sts: Sts,
}

/// Runs until a signal comes.
pub(crate) async fn run(options: Options) -> anyhow::Result<ExitCode> {
    logging::start(options.log_format, None, None)?;
    let stopping = shutdown::on_signal()?;
    let lifetime = Duration::from_secs(options.lifetime_s.into());
    let certifier = Certifier::load(&options.dir, lifetime)?;
    let acceptor = TlsAcceptor::from(certifier.server(options.host.clone())?);
    let authority = Arc::new(Authority {
        certifier,
        challenges: Challenges::default(),
        roles: options.role,
        sts: Sts::from_environment()?,
    });
    let listener = TcpListener::bind(options.listen)
        .await
        .with_context(|| format!("listen on {}", options.listen))?;
    let address = listener.local_addr()?.to_string();
    let shake = move |socket| acceptor.accept(socket);
    let mut connections = accept(listener, CONNECTIONS, stopping.clone(), shake);
    let endpoints = Map::from_iter([("authority".to_owned(), address.clone().into())]);
    announce(&options.dir, &endpoints).context("write to standard output")?;
    info!(address, "authority ready");
    while let Some(connection) = connections.recv().await {
        let router = router(Arc::clone(&authority)).layer(Extension(connection.peer));
        let talk = http::talk(connection, router);
        tokio::spawn(stopping.clone().run_until_cancelled_owned(talk));
    }
    Ok(ExitCode::SUCCESS)
}

fn router(authority: Arc<Authority>) -> Router {
    Router::new()
        .route("/v1/challenges", post(challenge))
        .route("/v1/certificates", post(certificate))
        .layer(DefaultBodyLimit::max(MAX_REQUEST))
        .with_state(authority)
}

async fn challenge(State(authority): State<Arc<Authority>>) -> Response {
    match authority.challenges.give() {
        Ok(challenge) => Json(json!({ "challenge": challenge })).into_response(),
        Err(why) => refuse(StatusCode::SERVICE_UNAVAILABLE, &why),
    }
}

async fn certificate(
    State(authority): State<Arc<Authority>>,
    Extension(peer): Extension<SocketAddr>,
    Json(form): Json<CertificateForm>,
) -> Response {
    match authority.certify(peer, form).await {
        Ok(certified) => Json(certified).into_response(),
        Err((status, why)) => {
            warn!(%peer, why, "certificate refused");
            refuse(status, &why)
        }
    }
}

fn refuse(status: StatusCode, why: &str) -> Response {
    (status, Json(json!({ "error": why }))).into_response()
}

impl Authority {
    async fn certify(
        &self,
        peer: SocketAddr,
        form: CertificateForm,
    ) -> Result<Certified, (StatusCode, String)> {
        let denied = |why: String| (StatusCode::FORBIDDEN, why);
        let wrong = |why: String| (StatusCode::BAD_REQUEST, why);
        if !self.challenges.take(&form.challenge) {
            return Err(denied(
                "the challenge is unknown, used or too old".to_owned(),
            ));
        }
        let request = certify::request(&form.csr).map_err(wrong)?;
        let bound = bind(&form.challenge, &form.csr);
        let caller = self.sts.caller(&form.proof, &bound).await;
        let caller = caller.map_err(|error| denied(format!("{error:#}")))?;
        let trusted = |role: &Role| role.account == caller.account && role.name == caller.role;
        if !self.roles.iter().any(trusted) {
            let (account, role) = (&caller.account, &caller.role);
            return Err(denied(format!(
                "{account}/{role} is no role that is certified here"
            )));
        }
        let host = peer.ip().to_canonical();
        let instance = &caller.session;
        let certificate = self.certifier.certify(request, host, instance);
        let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
        info!(%host, instance, role = caller.role, "certified");
        Ok(Certified {
            certificate,
            host: host.to_string(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_an_account_and_a_name() {
        let role = parse_role("123456789012/ferrymq-host").unwrap();
        assert_eq!(
            (role.account.as_str(), role.name.as_str()),
            ("123456789012", "ferrymq-host")
        );
        for bad in [
            "",
            "123456789012",
            "123456789012/",
            "12345678901/a",
            "123456789012/a/b",
            "x/a",
        ] {
            assert!(
                parse_role(bad).unwrap_err().contains("write 123456789012/"),
                "{bad}"
            );
        }
    }
}
