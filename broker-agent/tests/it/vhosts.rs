//! Virtual hosts: their descriptions, and what keeps one from being deleted.

use agent_api::v1::{
    DeleteVhostRequest, GetQueueRequest, ListVhostsRequest, PutVhostRequest, Queue, Reason, Vhost,
};
use agent_api::{Client, Error};

use crate::agent::{Agent, failure, generation, port, put_user, queue};
use crate::amqp;

async fn put(client: &Client, name: &str, description: &str) -> Result<Vhost, Error> {
    let vhost = Vhost {
        name: name.into(),
        description: description.into(),
        ..Default::default()
    };
    let request = PutVhostRequest {
        broker: "b".into(),
        vhost: Some(vhost),
        ..Default::default()
    };
    client.call(client.vhosts().put_vhost(request)).await
}

fn delete(name: &str) -> DeleteVhostRequest {
    DeleteVhostRequest {
        broker: "b".into(),
        name: name.into(),
        ..Default::default()
    }
}

async fn queue_of(client: &Client, vhost: &str, name: &str) -> Result<Queue, Error> {
    let request = GetQueueRequest {
        broker: "b".into(),
        vhost: vhost.into(),
        name: name.into(),
    };
    client.call(client.queues().get_queue(request)).await
}

#[tokio::test]
async fn a_description_changes_and_is_bounded() {
    let agent = Agent::start();
    let (client, _) = agent.with_broker("b").await;
    let first = put(&client, "v", "Bestellungen ä").await.unwrap();
    let second = put(&client, "v", "orders").await.unwrap();
    assert!(second.generation > first.generation);
    let list = ListVhostsRequest {
        broker: "b".into(),
        ..Default::default()
    };
    let listed = client
        .call(client.vhosts().list_vhosts(list))
        .await
        .unwrap()
        .vhosts;
    let described: Vec<_> = listed
        .iter()
        .map(|vhost| (vhost.name.as_str(), vhost.description.as_str()))
        .collect();
    assert_eq!(described, [("/", ""), ("v", "orders")]);
    let long = failure(put(&client, "v", &"x".repeat(1025)).await);
    assert_eq!(
        (long.reason, long.field.as_str()),
        (Reason::Invalid, "description"),
        "{long}"
    );
}

#[tokio::test]
async fn a_deletion_takes_empty_queues_and_stops_before_any_message() {
    let agent = Agent::start();
    let (client, made) = agent.with_broker("b").await;
    put_user(&client, "b", "u", "p").await;
    for name in ["a", "full", "z"] {
        client
            .call(client.queues().put_queue(queue("b", name)))
            .await
            .unwrap();
    }
    let (_connection, channel) = amqp::connect(port(&made), "u", "p").await.unwrap();
    amqp::publish(&channel, "full", &["one", "two"]).await;

    let refused = failure(client.call(client.vhosts().delete_vhost(delete("/"))).await);
    assert_eq!(
        (
            refused.reason,
            refused.messages,
            refused.object_kind.as_str()
        ),
        (Reason::NotEmpty, 2, "vhost"),
        "{refused}"
    );
    for name in ["a", "full", "z"] {
        assert!(queue_of(&client, "/", name).await.is_ok(), "{name} is gone");
    }
    let forced = DeleteVhostRequest {
        force: true,
        ..delete("/")
    };
    client
        .call(client.vhosts().delete_vhost(forced))
        .await
        .unwrap();
    let gone = failure(queue_of(&client, "/", "full").await);
    assert_eq!(gone.object_kind, "vhost");
}

#[tokio::test]
async fn a_deletion_that_expects_another_state_leaves_the_queues_alone() {
    let agent = Agent::start();
    let (client, _) = agent.with_broker("b").await;
    let vhost = put(&client, "v", "").await.unwrap();
    let mut request = queue("b", "q");
    request.queue.as_mut().unwrap().vhost = "v".into();
    client
        .call(client.queues().put_queue(request))
        .await
        .unwrap();
    let stale = DeleteVhostRequest {
        expect: generation(vhost.generation + 1),
        ..delete("v")
    };
    let refused = failure(client.call(client.vhosts().delete_vhost(stale)).await);
    assert_eq!(refused.reason, Reason::Conflict, "{refused}");
    assert!(queue_of(&client, "v", "q").await.is_ok());

    let right = DeleteVhostRequest {
        expect: generation(vhost.generation),
        ..delete("v")
    };
    client
        .call(client.vhosts().delete_vhost(right))
        .await
        .unwrap();
    assert_eq!(
        failure(queue_of(&client, "v", "q").await).object_kind,
        "vhost"
    );
}
