//! Lost updates, repeated calls: what generations and tokens are for.

use agent_api::v1::{DeleteQueueRequest, DeleteVhostRequest, PutVhostRequest, Reason, Vhost};
use agent_api::{Client, Error};

use crate::agent::{Agent, absent, failure, generation, queue};

fn vhost(description: &str) -> PutVhostRequest {
    let vhost = Vhost {
        name: "v".into(),
        description: description.into(),
        ..Default::default()
    };
    PutVhostRequest {
        broker: "b".into(),
        vhost: Some(vhost),
        ..Default::default()
    }
}

async fn put(client: &Client, request: PutVhostRequest) -> Result<Vhost, Error> {
    client.call(client.vhosts().put_vhost(request)).await
}

#[tokio::test]
async fn a_lost_update_is_a_conflict() {
    let agent = Agent::start();
    let (client, _) = agent.with_broker("b").await;
    let first = put(&client, vhost("mine")).await.unwrap();
    let second = put(&client, vhost("theirs")).await.unwrap();
    assert!(second.generation > first.generation);

    let late = PutVhostRequest {
        expect: generation(first.generation),
        ..vhost("mine again")
    };
    let lost = failure(put(&client, late.clone()).await);
    assert_eq!(
        (lost.reason, lost.generation),
        (Reason::Conflict, second.generation)
    );
    assert_eq!(
        (lost.object_kind.as_str(), &*lost.object_name),
        ("vhost", "v")
    );
    let request = DeleteVhostRequest {
        broker: "b".into(),
        name: "v".into(),
        expect: generation(first.generation),
        force: true,
    };
    let lost = failure(
        client
            .call(client.vhosts().delete_vhost(request.clone()))
            .await,
    );
    assert_eq!(
        (lost.reason, lost.generation),
        (Reason::Conflict, second.generation)
    );

    let request = DeleteVhostRequest {
        expect: generation(second.generation),
        ..request
    };
    client
        .call(client.vhosts().delete_vhost(request))
        .await
        .unwrap();
    let gone = failure(put(&client, late).await);
    assert_eq!((gone.reason, gone.generation), (Reason::Conflict, 0));
}

#[tokio::test]
async fn a_creation_is_answered_again_only_to_whoever_made_it() {
    let agent = Agent::start();
    let (client, _) = agent.with_broker("b").await;
    let create = |token: &str| {
        let mut request = queue("b", "q");
        request.expect = absent();
        request.idempotency_token = token.into();
        request
    };
    let put = async |request| client.call(client.queues().put_queue(request)).await;
    let made = put(create("t")).await.unwrap();
    assert_eq!(put(create("t")).await.unwrap(), made);
    let other = failure(put(create("u")).await);
    assert_eq!(
        (other.reason, other.generation),
        (Reason::AlreadyExists, made.generation)
    );
    assert_eq!(failure(put(create("")).await).reason, Reason::AlreadyExists);
    let mut different = create("t");
    different.queue.as_mut().unwrap().durable = false;
    assert_eq!(failure(put(different).await).reason, Reason::AlreadyExists);

    let delete = DeleteQueueRequest {
        broker: "b".into(),
        vhost: "/".into(),
        name: "q".into(),
        ..Default::default()
    };
    client
        .call(client.queues().delete_queue(delete))
        .await
        .unwrap();
    assert!(put(create("u")).await.unwrap().generation > made.generation);
    let long = create(&"x".repeat(129));
    assert_eq!(failure(put(long).await).field, "idempotency_token");
}

#[tokio::test]
async fn one_creation_sent_many_times_at_once_happens_once() {
    let agent = Agent::start();
    let (client, _) = agent.with_broker("b").await;
    let calls: Vec<_> = (0..50)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move {
                let mut request = queue("b", "q");
                request.expect = absent();
                request.idempotency_token = "t".into();
                client
                    .call(client.queues().put_queue(request))
                    .await
                    .unwrap()
                    .generation
            })
        })
        .collect();
    let mut generations = Vec::new();
    for call in calls {
        generations.push(call.await.unwrap());
    }
    generations.dedup();
    assert_eq!(generations.len(), 1);
}
