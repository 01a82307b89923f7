//! Asking STS who has signed a call.

use std::sync::Arc;

use anyhow::{Context as _, bail};
use cloud_aws::proof::{BODY, Caller, Proof, sts_host};
use rustls::RootCertStore;

use super::ProofForm;
use crate::web::{Request, Server};

/// The variable by which AWS's own programs are told to ask elsewhere.
const ENDPOINT: &str = "AWS_ENDPOINT_URL_STS";

/// AWS's token service.
pub(super) struct Sts {
    elsewhere: Option<Server>,
    roots: Arc<RootCertStore>,
}

impl Sts {
    /// AWS's own, or what the environment says.
    pub(super) fn from_environment() -> anyhow::Result<Self> {
        let elsewhere = match std::env::var(ENDPOINT) {
            Ok(url) if !url.is_empty() => Some(url.parse().context(ENDPOINT)?),
            _ => None,
        };
        let mut roots = RootCertStore::empty();
        let found = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(found.certs);
        if roots.is_empty() && elsewhere.is_none() {
            bail!(
                "this machine trusts no authorities, so STS cannot be asked; on Debian: apt-get install ca-certificates"
            );
        }
        Ok(Self {
            elsewhere,
            roots: Arc::new(roots),
        })
    }

    /// Who has signed the call, for this challenge.
    pub(super) async fn caller(&self, form: &ProofForm, bound: &str) -> anyhow::Result<Caller> {
        let proof = Proof {
            region: form.region.clone(),
            date: form.date.clone(),
            token: form.token.clone(),
            authorization: form.authorization.clone(),
        };
        let headers = proof.headers(bound);
        let headers = headers.context("the proof does not sign what it must")?;
        let server = match &self.elsewhere {
            Some(server) => server.clone(),
            None => format!("https://{}", sts_host(&proof.region)).parse()?,
        };
        let request = Request {
            method: "POST",
            path: "/",
            headers: &headers,
            body: BODY,
        };
        let answer = server.ask(Some(Arc::clone(&self.roots)), request).await;
        let answer = answer.context("STS cannot be asked")?;
        if answer.status != 200 {
            let code = answer
                .body
                .split_once("<Code>")
                .and_then(|(_, rest)| rest.split_once('<'));
            let code = code.map_or("no code", |(code, _)| code);
            bail!("STS does not believe the proof: {} {code}", answer.status);
        }
        Caller::parse(&answer.body).context("the proof is not by the role of an instance")
    }
}
