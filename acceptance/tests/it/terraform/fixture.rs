//! What most of these tests start from: an agent, a workspace, and a broker with a user who may do
//! everything.

use acceptance::agent::Agent;
use acceptance::ports;
use acceptance::terraform::Workspace;
use agent_api::Client;
use anyhow::Result;

use crate::management;

/// Name of the broker that [`Fixture::broker`] declares.
pub(crate) const BROKER: &str = "orders";

/// Password of its user `app`.
pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// An agent, and a workspace whose provider is set up for it.
pub(crate) struct Fixture {
    pub(crate) agent: Agent,
    pub(crate) terraform: Workspace,
    pub(crate) port: u16,
}

impl Fixture {
    /// `None` if Terraform is left out by name.
    pub(crate) fn prepare() -> Result<Option<Self>> {
        let agent = Agent::start()?;
        let Some(terraform) = Workspace::prepare(&agent)? else {
            return Ok(None);
        };
        Ok(Some(Self {
            agent,
            terraform,
            port: ports::free()?,
        }))
    }

    /// Like [`Self::prepare`], with the broker applied and `main.tf` holding the rest.
    pub(crate) fn with_broker() -> Result<Option<Self>> {
        let Some(fixture) = Self::prepare()? else {
            return Ok(None);
        };
        fixture.terraform.write("broker.tf", &fixture.broker())?;
        fixture.terraform.apply()?;
        Ok(Some(fixture))
    }

    /// A broker in plaintext on a port of loopback, with the user `app` who may do everything in
    /// the virtual host `/`.
    pub(crate) fn broker(&self) -> String {
        let (agent, port) = (self.agent.endpoint(), self.port);
        format!(
            r#"
resource "ferrymq_broker" "this" {{
  name      = "{BROKER}"
  nodes     = ["{agent}"]
  listeners = {{ amqp = {{ address = "127.0.0.1", port = {port}, tls = false }} }}
}}

resource "ferrymq_user" "app" {{
  broker              = ferrymq_broker.this.id
  name                = "app"
  password_wo         = "{PASSWORD}"
  password_wo_version = 1
}}

resource "ferrymq_permission" "app" {{
  broker    = ferrymq_broker.this.id
  user      = ferrymq_user.app.name
  configure = ".*"
  write     = ".*"
  read      = ".*"
}}
"#
        )
    }

    /// Writes `main.tf`.
    pub(crate) fn main(&self, text: &str) -> Result<()> {
        self.terraform.write("main.tf", text)
    }

    /// URI of the virtual host `/` as the user `app`.
    pub(crate) fn uri(&self) -> String {
        self.uri_of("app", PASSWORD, "%2f")
    }

    /// URI of a virtual host, its name encoded, as another user.
    pub(crate) fn uri_of(&self, user: &str, password: &str, vhost: &str) -> String {
        let password = password.replace(' ', "%20");
        format!("amqp://{user}:{password}@127.0.0.1:{}/{vhost}", self.port)
    }

    /// Id of the broker.
    pub(crate) fn broker_id(&self) -> String {
        format!("ferrymq://{}/{BROKER}", self.agent.endpoint())
    }

    /// Talks to the agent past Terraform.
    pub(crate) fn behind_its_back<T>(
        &self,
        action: impl AsyncFnOnce(&Client) -> Result<T>,
    ) -> Result<T> {
        management::with_agent(&self.agent, action)
    }
}
