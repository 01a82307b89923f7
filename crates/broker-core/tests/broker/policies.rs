//! Policies, and arguments that change while a queue works.

use std::time::{Duration, Instant};

use broker_core::admin::Admin;
use broker_core::definitions::{
    ApplyTo, ExchangeSpec, Expect, PolicySpec, QueueSpec, QueueStatus, Stored,
};
use broker_core::limits::Limits;
use broker_core::refusal::{Reason, Refusal};
use broker_core::value::{Arguments, Value};

use crate::kit::{Client, World, queue, small};

fn int(value: i128) -> Value {
    Value::Int(value)
}

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

fn map<const N: usize>(entries: [(&str, Value); N]) -> Arguments {
    entries.map(|(name, value)| (name.to_owned(), value)).into()
}

fn policy<const N: usize>(name: &str, pattern: &str, says: [(&str, Value); N]) -> PolicySpec {
    PolicySpec {
        vhost: "/".into(),
        name: name.into(),
        operator: false,
        pattern: pattern.into(),
        apply_to: ApplyTo::All,
        priority: 0,
        definition: map(says),
    }
}

fn operator<const N: usize>(name: &str, pattern: &str, says: [(&str, Value); N]) -> PolicySpec {
    PolicySpec {
        operator: true,
        ..policy(name, pattern, says)
    }
}

fn put(world: &World, spec: &PolicySpec) -> Stored<PolicySpec> {
    world.admin().put_policy(spec, Expect::Any).unwrap().object
}

fn delete(world: &World, name: &str) {
    world
        .admin()
        .delete_policy("/", name, false, Expect::Any)
        .unwrap();
}

fn status(world: &World, name: &str) -> QueueStatus {
    world.admin().queue("/", name).unwrap()
}

fn ready(world: &World, name: &str) -> u64 {
    status(world, name).stats.ready
}

fn fill(world: &mut World, client: &Client, queue: &str, count: usize) {
    for n in 0..count {
        client.publish("", queue, &format!("{n:<100}"));
    }
    world.commit();
}

/// Changes the arguments of a queue in place.
fn change<const N: usize>(
    admin: &Admin,
    name: &str,
    arguments: [(&str, Value); N],
) -> Result<Stored<QueueSpec>, Refusal> {
    let Stored { value, generation } = admin.queue("/", name)?.definition;
    let spec = QueueSpec {
        arguments: map(arguments),
        ..value
    };
    let changed = admin.put_queue(&spec, Expect::Generation(generation))?;
    Ok(changed.object)
}

#[test]
fn a_limit_holds_for_the_messages_there_as_soon_as_its_policy_does() {
    let mut world = World::new();
    let client = world.client();
    client.queue("q", true);
    client.queue("other", true);
    fill(&mut world, &client, "q", 20);
    fill(&mut world, &client, "other", 20);
    put(&world, &policy("short", "^q", [("max-length", int(5))]));
    assert_eq!((ready(&world, "q"), ready(&world, "other")), (5, 20));
    assert_eq!(
        status(&world, "q").policies.policy.as_deref(),
        Some("short")
    );
    fill(&mut world, &client, "q", 3);
    assert_eq!(ready(&world, "q"), 5);
    delete(&world, "short");
    fill(&mut world, &client, "q", 3);
    assert_eq!(ready(&world, "q"), 8);
    assert_eq!(status(&world, "q").policies, Default::default());
}

#[test]
fn bytes_count_from_before_the_limit_and_from_before_a_restart() {
    let mut world = World::new();
    let client = world.client();
    client.queue("q", true);
    fill(&mut world, &client, "q", 40);
    let held = client.attachment.get("q", false).unwrap();
    put(&world, &policy("p", "", [("max-length-bytes", int(1500))]));
    let left = ready(&world, "q");
    assert!((10..=15).contains(&left), "{left}");
    // What comes back counts as well, and whatever goes counts no more.
    drop(held);
    drop(client);
    let client = world.client();
    while client.attachment.get("q", true).unwrap().is_some() {}
    fill(&mut world, &client, "q", 40);
    assert_eq!(ready(&world, "q"), 15);
    drop(client);
    let mut world = world.reopen();
    let client = world.client();
    let left = ready(&world, "q");
    fill(&mut world, &client, "q", 40);
    assert!((10..=15).contains(&left), "{left}");
    assert_eq!(ready(&world, "q"), 15);
}

#[test]
fn time_to_live_dead_letters_and_expiry_come_and_go_with_their_policies() {
    let mut world = World::new();
    let client = world.client();
    client.queue("q", true);
    client.queue("grave", true);
    let says = [
        ("message-ttl", int(100)),
        ("dead-letter-exchange", text("")),
        ("dead-letter-routing-key", text("grave")),
    ];
    put(&world, &policy("p", "^q$", says));
    fill(&mut world, &client, "q", 2);
    world.pass_ms(100);
    world.commit();
    world.pass_ms(0);
    assert_eq!((ready(&world, "q"), ready(&world, "grave")), (0, 2));
    put(&world, &policy("p", "^q$", [("expires", int(50))]));
    fill(&mut world, &client, "q", 2);
    world.pass_ms(49);
    assert_eq!(
        ready(&world, "q"),
        2,
        "messages expire no more, the queue not yet"
    );
    world.pass_ms(1);
    let gone = world.admin().queue("/", "q").unwrap_err();
    assert_eq!(gone.reason, Reason::NotFound);
}

#[test]
fn a_policy_may_have_publishers_turned_away() {
    let mut world = World::new();
    let client = world.client();
    client.queue("q", true);
    fill(&mut world, &client, "q", 2);
    let says = [("max-length", int(3)), ("overflow", text("reject-publish"))];
    put(&world, &policy("p", "", says));
    assert!(client.publish("", "q", "third").is_some());
    assert!(client.publish("", "q", "fourth").is_none());
    delete(&world, "p");
    assert!(client.publish("", "q", "fifth").is_some());
    put(&world, &policy("p", "", [("max-length", int(4))]));
    world.commit();
    assert!(client.publish("", "q", "sixth").is_some());
    world.commit();
    assert_eq!(ready(&world, "q"), 4);
}

#[test]
fn an_operator_policy_only_limits_further_and_survives_a_restart() {
    let mut world = World::new();
    let client = world.client();
    client.queue_with("own", [("x-max-length", int(3))]);
    client.queue("plain", true);
    put(
        &world,
        &policy("p", "", [("max-length", int(7)), ("message-ttl", int(100))]),
    );
    put(&world, &operator("p", "", [("max-length", int(5))]));
    fill(&mut world, &client, "own", 10);
    fill(&mut world, &client, "plain", 10);
    let check = |world: &World| {
        assert_eq!((ready(world, "own"), ready(world, "plain")), (3, 5));
        let policies = status(world, "plain").policies;
        let names = (
            policies.policy.as_deref(),
            policies.operator_policy.as_deref(),
        );
        assert_eq!(names, (Some("p"), Some("p")));
        let both = map([("max-length", int(5)), ("message-ttl", int(100))]);
        assert_eq!(policies.definition, both);
    };
    check(&world);
    drop(client);
    let mut world = world.reopen();
    check(&world);
    let client = world.client();
    fill(&mut world, &client, "plain", 10);
    check(&world);
    world
        .admin()
        .delete_policy("/", "p", true, Expect::Any)
        .unwrap();
    fill(&mut world, &client, "plain", 10);
    assert_eq!(ready(&world, "plain"), 7);
    drop(client);
    let world = world.reopen();
    assert_eq!(world.admin().policies("/", true).unwrap(), []);
    assert_eq!(world.admin().policies("/", false).unwrap().len(), 1);
    world.pass_ms(100);
    assert_eq!((ready(&world, "own"), ready(&world, "plain")), (0, 0));
}

#[test]
fn what_comes_later_finds_its_policy() {
    let world = World::new();
    let client = world.client();
    put(&world, &policy("low", "^q", [("max-length", int(1))]));
    let high = PolicySpec {
        priority: 1,
        apply_to: ApplyTo::ClassicQueues,
        ..policy("high", "^q", [("max-length", int(2))])
    };
    put(&world, &high);
    client.queue("q", true);
    client.queue_with("q-quorum", [("x-queue-type", text("quorum"))]);
    let applied = |name: &str| status(&world, name).policies.policy;
    assert_eq!(applied("q").as_deref(), Some("high"));
    assert_eq!(applied("q-quorum").as_deref(), Some("low"));
}

#[test]
fn an_alternate_exchange_may_come_from_a_policy() {
    let world = World::new();
    let client = world.client();
    client.exchange("x", "direct");
    client.exchange("rest", "fanout");
    client.queue("q", true);
    client.bind("rest", "q", "");
    assert!(client.publish("x", "nobody", "a").is_none());
    put(
        &world,
        &policy("p", "^x$", [("alternate-exchange", text("rest"))]),
    );
    assert!(client.publish("x", "nobody", "b").is_some());
    let world = {
        drop(client);
        world.reopen()
    };
    let client = world.client();
    assert!(client.publish("x", "nobody", "c").is_some());
    let policies = world.admin().exchange_policies("/", "x").unwrap();
    assert_eq!(policies.policy.as_deref(), Some("p"));
    delete(&world, "p");
    assert!(client.publish("x", "nobody", "d").is_none());
}

#[test]
fn expectations_hold_for_policies_as_for_everything() {
    let world = World::new();
    let admin = world.admin();
    let spec = policy("p", "", [("max-length", int(1))]);
    let first = admin.put_policy(&spec, Expect::Absent).unwrap().object;
    assert_eq!(put(&world, &spec), first);
    let reason = |result: Result<_, Refusal>| result.map(drop).unwrap_err().reason;
    assert_eq!(
        reason(admin.put_policy(&spec, Expect::Absent)),
        Reason::Conflict
    );
    let other = policy("p", "x", [("max-length", int(1))]);
    let expected = Expect::Generation(first.generation);
    let second = admin.put_policy(&other, expected).unwrap().object;
    assert!(second.generation > first.generation);
    let deleted = admin.delete_policy("/", "p", false, expected).map(drop);
    assert_eq!(deleted.unwrap_err().reason, Reason::Conflict);
    let bad = policy("p", "(", [("max-length", int(1))]);
    assert_eq!(reason(admin.put_policy(&bad, Expect::Any)), Reason::Invalid);
    delete(&world, "p");
    let gone = admin.policy("/", "p", false).unwrap_err();
    assert_eq!(gone.reason, Reason::NotFound);
}

#[test]
fn arguments_change_in_place_and_messages_bindings_and_consumers_stay() {
    let mut world = World::new();
    let client = world.client();
    client.queue_with("q", [("x-max-length", int(10))]);
    client.bind("amq.direct", "q", "k");
    fill(&mut world, &client, "q", 10);
    let before = status(&world, "q").definition.generation;
    let changed = change(
        &world.admin(),
        "q",
        [("x-max-length", int(4)), ("x-queue-mode", text("lazy"))],
    );
    assert!(changed.unwrap().generation > before);
    assert_eq!(ready(&world, "q"), 4);
    drop(client);
    world = world.reopen();
    let client = world.client();
    assert_eq!(ready(&world, "q"), 4);
    client.publish("amq.direct", "k", "e");
    world.commit();
    let bodies = client.empty("q");
    assert_eq!(
        bodies.iter().map(|body| body.trim()).collect::<Vec<_>>(),
        ["7", "8", "9", "e"]
    );
    // Over again, for it is now told by another record; and by its name it is the same queue.
    change(&world.admin(), "q", []).unwrap();
    fill(&mut world, &client, "q", 9);
    drop(client);
    let world = world.reopen();
    assert_eq!(ready(&world, "q"), 9);
    world.client().queue("q", true);
}

#[test]
fn what_cannot_change_in_place_is_a_mismatch_at_its_name() {
    let world = World::new();
    let client = world.client();
    client.queue_with("q", [("x-max-priority", int(3))]);
    let refused = |refusal: Refusal| {
        let property = refusal.property.unwrap_or_default().to_string();
        (refusal.reason, property)
    };
    let at = |property: &str| (Reason::Mismatch, property.to_owned());
    let admin = world.admin();
    for (arguments, property) in [
        (map([]), "arguments.x-max-priority"),
        (
            map([("x-max-priority", int(4))]),
            "arguments.x-max-priority",
        ),
    ] {
        let Stored { value, generation } = status(&world, "q").definition;
        let spec = QueueSpec { arguments, ..value };
        let refusal = admin
            .put_queue(&spec, Expect::Generation(generation))
            .unwrap_err();
        assert_eq!(refused(refusal), at(property));
    }
    let Stored { value, generation } = status(&world, "q").definition;
    let spec = QueueSpec {
        durable: false,
        ..value
    };
    let refusal = admin
        .put_queue(&spec, Expect::Generation(generation))
        .unwrap_err();
    assert_eq!(refused(refusal), at("durable"));
    let gone = QueueSpec {
        name: "gone".into(),
        ..spec
    };
    let refusal = admin.put_queue(&gone, Expect::Generation(1)).unwrap_err();
    assert_eq!(refusal.reason, Reason::NotFound);
    // A client that declares it otherwise is refused as ever.
    assert!(client.try_queue(queue("q", true)).is_err());
}

#[test]
fn an_alternate_exchange_changes_in_place() {
    let world = World::new();
    let client = world.client();
    client.exchange("x", "direct");
    client.queue("q", true);
    client.bind("amq.fanout", "q", "");
    client.bind("x", "q", "k");
    let admin = world.admin();
    let Stored { value, generation } = admin.exchange("/", "x").unwrap();
    let spec = ExchangeSpec {
        arguments: map([("alternate-exchange", text("amq.fanout"))]),
        ..value
    };
    let changed = admin
        .put_exchange(&spec, Expect::Generation(generation))
        .unwrap();
    assert!(changed.object.generation > generation);
    drop(client);
    let world = world.reopen();
    let client = world.client();
    assert!(client.publish("x", "k", "bound").is_some());
    assert!(client.publish("x", "nobody", "alternate").is_some());
    assert_eq!(client.empty("q"), ["bound", "alternate"]);
}

#[test]
fn a_drained_queue_has_handed_everything_on_in_order_and_for_good() {
    let mut world = World::new();
    let client = world.client();
    client.queue("old", true);
    client.queue("new", true);
    client.publish("", "new", "first");
    fill(&mut world, &client, "old", 600);
    let admin = world.admin();
    let generation = status(&world, "old").definition.generation;
    let expect = Expect::Generation(generation);
    let held = client.attachment.get("old", false).unwrap().unwrap();
    let overtaken = admin.drain_queue("/", "old", "new", Expect::Generation(1));
    assert_eq!(overtaken.unwrap_err().reason, Reason::Conflict);
    let drain = |world: &mut World| {
        let mut moved = 0;
        loop {
            let drained = admin.drain_queue("/", "old", "new", expect).unwrap();
            world.commit();
            moved += drained.moved;
            if drained.rest == 0 {
                return moved;
            }
        }
    };
    assert_eq!(drain(&mut world), 599);
    assert_eq!(status(&world, "old").stats.unsettled, 1, "held by a client");
    drop((held, client));
    assert_eq!(drain(&mut world), 1);
    let world = world.reopen();
    assert_eq!(ready(&world, "old"), 0);
    let bodies = world.client().empty("new");
    let bodies: Vec<_> = bodies.iter().map(|body| body.trim()).collect();
    let numbers: Vec<_> = (1..600).map(|n| n.to_string()).collect();
    assert_eq!((bodies[0], bodies[600]), ("first", "0"));
    assert_eq!(bodies[1..600], numbers);
}

#[test]
fn a_queue_that_takes_no_more_leaves_the_rest_where_it_is() {
    let mut world = World::new();
    let client = world.client();
    client.queue("old", true);
    let full = [
        ("x-max-length", int(3)),
        ("x-overflow", text("reject-publish")),
    ];
    client.queue_with("new", full);
    fill(&mut world, &client, "old", 5);
    let admin = world.admin();
    for (to, reason) in [
        ("new", Reason::ResourceExhausted),
        ("nowhere", Reason::Invalid),
        ("old", Reason::Invalid),
    ] {
        let refusal = admin.drain_queue("/", "old", to, Expect::Any).unwrap_err();
        assert_eq!(
            (refusal.reason, refusal.property.as_deref()),
            (reason, Some("drain_to"))
        );
    }
    assert_eq!((ready(&world, "old"), ready(&world, "new")), (2, 3));
}

/// Times are reported and fail nothing: a busy machine is not a bug.
#[test]
fn measured_a_policy_change_on_ten_thousand_queues() {
    const QUEUES: usize = 10_000;
    let mut world = World::with(Limits::default(), small());
    let client = world.client();
    for n in 0..QUEUES {
        client.queue(&format!("queue-{n}"), true);
        client.publish("", &format!("queue-{n}"), "a");
    }
    world.commit();
    let bar = Duration::from_secs(1);
    let time = |what: &str, change: &dyn Fn()| {
        let start = Instant::now();
        change();
        eprintln!("{what}: {:?}, the bar is {bar:?}", start.elapsed());
    };
    let says = [("max-length", int(1)), ("message-ttl", int(1_000_000))];
    let spec = policy("all", "^queue-[0-9]+$", says);
    time("a policy for 10,000 queues", &|| drop(put(&world, &spec)));
    let spec = policy("all", "^queue-", [("max-length", int(2))]);
    time("the same changed", &|| drop(put(&world, &spec)));
    time("the same deleted", &|| delete(&world, "all"));
    let applied = status(&world, "queue-9999").policies;
    assert_eq!(applied.policy, None);
}
