//! What happens when the agent cannot be reached, trusted or heard.

use serde_json::{Value as Json, json};
use tfplugin_rs::ResourceAction;
use tfplugin_rs::testing::{Terraform, UNKNOWN};

use crate::agent::{Agent, check_error};
use crate::proxy::Proxy;

#[tokio::test]
async fn an_agent_that_is_away_makes_nothing_disappear() {
    let mut agent = Agent::start();
    let broker = agent.broker("b").await;
    let terraform = agent.terraform().await;
    let mut queue = terraform.resource("ferrymq_queue");
    let config = json!({ "broker": broker, "name": "q" });
    queue.apply(config.clone()).await.unwrap();
    let state = queue.state();

    let address = agent.address().to_owned();
    agent.kill();
    let unreachable = [
        "Agent cannot be reached (at broker)",
        &address,
        "stays in the state",
    ];
    check_error(queue.plan(config.clone()).await, &unreachable);
    check_error(queue.refresh().await, &unreachable);
    assert_eq!(queue.state(), state);

    // Planning what is new needs no agent; making it does, and nothing is left in the state.
    let mut other = terraform.resource("ferrymq_queue");
    let new = json!({ "broker": broker, "name": "other" });
    assert_eq!(
        other.plan(new.clone()).await.unwrap().action,
        ResourceAction::Create
    );
    check_error(
        other.apply(new).await,
        &["Could not create queue \"other\"", "cannot be reached"],
    );
    assert!(other.state().is_null());
}

#[tokio::test]
async fn strangers_are_told_apart() {
    let (ours, theirs) = (Agent::start(), Agent::start());
    let broker = ours.broker("b").await;
    let config = json!({ "broker": broker, "name": "q" });
    let mut block = ours.credentials();
    block["ca_certificate"] = theirs.credentials()["ca_certificate"].clone();
    let terraform = Terraform::start(provider::ferrymq(), block).await.unwrap();
    check_error(
        terraform
            .resource("ferrymq_queue")
            .apply(config.clone())
            .await,
        &[
            "Agent cannot be trusted (at broker)",
            "not signed by the given CA",
        ],
    );

    let mut block = theirs.credentials();
    block["ca_certificate"] = ours.credentials()["ca_certificate"].clone();
    let terraform = Terraform::start(provider::ferrymq(), block).await.unwrap();
    check_error(
        terraform.resource("ferrymq_queue").apply(config).await,
        &["Client certificate is not accepted (at broker)"],
    );

    let mut block = ours.credentials();
    block["client_key"] = theirs.credentials()["client_key"].clone();
    let result = Terraform::start(provider::ferrymq(), block).await.map(drop);
    check_error(
        result,
        &["Unusable client key (at client_key)", "does not belong"],
    );
}

#[tokio::test]
async fn credentials_may_be_text_and_may_be_unknown_while_planning() {
    let agent = Agent::start();
    let broker = agent.broker("b").await;
    let config = json!({ "broker": broker, "name": "q" });
    let mut block = agent.credentials();
    for attribute in ["ca_certificate", "client_certificate", "client_key"] {
        let text = std::fs::read_to_string(block[attribute].as_str().unwrap()).unwrap();
        block[attribute] = text.into();
    }
    let terraform = Terraform::start(provider::ferrymq(), block.clone())
        .await
        .unwrap();
    terraform
        .resource("ferrymq_queue")
        .apply(config.clone())
        .await
        .unwrap();

    block["client_key"] = UNKNOWN.into();
    let terraform = Terraform::start(provider::ferrymq(), block).await.unwrap();
    let mut queue = terraform.resource("ferrymq_queue");
    queue.plan(config.clone()).await.unwrap();
    check_error(
        queue.apply(config).await,
        &["not configured yet", "`client_key`"],
    );
}

/// A broker behind a road that can be cut, and a queue's configuration there.
async fn behind_a_proxy(agent: &Agent) -> (Proxy, Json) {
    agent.broker("b").await;
    let proxy = Proxy::start(agent.address()).await;
    let config = json!({ "broker": format!("ferrymq://{}/b", proxy.address()), "name": "q" });
    (proxy, config)
}

#[tokio::test]
async fn a_creation_whose_answer_is_lost_happens_once() {
    let agent = Agent::start();
    let (proxy, config) = behind_a_proxy(&agent).await;
    let terraform = agent.terraform().await;
    let mut first = terraform.resource("ferrymq_queue");
    let mut other = config.clone();
    other["name"] = "first".into();
    first.apply(other).await.unwrap();

    proxy.lose_answer();
    let mut vhost = terraform.resource("ferrymq_vhost");
    assert_eq!(
        vhost.apply(config).await.unwrap().action,
        ResourceAction::Create
    );
}

#[tokio::test]
async fn a_creation_of_unknown_outcome_is_found_out_by_the_next_run() {
    let agent = Agent::start();
    let (proxy, config) = behind_a_proxy(&agent).await;
    let terraform = agent.terraform().await;
    let mut first = terraform.resource("ferrymq_queue");
    let mut other = config.clone();
    other["name"] = "first".into();
    first.apply(other).await.unwrap();

    proxy.lose_answer_and_close();
    let mut vhost = terraform.resource("ferrymq_vhost");
    let result = vhost.apply(config.clone()).await;
    check_error(
        result,
        &[
            "Agent cannot be reached",
            "Whether it was created is not known",
        ],
    );
    assert_eq!(vhost.state()["name"], "q", "kept, as tainted");

    // A new process: it remembers no failure to connect.
    proxy.open();
    let terraform = agent.terraform().await;
    let id = vhost.state()["id"].as_str().unwrap().to_owned();
    assert_eq!(
        terraform
            .import("ferrymq_vhost", &id)
            .await
            .unwrap()
            .state(),
        vhost.state()
    );
}

#[tokio::test]
async fn a_guard_that_cannot_ask_only_warns() {
    let mut agent = Agent::start();
    let broker = agent.broker("b").await;
    let terraform = agent.terraform().await;
    let mut queue = terraform.resource("ferrymq_queue");
    queue
        .apply(json!({ "broker": broker, "name": "q" }))
        .await
        .unwrap();
    agent.kill();
    // Planned without a word of the agent, refused by the deletion itself.
    let error = queue.destroy().await.unwrap_err().to_string();
    assert!(error.contains("Agent cannot be reached"), "{error}");
    assert!(!queue.state().is_null());
}

#[tokio::test]
async fn an_agent_that_is_away_is_warned_of_once() {
    let mut agent = Agent::start();
    let broker = agent.broker("b").await;
    agent.kill();
    let terraform = agent.terraform().await;
    let mut warnings = 0;
    for name in ["one", "two", "three"] {
        let mut queue = terraform.resource("ferrymq_queue");
        let plan = queue.plan(json!({ "broker": broker, "name": name }));
        warnings += plan.await.unwrap().warnings.len();
    }
    assert_eq!(warnings, 1);
}

#[tokio::test]
async fn a_broker_is_found_at_whichever_of_its_agents_has_it() {
    let (mut without, agent) = (Agent::start(), Agent::start());
    without.join(&agent);
    agent.broker("b").await;
    let terraform = agent.terraform().await;
    for first in ["127.0.0.1:1", without.address()] {
        let broker = format!("ferrymq://{first},{}/b", agent.address());
        let mut queue = terraform.resource("ferrymq_queue");
        queue
            .apply(json!({ "broker": broker, "name": "q" }))
            .await
            .unwrap();
        queue.destroy().await.unwrap();
    }
}

#[tokio::test]
async fn what_one_of_two_agents_lacks_is_not_gone_while_the_other_is_away() {
    let (mut without, mut agent) = (Agent::start(), Agent::start());
    without.join(&agent);
    agent.broker("b").await;
    let terraform = agent.terraform().await;
    let broker = format!("ferrymq://{},{}/b", without.address(), agent.address());
    let mut queue = terraform.resource("ferrymq_queue");
    queue
        .apply(json!({ "broker": broker, "name": "q" }))
        .await
        .unwrap();
    agent.kill();
    check_error(
        queue.refresh().await,
        &["Agent cannot be reached (at broker)"],
    );
    assert!(!queue.state().is_null());
}
