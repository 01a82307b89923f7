//! The metadata of an EC2 instance (IMDSv2): what the machine is told about itself.

use anyhow::{Context as _, bail};
use cloud_aws::proof::Credentials;
use serde_json::Value;

use crate::web::{Request, Server};

/// Where it is, on every instance.
const USUAL: &str = "http://169.254.169.254";

/// The variable by which AWS's own programs are told to ask elsewhere.
const ENDPOINT: &str = "AWS_EC2_METADATA_SERVICE_ENDPOINT";

/// How long the token for asking is wanted, in seconds.
const TOKEN_LIFETIME_S: &str = "300";

/// Metadata that may be asked.
pub(super) struct Metadata {
    server: Server,
    token: String,
}

impl Metadata {
    /// Asks for the token that all else needs.
    pub(super) async fn open() -> anyhow::Result<Self> {
        let place = std::env::var(ENDPOINT).ok().filter(|url| !url.is_empty());
        let server: Server = place
            .as_deref()
            .unwrap_or(USUAL)
            .parse()
            .context(ENDPOINT)?;
        let lifetime = TOKEN_LIFETIME_S.to_owned();
        let request = Request {
            method: "PUT",
            path: "/latest/api/token",
            headers: &[("x-aws-ec2-metadata-token-ttl-seconds", lifetime)],
            body: "",
        };
        let answer = server.ask(None, request).await;
        let answer = answer.context("ask the instance's metadata; is this an EC2 instance?")?;
        if answer.status != 200 {
            bail!("the instance's metadata gives no token: {}", answer.status);
        }
        Ok(Self {
            server,
            token: answer.body,
        })
    }

    /// The region of the instance.
    pub(super) async fn region(&self) -> anyhow::Result<String> {
        self.read("placement/region").await
    }

    /// The credentials of its profile.
    pub(super) async fn credentials(&self) -> anyhow::Result<Credentials> {
        let place = "iam/security-credentials/";
        let role = self.read(place).await;
        let role = role.context("the instance has no profile, or not yet")?;
        let text = self.read(&format!("{place}{}", role.trim())).await?;
        let said: Value = serde_json::from_str(&text)?;
        let field = |name: &str| {
            let text = said[name].as_str().map(str::to_owned);
            text.with_context(|| format!("the instance's credentials lack {name}"))
        };
        Ok(Credentials {
            access_key: field("AccessKeyId")?,
            secret_key: field("SecretAccessKey")?,
            token: Some(field("Token")?),
        })
    }

    async fn read(&self, what: &str) -> anyhow::Result<String> {
        let request = Request {
            method: "GET",
            path: &format!("/latest/meta-data/{what}"),
            headers: &[("x-aws-ec2-metadata-token", self.token.clone())],
            body: "",
        };
        let answer = self.server.ask(None, request).await?;
        if answer.status != 200 {
            bail!("the instance's metadata has no {what}: {}", answer.status);
        }
        Ok(answer.body.trim().to_owned())
    }
}
