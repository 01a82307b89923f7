//! Calls of an agent's management interface, past Terraform.

use std::fs;

use acceptance::agent::Agent;
use agent_api::{Client, Identity};
use anyhow::Result;
use tokio::runtime::Runtime;

/// Runs an action with a client of the agent that has the administrator's certificate.
pub(crate) fn with_agent<T>(
    agent: &Agent,
    action: impl AsyncFnOnce(&Client) -> Result<T>,
) -> Result<T> {
    let identity = Identity {
        ca_certificate: fs::read_to_string(agent.ca())?,
        certificate: fs::read_to_string(agent.client_certificate())?,
        key: fs::read_to_string(agent.client_key())?,
    };
    Runtime::new()?.block_on(async {
        let client = Client::connect(&agent.endpoint(), &identity).await?;
        action(&client).await
    })
}
