//! What a person reads when a call fails: every reason, at the right attribute, in one place.

use super::*;

const ID: &str = "ferrymq://a:7443/orders/queue/%2F/incoming";

fn task(doing: Doing, kind: Kind) -> Task<'static> {
    Task {
        doing,
        kind,
        name: "incoming",
        id: &ID,
    }
}

fn call(failure: Failure) -> CallError {
    CallError::Call(Error::Rpc(Box::new(failure)))
}

/// One entry of the snapshot.
fn shown(task: &Task<'_>, error: &CallError) -> String {
    let Diagnostic {
        summary,
        detail,
        path,
        ..
    } = task.failed(error);
    format!(
        "{} {:?}\n  {summary}\n  at {path}\n  {detail}\n",
        task.kind, task.doing
    )
}

/// Every reason in turn, and within one every place it can point at.
#[test]
fn refusals() {
    let all: Vec<String> = values()
        .into_iter()
        .chain(missing())
        .chain(obstacles())
        .chain(troubles())
        .map(|(doing, kind, failure)| {
            let reason = failure.reason;
            format!("{reason:?}: {}", shown(&task(doing, kind), &call(failure)))
        })
        .collect();
    insta::assert_snapshot!(all.join("\n"));
}

type Case = (Doing, Kind, Failure);

/// Values that are wrong.
fn values() -> Vec<Case> {
    let invalid =
        |field: &str| Failure::new(Reason::Invalid, "the sentence of the agent").at(field);
    vec![
        (
            Doing::Create,
            Kind::Broker,
            invalid("name").of("broker", "x"),
        ),
        (
            Doing::Create,
            Kind::Broker,
            invalid("listeners.amqp.port").of("broker", "x"),
        ),
        (
            Doing::Create,
            Kind::Exchange,
            invalid("type").of("exchange", "x"),
        ),
        (
            Doing::Create,
            Kind::Queue,
            invalid("arguments.x-max.length").of("queue", "x"),
        ),
        (
            Doing::Update,
            Kind::Permission,
            invalid("configure").of("permission", "x"),
        ),
        (Doing::Create, Kind::User, invalid("").of("user", "x")),
    ]
}

/// Something that is needed and is not there.
fn missing() -> Vec<Case> {
    vec![
        (
            Doing::Create,
            Kind::Queue,
            Failure::new(Reason::NotFound, "the agent hosts no broker \"o\"").of("broker", "o"),
        ),
        (
            Doing::Create,
            Kind::Queue,
            Failure::new(Reason::NotFound, "there is no virtual host \"v\"").of("vhost", "v"),
        ),
        (
            Doing::Create,
            Kind::Permission,
            Failure::new(Reason::NotFound, "there is no user \"u\"").of("user", "u"),
        ),
        (
            Doing::Create,
            Kind::Binding,
            Failure::new(Reason::NotFound, "there is no queue \"q\"")
                .at("destination")
                .of("queue", "q"),
        ),
    ]
}

/// Something that is in the way.
fn obstacles() -> Vec<Case> {
    vec![
        (
            Doing::Create,
            Kind::Queue,
            Failure::new(Reason::AlreadyExists, "queue \"incoming\" exists")
                .of("queue", "incoming"),
        ),
        (
            Doing::Create,
            Kind::Vhost,
            Failure::new(Reason::AlreadyExists, "it exists").of("vhost", "incoming"),
        ),
        (
            Doing::Update,
            Kind::User,
            Failure::new(Reason::Conflict, "generation 7 was expected, 9 is there")
                .of("user", "incoming")
                .now_at(9),
        ),
        (
            Doing::Delete,
            Kind::Queue,
            Failure::new(Reason::NotEmpty, "queue \"incoming\" holds 3 messages")
                .of("queue", "incoming")
                .holding(3, 1),
        ),
        (
            Doing::Delete,
            Kind::Queue,
            Failure::new(Reason::InUse, "a consumer holds it."),
        ),
        (
            Doing::Create,
            Kind::Queue,
            Failure::new(Reason::Mismatch, "durable differs").at("durable"),
        ),
    ]
}

/// Something that is not about the object.
fn troubles() -> Vec<Case> {
    vec![
        (
            Doing::Create,
            Kind::Queue,
            Failure::new(Reason::Forbidden, "your certificate may only look"),
        ),
        (
            Doing::Create,
            Kind::Queue,
            Failure::new(Reason::ResourceExhausted, "too many queues"),
        ),
        (
            Doing::Read,
            Kind::Queue,
            Failure::new(Reason::Unavailable, "the broker is starting"),
        ),
        (
            Doing::Create,
            Kind::Exchange,
            Failure::new(Reason::Unsupported, "no headers yet").at("type"),
        ),
        (
            Doing::Read,
            Kind::Queue,
            Failure::new(Reason::Internal, "oh no"),
        ),
    ]
}

#[test]
fn settings_of_a_pair_are_told_at_their_attributes() {
    for (field, path) in [
        ("replication", "deployment_mode"),
        ("replication.group", "deployment_mode"),
        ("replication.coordination", "coordination"),
        (
            "replication.coordination.etcd.endpoints",
            "coordination.etcd",
        ),
        ("replication.durability", "durability"),
        ("replication.nodes.0.name", "node_names"),
        ("replication.nodes.1.replication", "replication_addresses"),
        ("replication.nodes.1.agent", "nodes"),
        ("replication.preferred_active", "preferred_active"),
    ] {
        let failure = Failure::new(Reason::Invalid, "no")
            .at(field)
            .of("broker", "b");
        let told = task(Doing::Create, Kind::Broker).failed(&call(failure));
        assert_eq!(told.path.to_string(), path, "{field}");
    }
}

#[test]
fn silences() {
    let endpoint: Address = "agent-1:7443".parse().unwrap();
    let cause = || "the cause".to_owned();
    let errors = [
        Error::Unreachable {
            endpoint: endpoint.clone(),
            cause: cause(),
        },
        Error::Untrusted {
            endpoint: endpoint.clone(),
            cause: cause(),
        },
        Error::Refused {
            endpoint,
            cause: cause(),
        },
    ];
    let tasks = [
        task(Doing::Read, Kind::Queue),
        task(Doing::Create, Kind::Broker),
        task(Doing::Delete, Kind::User),
        task(Doing::Import, Kind::Vhost),
    ];
    let all: Vec<String> = errors
        .iter()
        .flat_map(|error| tasks.map(|task| shown(&task, &CallError::Connect(error.clone()))))
        .collect();
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn only_the_agents_word_makes_something_gone() {
    let not_found = call(Failure::new(Reason::NotFound, "no"));
    assert!(matches!(found::<()>(Err(not_found.clone())), Ok(None)));
    assert!(gone::<()>(Err(not_found)).is_ok());

    let vanished = call(Failure::new(Reason::Conflict, "no").now_at(0));
    assert!(gone::<()>(Err(vanished.clone())).is_ok());
    assert!(found::<()>(Err(vanished)).is_err());

    let changed = call(Failure::new(Reason::Conflict, "no").now_at(3));
    assert!(gone::<()>(Err(changed)).is_err());
    for reason in [Reason::Forbidden, Reason::Unavailable, Reason::Internal] {
        let error = call(Failure::new(reason, "no"));
        assert!(found::<()>(Err(error.clone())).is_err());
        assert!(gone::<()>(Err(error)).is_err());
    }
    let endpoint: Address = "a".parse().unwrap();
    let unreachable = Error::Unreachable {
        endpoint,
        cause: String::new(),
    };
    for error in [
        CallError::Call(unreachable.clone()),
        CallError::Connect(unreachable),
    ] {
        assert!(found::<()>(Err(error.clone())).is_err());
        assert!(gone::<()>(Err(error)).is_err());
    }
}

#[test]
fn only_what_was_sent_may_have_happened() {
    let endpoint: Address = "a".parse().unwrap();
    let unreachable = Error::Unreachable {
        endpoint,
        cause: String::new(),
    };
    assert!(CallError::Call(unreachable.clone()).may_have_happened());
    assert!(!CallError::Connect(unreachable).may_have_happened());
    assert!(!call(Failure::new(Reason::Unavailable, "no")).may_have_happened());
}
