//! `Agent`: who answers and what it can do.

use agent_api::v1::agent_server;
use agent_api::v1::{AgentInfo, GetInfoRequest};
use tonic::{Request, Response};

use super::{Agent, Answer};

#[tonic::async_trait]
impl agent_server::Agent for Agent {
    async fn get_info(&self, _: Request<GetInfoRequest>) -> Answer<AgentInfo> {
        Ok(Response::new(self.info.clone()))
    }
}
