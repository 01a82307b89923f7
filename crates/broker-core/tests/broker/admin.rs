//! What management sees: generations, expectations, conditions, restarts.

use broker_core::admin::DeleteIf;
use broker_core::definitions::{
    BindingSpec, Endpoint, ExchangeKind, ExchangeSpec, Expect, PermissionSpec, QueueSpec,
    QueueStats, UserUpdate, VhostSpec,
};
use broker_core::refusal::Reason;
use broker_core::value::{Arguments, Value};

use crate::kit::{USER, World, password};

fn queue_spec(name: &str) -> QueueSpec {
    QueueSpec {
        vhost: "/".into(),
        name: name.into(),
        durable: true,
        exclusive: false,
        auto_delete: false,
        arguments: Arguments::from([("x-queue-type".into(), Value::Text("quorum".into()))]),
    }
}

fn exchange_spec(name: &str) -> ExchangeSpec {
    ExchangeSpec {
        vhost: "/".into(),
        name: name.into(),
        kind: ExchangeKind::Topic,
        durable: true,
        auto_delete: false,
        internal: false,
        arguments: Arguments::new(),
    }
}

fn binding_spec(source: &str, queue: &str) -> BindingSpec {
    BindingSpec {
        vhost: "/".into(),
        source: source.into(),
        destination: Endpoint::Queue(queue.into()),
        routing_key: "a.#".into(),
        arguments: Arguments::new(),
    }
}

#[test]
fn a_put_that_changes_nothing_keeps_the_generation() {
    let world = World::new();
    let admin = world.admin();
    let first = admin
        .put_queue(&queue_spec("q"), Expect::Absent)
        .unwrap()
        .object;
    let again = admin
        .put_queue(&queue_spec("q"), Expect::Any)
        .unwrap()
        .object;
    assert_eq!(first, again);
    let expected = Expect::Generation(first.generation);
    assert_eq!(
        admin.put_queue(&queue_spec("q"), expected).unwrap().object,
        first
    );

    let user = admin.user(USER).unwrap();
    let update = UserUpdate {
        password: Some(broker_core::definitions::PasswordChange::Set(
            password().clone(),
        )),
        tags: None,
    };
    assert_eq!(
        admin.put_user(USER, update, Expect::Any).unwrap().object,
        user
    );
}

#[test]
fn a_lost_update_is_a_conflict() {
    let world = World::new();
    let admin = world.admin();
    let spec = |description: &str| VhostSpec {
        description: description.into(),
        ..VhostSpec::named("v")
    };
    let first = admin
        .put_vhost(&spec("one"), Expect::Absent)
        .unwrap()
        .object;
    let second = admin
        .put_vhost(&spec("two"), Expect::Generation(first.generation))
        .unwrap()
        .object;
    assert!(second.generation > first.generation);
    let reason = |result: Result<_, broker_core::refusal::Refusal>| {
        result
            .map(|_: broker_core::definitions::Changed<VhostSpec>| ())
            .unwrap_err()
            .reason
    };
    let stale = Expect::Generation(first.generation);
    assert_eq!(
        reason(admin.put_vhost(&spec("three"), stale)),
        Reason::Conflict
    );
    assert_eq!(
        reason(admin.put_vhost(&spec("three"), Expect::Absent)),
        Reason::Conflict
    );
    assert_eq!(
        admin
            .delete_vhost("v", stale, DeleteIf::default())
            .unwrap_err()
            .reason,
        Reason::Conflict
    );
    admin
        .delete_vhost(
            "v",
            Expect::Generation(second.generation),
            DeleteIf::default(),
        )
        .unwrap();
    let gone = Expect::Generation(second.generation);
    assert_eq!(
        reason(admin.put_vhost(&spec("three"), gone)),
        Reason::NotFound
    );
    assert_eq!(
        admin
            .delete_vhost("v", Expect::Any, DeleteIf::default())
            .unwrap_err()
            .reason,
        Reason::NotFound
    );
}

#[test]
fn a_virtual_host_with_messages_is_deleted_only_on_purpose() {
    let mut world = World::new();
    let client = world.client();
    let admin = world.admin();
    for name in ["a", "full", "z"] {
        client.queue(name, true);
    }
    client.publish("", "full", "one");
    client.publish("", "full", "two");
    world.commit();
    let held = client.attachment.get("full", false).unwrap();
    assert!(held.is_some(), "one is unsettled, one ready");
    let only_if = DeleteIf {
        unused: false,
        empty: true,
    };
    let refused = admin.delete_vhost("/", Expect::Any, only_if).unwrap_err();
    assert_eq!(refused.reason, Reason::NotEmpty);
    assert!(
        refused.text.contains("1 of its 3 queues hold 2 messages"),
        "{refused}"
    );
    assert_eq!(admin.queues("/").unwrap().len(), 3);
    assert!(client.publish("", "z", "three").is_some(), "it goes on");
    admin
        .delete_vhost("/", Expect::Any, DeleteIf::default())
        .unwrap();
    assert_eq!(admin.queues("/").unwrap_err().reason, Reason::NotFound);

    let spec = VhostSpec::named("v");
    admin.put_vhost(&spec, Expect::Absent).unwrap();
    admin.delete_vhost("v", Expect::Any, only_if).unwrap();
}

#[test]
fn a_non_empty_queue_is_deleted_only_on_purpose() {
    let mut world = World::new();
    let admin = world.admin();
    let created = admin
        .put_queue(&queue_spec("q"), Expect::Absent)
        .unwrap()
        .object;
    let client = world.client();
    for n in 0..3 {
        client.publish("", "q", &format!("m{n}"));
    }
    world.commit();
    client.consume("q", 1, 1);
    let stats = QueueStats {
        ready: 2,
        unsettled: 1,
        consumers: 1,
    };
    assert_eq!(admin.queue("/", "q").unwrap().stats, stats);
    let careful = DeleteIf {
        unused: false,
        empty: true,
    };
    let refusal = admin
        .delete_queue("/", "q", Expect::Any, careful)
        .unwrap_err();
    assert_eq!(refusal.reason, Reason::NotEmpty);
    assert!(
        refusal.text.contains("3 messages (2 ready, 1 unsettled)"),
        "{}",
        refusal.text
    );
    let stale = Expect::Generation(created.generation + 1);
    let refusal = admin
        .delete_queue("/", "q", stale, DeleteIf::default())
        .unwrap_err();
    assert_eq!(refusal.reason, Reason::Conflict);
    assert_eq!(admin.purge_queue("/", "q").unwrap().0, 2);
    admin
        .delete_queue("/", "q", Expect::Any, DeleteIf::default())
        .unwrap();
    assert!(admin.queues("/").unwrap().is_empty());
}

#[test]
fn everything_put_is_there_after_a_restart_and_what_was_deleted_is_not() {
    let world = World::new();
    let admin = world.admin();
    let vhost = VhostSpec {
        description: "text".into(),
        ..VhostSpec::named("v ä/%")
    };
    admin.put_vhost(&vhost, Expect::Absent).unwrap();
    admin
        .put_permission(
            &PermissionSpec {
                user: USER.into(),
                vhost: vhost.name.clone(),
                configure: "^x".into(),
                write: String::new(),
                read: ".*".into(),
            },
            Expect::Absent,
        )
        .unwrap();
    admin
        .put_exchange(&exchange_spec("e"), Expect::Absent)
        .unwrap();
    admin
        .put_exchange(&exchange_spec("gone"), Expect::Absent)
        .unwrap();
    for name in ["q", "gone", "r"] {
        admin.put_queue(&queue_spec(name), Expect::Absent).unwrap();
    }
    for (source, queue) in [("e", "q"), ("e", "gone"), ("gone", "q"), ("e", "r")] {
        admin
            .put_binding(&binding_spec(source, queue), Expect::Absent)
            .unwrap();
    }
    admin
        .delete_queue("/", "gone", Expect::Any, DeleteIf::default())
        .unwrap();
    admin
        .delete_exchange("/", "gone", Expect::Any, DeleteIf::default())
        .unwrap();
    admin
        .delete_binding(&binding_spec("e", "r"), Expect::Any)
        .unwrap();
    let snapshot = |world: &World| {
        let admin = world.admin();
        (
            admin.vhosts(),
            admin.users(),
            admin.permissions(None),
            admin.exchanges("/").unwrap(),
            admin.queues("/").unwrap(),
            admin.bindings("/").unwrap(),
        )
    };
    let before = snapshot(&world);
    assert_eq!(before.5.len(), 1);
    let world = world.reopen();
    assert_eq!(snapshot(&world), before);
    let world = world.reopen();
    assert_eq!(snapshot(&world), before);
}

#[test]
fn many_changes_survive_through_checkpoints() {
    let mut world = World::new();
    let admin = world.admin();
    // More than the changes per checkpoint, most of them gone again.
    for round in 0..3000 {
        let name = format!("q{round}");
        admin.put_queue(&queue_spec(&name), Expect::Absent).unwrap();
        admin
            .put_binding(&binding_spec("amq.topic", &name), Expect::Absent)
            .unwrap();
        if round % 100 != 0 {
            admin
                .delete_queue("/", &name, Expect::Any, DeleteIf::default())
                .unwrap();
        }
        if round % 50 == 0 {
            world.commit();
        }
    }
    world.commit();
    let stored: usize = world.disk.contents().values().map(Vec::len).sum();
    let before = (admin.queues("/").unwrap(), admin.bindings("/").unwrap());
    assert_eq!((before.0.len(), before.1.len()), (30, 30));
    drop(admin);
    let world = world.reopen();
    let admin = world.admin();
    assert_eq!(
        (admin.queues("/").unwrap(), admin.bindings("/").unwrap()),
        before
    );
    assert!(
        stored < 1_000_000,
        "checkpoints let old changes go, but {stored} bytes are kept"
    );
}

#[test]
fn a_binding_to_nothing_and_a_bad_expression_are_refused_by_name() {
    let world = World::new();
    let admin = world.admin();
    let refusal = admin
        .put_binding(&binding_spec("amq.topic", "none"), Expect::Any)
        .unwrap_err();
    assert_eq!(refusal.reason, Reason::NotFound);
    assert!(refusal.text.contains("no queue 'none'"));
    let bad = PermissionSpec {
        user: USER.into(),
        vhost: "/".into(),
        configure: ".*".into(),
        write: "(".into(),
        read: ".*".into(),
    };
    let refusal = admin.put_permission(&bad, Expect::Any).unwrap_err();
    assert_eq!(refusal.reason, Reason::Invalid);
    assert!(
        refusal
            .text
            .starts_with("write is not a valid regular expression")
    );
    let nobody = PermissionSpec {
        user: "nobody".into(),
        write: String::new(),
        ..bad
    };
    assert_eq!(
        admin
            .put_permission(&nobody, Expect::Any)
            .unwrap_err()
            .reason,
        Reason::NotFound
    );
    let exclusive = QueueSpec {
        exclusive: true,
        ..queue_spec("x")
    };
    assert_eq!(
        admin.put_queue(&exclusive, Expect::Any).unwrap_err().reason,
        Reason::Invalid
    );
}
