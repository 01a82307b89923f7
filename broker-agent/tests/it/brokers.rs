//! The lives of brokers: made, watched, changed live, restarted, deleted.

use std::collections::BTreeMap;
use std::net::TcpListener;

use agent_api::v1::{
    Broker, BrokerState, DeleteBrokerRequest, GetBrokerRequest, GetVhostRequest,
    ListBrokersRequest, ListUsersRequest, Listener, Reason, RestartBrokerRequest,
    UpdateBrokerRequest, WatchBrokersRequest,
};
use agent_api::{Client, Error, FieldMask};

use crate::agent::{Agent, broker, create, failure, generation, port, put_user, queue};
use crate::amqp;

async fn get(client: &Client, name: &str) -> Result<Broker, Error> {
    client
        .call(
            client
                .brokers()
                .get_broker(GetBrokerRequest { name: name.into() }),
        )
        .await
}

async fn list(client: &Client) -> Vec<Broker> {
    let request = ListBrokersRequest::default();
    client
        .call(client.brokers().list_brokers(request))
        .await
        .unwrap()
        .brokers
}

async fn delete(client: &Client, name: &str, force: bool) -> Result<(), Error> {
    let request = DeleteBrokerRequest {
        name: name.into(),
        expect: None,
        force,
    };
    client
        .call(client.brokers().delete_broker(request))
        .await
        .map(|_| ())
}

fn update(broker: Broker) -> UpdateBrokerRequest {
    let update_mask = Some(FieldMask {
        paths: vec!["listeners".into()],
    });
    UpdateBrokerRequest {
        broker: Some(broker),
        update_mask,
        expect: None,
    }
}

#[tokio::test]
async fn a_new_broker_serves_at_once_with_one_vhost_and_nobody_in_it() {
    let agent = Agent::start();
    let (client, made) = agent.with_broker("orders").await;
    let status = made.status.clone().unwrap();
    assert_eq!(status.state(), BrokerState::Running);
    assert_eq!(
        status.endpoints[0].url,
        format!("amqp://127.0.0.1:{}", port(&made))
    );
    assert!(
        status.console_url.starts_with("https://localhost:"),
        "{}",
        status.console_url
    );
    assert!(status.console_url.ends_with("#orders"));
    assert_eq!(get(&client, "orders").await.unwrap(), made);
    assert_eq!(list(&client).await, std::slice::from_ref(&made));

    let vhost = GetVhostRequest {
        broker: "orders".into(),
        name: "/".into(),
    };
    assert_eq!(
        client
            .call(client.vhosts().get_vhost(vhost))
            .await
            .unwrap()
            .name,
        "/"
    );
    let users = ListUsersRequest {
        broker: "orders".into(),
        ..Default::default()
    };
    assert_eq!(
        client
            .call(client.users().list_users(users))
            .await
            .unwrap()
            .users,
        []
    );
    assert!(amqp::connect(port(&made), "guest", "guest").await.is_err());
}

#[tokio::test]
async fn listeners_are_encrypted_unless_plaintext_is_asked_for() {
    let agent = Agent::start();
    let client = agent.client().await;
    let listener = Listener {
        port: Some(0),
        ..Default::default()
    };
    let listeners = BTreeMap::from([("amqp".to_owned(), listener)]);
    let asked = Broker {
        name: "b".into(),
        listeners,
        ..Default::default()
    };
    let made = create(&client, asked, "").await.unwrap();
    assert_eq!(made.listeners["amqp"].tls, Some(true));
    let endpoint = &made.status.unwrap().endpoints[0];
    assert_eq!(endpoint.url, format!("amqps://localhost:{}", endpoint.port));
}

#[tokio::test]
async fn a_broker_exists_once_and_its_creation_may_be_repeated() {
    let mut agent = Agent::start();
    let client = agent.client().await;
    let made = create(&client, broker("b", 0), "token").await.unwrap();
    assert_eq!(
        create(&client, broker("b", 0), "token").await.unwrap(),
        made
    );
    let other = failure(create(&client, broker("b", 0), "other").await);
    assert_eq!(
        (other.reason, other.generation),
        (Reason::AlreadyExists, made.generation)
    );
    assert_eq!(other.field, "name");
    let different = failure(create(&client, broker("b", 1), "token").await);
    assert_eq!(different.reason, Reason::AlreadyExists);

    agent.crash();
    let client = agent.client().await;
    let again = create(&client, broker("b", 0), "token").await.unwrap();
    assert_eq!(again.generation, made.generation);
    assert_eq!(list(&client).await.len(), 1);
}

#[tokio::test]
async fn a_taken_port_is_named_and_leaves_nothing_behind() {
    let agent = Agent::start();
    let (client, _) = agent.with_broker("first").await;
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let failure = failure(create(&client, broker("second", port), "").await);
    assert_eq!(failure.reason, Reason::Invalid);
    assert_eq!(failure.field, "listeners.amqp.port");
    assert!(
        failure.message.contains(&format!("127.0.0.1:{port}")),
        "{failure}"
    );
    assert_eq!(list(&client).await.len(), 1);
    assert_eq!(agent.data_dirs().len(), 1);

    drop(taken);
    create(&client, broker("second", port), "").await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_made_says_what_is_wrong() {
    let agent = Agent::start();
    let client = agent.client().await;
    let name = failure(create(&client, broker("a/b", 0), "").await);
    assert_eq!(
        (name.reason, name.field.as_str()),
        (Reason::Invalid, "name")
    );
    let mut elsewhere = broker("b", 0);
    elsewhere.listeners.get_mut("amqp").unwrap().address = "192.0.2.1".into();
    let address = failure(create(&client, elsewhere, "").await);
    assert_eq!(
        (address.reason, address.field.as_str()),
        (Reason::Invalid, "listeners.amqp.address")
    );
    let missing = failure(get(&client, "b").await);
    assert_eq!(
        (missing.reason, missing.object_kind.as_str()),
        (Reason::NotFound, "broker")
    );
    assert_eq!(
        failure(delete(&client, "b", true).await).reason,
        Reason::NotFound
    );
}

#[tokio::test]
async fn listeners_change_under_open_connections() {
    let agent = Agent::start();
    let (client, made) = agent.with_broker("b").await;
    put_user(&client, "b", "u", "p").await;
    client
        .call(client.queues().put_queue(queue("b", "q")))
        .await
        .unwrap();
    let (_connection, channel) = amqp::connect(port(&made), "u", "p").await.unwrap();

    let moved = client
        .call(client.brokers().update_broker(update(broker("b", 0))))
        .await
        .unwrap();
    assert_eq!(
        moved.generation, made.generation,
        "nothing was asked to change"
    );
    let mut request = update(broker("b", 0));
    let wanted = request
        .broker
        .as_mut()
        .unwrap()
        .listeners
        .get_mut("amqp")
        .unwrap();
    wanted.address = "127.0.0.2".into();
    request.expect = generation(made.generation);
    let moved = client
        .call(client.brokers().update_broker(request.clone()))
        .await
        .unwrap();
    assert!(moved.generation > made.generation);
    assert_eq!((moved.uid.as_str(), made.uid.len()), (&*made.uid, 32));
    assert_eq!(moved.status.unwrap().endpoints[0].address, "127.0.0.2");
    amqp::publish(&channel, "q", &["still here"]).await;
    assert!(amqp::connect(port(&made), "u", "p").await.is_err());

    let lost = failure(client.call(client.brokers().update_broker(request)).await);
    assert_eq!(
        (lost.reason, lost.generation),
        (Reason::Conflict, moved.generation)
    );
}

#[tokio::test]
async fn an_update_that_fails_changes_nothing() {
    let agent = Agent::start();
    let (client, made) = agent.with_broker("b").await;
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let request = update(broker("b", taken.local_addr().unwrap().port()));
    let failure = failure(client.call(client.brokers().update_broker(request)).await);
    assert_eq!(failure.field, "listeners.amqp.port");
    assert_eq!(get(&client, "b").await.unwrap(), made);
}

#[tokio::test]
async fn messages_are_not_deleted_by_the_way() {
    let agent = Agent::start();
    let (client, made) = agent.with_broker("b").await;
    put_user(&client, "b", "u", "p").await;
    client
        .call(client.queues().put_queue(queue("b", "q")))
        .await
        .unwrap();
    let (_connection, channel) = amqp::connect(port(&made), "u", "p").await.unwrap();
    amqp::publish(&channel, "q", &["one", "two"]).await;

    let refused = failure(delete(&client, "b", false).await);
    assert_eq!((refused.reason, refused.messages), (Reason::NotEmpty, 2));
    assert_eq!(amqp::get(&channel, "q").await.unwrap(), "one");
    delete(&client, "b", true).await.unwrap();
    assert_eq!(failure(get(&client, "b").await).reason, Reason::NotFound);
    assert!(agent.data_dirs().is_empty());

    let anew = create(&client, broker("b", 0), "").await.unwrap();
    assert!(anew.generation > made.generation);
    assert_ne!(anew.uid, made.uid, "another broker of the same name");
    let users = ListUsersRequest {
        broker: "b".into(),
        ..Default::default()
    };
    assert_eq!(
        client
            .call(client.users().list_users(users))
            .await
            .unwrap()
            .users,
        []
    );
}

#[tokio::test]
async fn a_restart_keeps_what_is_durable() {
    let agent = Agent::start();
    let (client, made) = agent.with_broker("b").await;
    put_user(&client, "b", "u", "p").await;
    client
        .call(client.queues().put_queue(queue("b", "q")))
        .await
        .unwrap();
    let (_connection, channel) = amqp::connect(port(&made), "u", "p").await.unwrap();
    amqp::publish(&channel, "q", &["kept"]).await;

    let request = RestartBrokerRequest { name: "b".into() };
    let restarted = client
        .call(client.brokers().restart_broker(request))
        .await
        .unwrap();
    assert_eq!(
        restarted.status.as_ref().unwrap().state(),
        BrokerState::Running
    );
    let (_connection, channel) = amqp::connect(port(&restarted), "u", "p").await.unwrap();
    assert_eq!(amqp::get(&channel, "q").await.unwrap(), "kept");
}

#[tokio::test]
async fn watchers_see_the_present_and_then_every_end_state() {
    let agent = Agent::start();
    let (client, _) = agent.with_broker("first").await;
    let request = WatchBrokersRequest::default();
    let mut events = client
        .call(client.brokers().watch_brokers(request))
        .await
        .unwrap();
    let present = events.message().await.unwrap().unwrap();
    assert_eq!(present.broker.unwrap().name, "first");

    create(&client, broker("second", 0), "").await.unwrap();
    loop {
        let event = events.message().await.unwrap().unwrap();
        let second = event.broker.unwrap();
        assert_eq!(second.name, "second");
        if second.status.unwrap().state() == BrokerState::Running {
            break;
        }
    }
    delete(&client, "second", false).await.unwrap();
    loop {
        let event = events.message().await.unwrap().unwrap();
        assert_eq!(event.broker.unwrap().name, "second");
        if event.deleted {
            break;
        }
    }
}
