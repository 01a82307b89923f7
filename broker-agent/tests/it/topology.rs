//! Exchanges and queues, and what is said when they do not fit.

use agent_api::v1::{
    DeleteExchangeRequest, DeleteQueueRequest, DeleteVhostRequest, Exchange, GetQueueRequest,
    ListExchangesRequest, ListQueuesRequest, PutExchangeRequest, PutVhostRequest, Queue, Reason,
    Vhost,
};
use agent_api::{Client, Error, arguments};

use crate::agent::{Agent, absent, failure, port, put_user, queue};
use crate::amqp;

fn exchange(name: &str, kind: &str) -> PutExchangeRequest {
    let exchange = Exchange {
        vhost: "/".into(),
        name: name.into(),
        r#type: kind.into(),
        durable: true,
        ..Default::default()
    };
    PutExchangeRequest {
        broker: "b".into(),
        exchange: Some(exchange),
        ..Default::default()
    }
}

async fn put_exchange(client: &Client, request: PutExchangeRequest) -> Result<Exchange, Error> {
    client.call(client.exchanges().put_exchange(request)).await
}

#[tokio::test]
async fn exchanges_come_back_as_they_were_put() {
    let agent = Agent::start();
    let (client, _) = agent.with_broker("b").await;
    let mut request = exchange("ä/b %", "topic");
    let wanted = request.exchange.as_mut().unwrap();
    wanted.arguments = Some(arguments([("note", "hello".into()), ("n", 2.5.into())]));
    let wanted = wanted.clone();
    let made = put_exchange(&client, request.clone()).await.unwrap();
    assert_eq!(
        Exchange {
            generation: 0,
            policies: None,
            ..made.clone()
        },
        wanted
    );
    assert_eq!(
        put_exchange(&client, request).await.unwrap(),
        made,
        "equal: nothing changes"
    );

    let request = ListExchangesRequest {
        broker: "b".into(),
        vhost: "/".into(),
        ..Default::default()
    };
    let listed = client
        .call(client.exchanges().list_exchanges(request))
        .await
        .unwrap();
    let names: Vec<_> = listed
        .exchanges
        .iter()
        .map(|exchange| exchange.name.as_str())
        .collect();
    let presets = [
        "amq.direct",
        "amq.fanout",
        "amq.headers",
        "amq.match",
        "amq.topic",
    ];
    assert_eq!(names, [&[""], &presets[..], &["ä/b %"]].concat());
}

#[tokio::test]
async fn an_exchange_that_does_not_fit_names_its_attribute() {
    let agent = Agent::start();
    let (client, _) = agent.with_broker("b").await;
    let kind = failure(put_exchange(&client, exchange("e", "headerz")).await);
    assert_eq!(
        (kind.reason, kind.field.as_str()),
        (Reason::Invalid, "type")
    );
    assert!(
        kind.message.contains("direct, fanout, headers, topic"),
        "{kind}"
    );
    let long = failure(put_exchange(&client, exchange(&"x".repeat(256), "direct")).await);
    assert_eq!(
        (long.reason, long.field.as_str()),
        (Reason::Invalid, "name"),
        "{long}"
    );
    let reserved = failure(put_exchange(&client, exchange("amq.mine", "direct")).await);
    assert_eq!(
        (reserved.reason, reserved.field.as_str()),
        (Reason::Invalid, "name"),
        "{reserved}"
    );
    let mut alternate = exchange("e", "direct");
    let asked = alternate.exchange.as_mut().unwrap();
    asked.arguments = Some(arguments([("alternate-exchange", true.into())]));
    let alternate = failure(put_exchange(&client, alternate).await);
    assert_eq!(
        (alternate.reason, alternate.field.as_str()),
        (Reason::Invalid, "arguments.alternate-exchange"),
        "{alternate}"
    );
}

#[tokio::test]
async fn an_exchange_stays_what_it_is_and_where_it_is() {
    let agent = Agent::start();
    let (client, _) = agent.with_broker("b").await;
    put_exchange(&client, exchange("e", "direct"))
        .await
        .unwrap();
    let mismatch = failure(put_exchange(&client, exchange("e", "fanout")).await);
    assert_eq!(mismatch.reason, Reason::Mismatch, "{mismatch}");
    let mut nowhere = exchange("e", "direct");
    nowhere.exchange.as_mut().unwrap().vhost = "nowhere".into();
    let nowhere = failure(put_exchange(&client, nowhere).await);
    assert_eq!(
        (nowhere.reason, nowhere.object_kind.as_str()),
        (Reason::NotFound, "vhost")
    );
    assert_eq!(nowhere.field, "vhost");
    let delete = DeleteExchangeRequest {
        broker: "b".into(),
        vhost: "/".into(),
        ..Default::default()
    };
    let absent = DeleteExchangeRequest {
        name: "gone".into(),
        ..delete.clone()
    };
    let absent = failure(
        client
            .call(client.exchanges().delete_exchange(absent))
            .await,
    );
    assert_eq!(
        (absent.reason, absent.object_kind.as_str()),
        (Reason::NotFound, "exchange")
    );
    let preset = DeleteExchangeRequest {
        name: "amq.topic".into(),
        ..delete
    };
    let preset = failure(
        client
            .call(client.exchanges().delete_exchange(preset))
            .await,
    );
    assert_eq!(preset.reason, Reason::Invalid, "{preset}");
}

#[tokio::test]
async fn a_queue_shows_its_depth_and_is_not_deleted_with_messages_in_it() {
    let agent = Agent::start();
    let (client, made) = agent.with_broker("b").await;
    put_user(&client, "b", "u", "p").await;
    let put = client
        .call(client.queues().put_queue(queue("b", "q")))
        .await
        .unwrap();
    assert_eq!(put.depth, Some(Default::default()));
    let (_connection, channel) = amqp::connect(port(&made), "u", "p").await.unwrap();
    amqp::publish(&channel, "q", &["one", "two", "three"]).await;

    let key = |name: &str| GetQueueRequest {
        broker: "b".into(),
        vhost: "/".into(),
        name: name.into(),
    };
    let found = client
        .call(client.queues().get_queue(key("q")))
        .await
        .unwrap();
    assert_eq!(found.depth.unwrap().ready, 3);
    let delete = |force| DeleteQueueRequest {
        broker: "b".into(),
        vhost: "/".into(),
        name: "q".into(),
        force,
        ..Default::default()
    };
    let refused = failure(
        client
            .call(client.queues().delete_queue(delete(false)))
            .await,
    );
    assert_eq!((refused.reason, refused.messages), (Reason::NotEmpty, 3));
    let vhost = DeleteVhostRequest {
        broker: "b".into(),
        name: "/".into(),
        ..Default::default()
    };
    let vhost = failure(client.call(client.vhosts().delete_vhost(vhost)).await);
    assert_eq!((vhost.reason, vhost.messages), (Reason::NotEmpty, 3));
    client
        .call(client.queues().delete_queue(delete(true)))
        .await
        .unwrap();
    assert_eq!(
        failure(client.call(client.queues().get_queue(key("q"))).await).reason,
        Reason::NotFound
    );
    let again = failure(
        client
            .call(client.queues().delete_queue(delete(false)))
            .await,
    );
    assert_eq!(
        (again.reason, again.object_kind.as_str()),
        (Reason::NotFound, "queue")
    );
}

#[tokio::test]
async fn a_queue_cannot_change_in_place() {
    let agent = Agent::start();
    let (client, _) = agent.with_broker("b").await;
    let with = |queue_name: &str, name: &str, value: i64| {
        let mut request = queue("b", queue_name);
        request.queue.as_mut().unwrap().arguments = Some(arguments([(name, value.into())]));
        request
    };
    let put = async |request| client.call(client.queues().put_queue(request)).await;
    let made = put(with("q", "hint", 5)).await.unwrap();
    assert_eq!(made.arguments.unwrap().values["hint"], 5_i64.into());
    let differs = failure(put(with("q", "hint", 6)).await);
    assert_eq!(
        (differs.reason, differs.field.as_str()),
        (Reason::Mismatch, "arguments.hint")
    );
    let unknown = failure(put(with("new", "x-fancy", 1)).await);
    assert_eq!(unknown.field, "arguments.x-fancy", "{unknown}");
    let odd = failure(put(with("new", "x-queue-type", 1)).await);
    assert_eq!(
        (odd.reason, odd.field.as_str()),
        (Reason::Invalid, "arguments.x-queue-type"),
        "{odd}"
    );
    let typed = |kind: &str, durable| {
        let mut request = queue("b", "new");
        let queue = request.queue.as_mut().unwrap();
        queue.durable = durable;
        queue.arguments = Some(arguments([("x-queue-type", kind.into())]));
        request
    };
    for request in [typed("mirrored", true), typed("quorum", false)] {
        let refused = failure(put(request).await);
        assert_eq!(refused.field, "arguments.x-queue-type", "{refused}");
    }
    let reserved = failure(put(queue("b", "amq.mine")).await);
    assert_eq!(
        (reserved.reason, reserved.field.as_str()),
        (Reason::Invalid, "name"),
        "{reserved}"
    );
    let mut empty = queue("b", "");
    empty.expect = absent();
    let empty = failure(client.call(client.queues().put_queue(empty)).await);
    assert_eq!(
        (empty.reason, empty.field.as_str()),
        (Reason::Invalid, "name"),
        "{empty}"
    );
}

#[tokio::test]
async fn a_thousand_queues_at_once_and_in_pages() {
    let agent = Agent::start();
    let (client, _) = agent.with_broker("b").await;
    let vhost = Vhost {
        name: "a b/%ä".into(),
        ..Default::default()
    };
    let request = PutVhostRequest {
        broker: "b".into(),
        vhost: Some(vhost.clone()),
        ..Default::default()
    };
    client
        .call(client.vhosts().put_vhost(request))
        .await
        .unwrap();
    let calls: Vec<_> = (0..1000)
        .map(|number| {
            let (client, vhost) = (client.clone(), vhost.name.clone());
            tokio::spawn(async move {
                let mut request = queue("b", &format!("q{number:04}"));
                if number % 2 == 0 {
                    request.queue.as_mut().unwrap().vhost = vhost;
                }
                client
                    .call(client.queues().put_queue(request))
                    .await
                    .unwrap();
            })
        })
        .collect();
    for call in calls {
        call.await.unwrap();
    }

    let mut names = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListQueuesRequest {
            broker: "b".into(),
            page_size: 300,
            page_token,
            ..Default::default()
        };
        let page = client
            .call(client.queues().list_queues(request))
            .await
            .unwrap();
        assert!(page.queues.len() <= 300);
        names.extend(
            page.queues
                .into_iter()
                .map(|Queue { vhost, name, .. }| (vhost, name)),
        );
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(names.len(), 1000);
    assert!(names.is_sorted());
    names.dedup();
    assert_eq!(names.len(), 1000);
}

#[tokio::test]
async fn a_missing_broker_is_told_from_a_missing_object() {
    let agent = Agent::start();
    let (client, _) = agent.with_broker("b").await;
    let get = |broker: &str, vhost: &str| GetQueueRequest {
        broker: broker.into(),
        vhost: vhost.into(),
        name: "q".into(),
    };
    let check = async |request, kind: &str| {
        let failure = failure(client.call(client.queues().get_queue(request)).await);
        assert_eq!(
            (failure.reason, failure.object_kind.as_str()),
            (Reason::NotFound, kind)
        );
    };
    check(get("gone", "/"), "broker").await;
    check(get("b", "gone"), "vhost").await;
    check(get("b", "/"), "queue").await;
}
