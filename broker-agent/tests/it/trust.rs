//! Who may command the agent: whoever shows a caller's certificate of its CA, nobody else.

use std::fs;

use agent_api::{Client, Error, Identity};

use crate::agent::Agent;

fn read(agent: &Agent, name: &str) -> String {
    fs::read_to_string(agent.path(name)).unwrap()
}

async fn refused(agent: &Agent, identity: Identity) {
    let error = Client::connect(&agent.process.endpoint("grpc"), &identity)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Refused { .. }), "{error:?}");
}

#[tokio::test]
async fn the_administrator_is_let_in_by_every_local_name() {
    let agent = Agent::start();
    let endpoint = agent.process.endpoint("grpc");
    let port = endpoint.rsplit_once(':').unwrap().1;
    for host in ["127.0.0.1", "localhost"] {
        let client = Client::connect(&format!("{host}:{port}"), &agent.identity())
            .await
            .unwrap();
        assert_eq!(client.info().api_versions, ["v1"]);
        assert_eq!(client.info().protocols, ["amqp"]);
    }
}

#[tokio::test]
async fn certificates_of_another_ca_are_refused() {
    let (ours, theirs) = (Agent::start(), Agent::start());
    let ca_certificate = read(&ours, "ca.pem");
    refused(
        &ours,
        Identity {
            ca_certificate,
            ..theirs.identity()
        },
    )
    .await;
    let error = Client::connect(&ours.process.endpoint("grpc"), &theirs.identity()).await;
    assert!(matches!(error, Err(Error::Untrusted { .. })), "{error:?}");
}

#[tokio::test]
async fn an_agents_own_certificate_commands_no_agent() {
    let agent = Agent::start();
    let certificate = read(&agent, "server.pem");
    let key = read(&agent, "server-key.pem");
    refused(
        &agent,
        Identity {
            certificate,
            key,
            ..agent.identity()
        },
    )
    .await;
}

#[tokio::test]
async fn a_stopped_agent_is_unreachable() {
    let mut agent = Agent::start();
    let client = agent.client().await;
    agent.process.kill();
    let request = agent_api::v1::GetInfoRequest {};
    let error = client
        .call(client.agent().get_info(request))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
    let error = Client::connect(&agent.process.endpoint("grpc"), &agent.identity()).await;
    let error = error.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
    assert!(
        error.to_string().contains("check that broker-agent runs"),
        "{error}"
    );
}
