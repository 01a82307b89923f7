//! Bindings, and which end is blamed when one cannot be.

use agent_api::v1::{
    Binding, DeleteBindingRequest, DestinationType, Exchange, GetBindingRequest,
    ListBindingsRequest, PutBindingRequest, PutExchangeRequest, Reason,
};
use agent_api::{Client, Error, arguments};

use crate::agent::{Agent, failure, queue};

/// Between an exchange and a queue that `with_ends` makes.
fn binding(source: &str, queue: &str) -> Binding {
    Binding {
        vhost: "/".into(),
        source: source.into(),
        destination_type: DestinationType::Queue.into(),
        destination: queue.into(),
        routing_key: "key/with %".into(),
        arguments: Some(arguments([("x", 1_i64.into())])),
        generation: 0,
    }
}

async fn bind(client: &Client, binding: Binding) -> Result<Binding, Error> {
    let request = PutBindingRequest {
        broker: "b".into(),
        binding: Some(binding),
        ..Default::default()
    };
    client.call(client.bindings().put_binding(request)).await
}

/// The topic exchange `e` and the queue `q`.
async fn with_ends(client: &Client) {
    let exchange = Exchange {
        vhost: "/".into(),
        name: "e".into(),
        r#type: "topic".into(),
        ..Default::default()
    };
    let request = PutExchangeRequest {
        broker: "b".into(),
        exchange: Some(exchange),
        ..Default::default()
    };
    client
        .call(client.exchanges().put_exchange(request))
        .await
        .unwrap();
    client
        .call(client.queues().put_queue(queue("b", "q")))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_binding_is_made_listed_and_removed() {
    let agent = Agent::start();
    let (client, _) = agent.with_broker("b").await;
    with_ends(&client).await;
    let made = bind(&client, binding("e", "q")).await.unwrap();
    assert_eq!(
        Binding {
            generation: 0,
            ..made.clone()
        },
        binding("e", "q")
    );
    assert_eq!(bind(&client, binding("e", "q")).await.unwrap(), made);

    let list = ListBindingsRequest {
        broker: "b".into(),
        destination: Some("q".into()),
        ..Default::default()
    };
    let listed = client
        .call(client.bindings().list_bindings(list))
        .await
        .unwrap()
        .bindings;
    assert_eq!(listed, [made]);
    let get = GetBindingRequest {
        broker: "b".into(),
        binding: Some(binding("e", "q")),
    };
    let delete = DeleteBindingRequest {
        broker: "b".into(),
        binding: Some(binding("e", "q")),
        expect: None,
    };
    client
        .call(client.bindings().delete_binding(delete))
        .await
        .unwrap();
    let gone = failure(client.call(client.bindings().get_binding(get)).await);
    assert_eq!(
        (gone.reason, gone.object_kind.as_str()),
        (Reason::NotFound, "binding")
    );
}

#[tokio::test]
async fn a_binding_that_cannot_be_names_the_end_that_is_wrong() {
    let agent = Agent::start();
    let (client, _) = agent.with_broker("b").await;
    with_ends(&client).await;
    let to_exchange = |destination: &str| Binding {
        destination_type: DestinationType::Exchange.into(),
        ..binding("e", destination)
    };
    let long_key = Binding {
        routing_key: "x".repeat(256),
        ..binding("e", "q")
    };
    let vague = Binding {
        destination_type: 0,
        ..binding("e", "q")
    };
    for (binding, reason, field) in [
        (binding("e", "gone"), Reason::NotFound, "destination"),
        (binding("gone", "q"), Reason::NotFound, "source"),
        (to_exchange("gone"), Reason::NotFound, "destination"),
        (binding("", "q"), Reason::Invalid, "source"),
        (to_exchange(""), Reason::Invalid, "destination"),
        (long_key, Reason::Invalid, "routing_key"),
        (vague, Reason::Invalid, "destination_type"),
    ] {
        let refused = failure(bind(&client, binding).await);
        assert_eq!(
            (refused.reason, refused.field.as_str()),
            (reason, field),
            "{refused}"
        );
    }
    let to = failure(bind(&client, binding("e", "gone")).await);
    assert_eq!(
        (to.object_kind.as_str(), &*to.object_name),
        ("queue", "gone")
    );
}
