//! What an operator lets users and virtual hosts have: limits, topic permissions, the default type
//! of queues, protection from deletion.

use broker_core::admin::DeleteIf;
use broker_core::call::Destination;
use broker_core::definitions::{
    Expect, Limited, LimitsSpec, TopicPermissionSpec, UserUpdate, VhostSpec,
};
use broker_core::refusal::{Reason, Refusal};
use broker_core::value::Value;

use crate::kit::{USER, World, binding, login, queue};

fn limits(of: Limited) -> LimitsSpec {
    LimitsSpec {
        of,
        max_connections: None,
        max_channels: None,
        max_queues: None,
    }
}

fn user() -> Limited {
    Limited::User(USER.to_owned())
}

fn vhost() -> Limited {
    Limited::Vhost("/".to_owned())
}

fn set(world: &World, spec: &LimitsSpec) {
    world.admin().put_limits(spec, Expect::Any).unwrap();
}

fn words(refusal: Refusal) -> (Reason, String) {
    (refusal.reason, refusal.text)
}

#[test]
fn connections_are_limited_by_user_and_by_virtual_host() {
    let world = World::new();
    let connect = || world.try_client(&login(), "/");
    let first = connect().unwrap();
    for (of, text) in [
        (
            user(),
            "connection refused for user 'ferry': user connection limit (1) is reached",
        ),
        (
            vhost(),
            "access to vhost '/' refused for user 'ferry': connection limit (1) is reached",
        ),
    ] {
        let limit = LimitsSpec {
            max_connections: Some(1),
            ..limits(of.clone())
        };
        set(&world, &limit);
        let refused = connect().map(drop).unwrap_err();
        assert_eq!(words(refused), (Reason::ResourceExhausted, text.to_owned()));
        world.admin().delete_limits(&of, Expect::Any).unwrap();
        assert!(connect().is_ok());
    }
    // One that goes makes room.
    let limit = LimitsSpec {
        max_connections: Some(1),
        ..limits(user())
    };
    set(&world, &limit);
    drop(first);
    assert!(connect().is_ok());
    let world = world.reopen();
    let none = LimitsSpec {
        max_connections: Some(0),
        ..limits(user())
    };
    assert_eq!(world.admin().limits(&user()).unwrap().value, limit);
    set(&world, &none);
    assert!(world.try_client(&login(), "/").is_err());
}

#[test]
fn channels_of_all_connections_of_a_user_are_counted_together() {
    let world = World::new();
    let limit = LimitsSpec {
        max_channels: Some(2),
        ..limits(user())
    };
    set(&world, &limit);
    let (one, two) = (world.client(), world.client());
    let first = one.attachment.open_channel().unwrap();
    let second = two.attachment.open_channel().unwrap();
    let refused = two.attachment.open_channel().unwrap_err();
    assert_eq!(refused.reason, Reason::ResourceExhausted);
    assert!(
        refused.text.contains("user limit of (2)"),
        "{}",
        refused.text
    );
    drop(first);
    let third = one.attachment.open_channel().unwrap();
    assert!(one.attachment.open_channel().is_err());
    drop((second, third));
    assert!(one.attachment.open_channel().is_ok());
}

#[test]
fn queues_are_limited_and_those_there_stay() {
    let world = World::new();
    let client = world.client();
    client.queue("a", true);
    client.queue("b", true);
    let limit = LimitsSpec {
        max_queues: Some(1),
        ..limits(vhost())
    };
    set(&world, &limit);
    client.queue("a", true);
    let refused = client.try_queue(queue("c", true)).unwrap_err();
    let text = "cannot declare queue 'c': queue limit in vhost '/' (1) is reached";
    assert_eq!(words(refused), (Reason::ResourceExhausted, text.to_owned()));
    drop(client);
    let world = world.reopen();
    assert_eq!(world.admin().queues("/").unwrap().len(), 2);
    assert!(world.client().try_queue(queue("c", true)).is_err());
    world.admin().delete_limits(&vhost(), Expect::Any).unwrap();
    let world = world.reopen();
    world.client().queue("c", true);
    assert_eq!(world.admin().all_limits(), []);
}

#[test]
fn limits_that_say_nothing_or_the_others_are_refused() {
    let world = World::new();
    let admin = world.admin();
    for (spec, property) in [
        (limits(user()), "max_connections"),
        (
            LimitsSpec {
                max_queues: Some(1),
                ..limits(user())
            },
            "max_queues",
        ),
        (
            LimitsSpec {
                max_channels: Some(1),
                ..limits(vhost())
            },
            "max_channels",
        ),
    ] {
        let refusal = admin.put_limits(&spec, Expect::Any).unwrap_err();
        assert_eq!(refusal.property.as_deref(), Some(property));
    }
    let nobody = limits(Limited::User("nobody".to_owned()));
    let nobody = LimitsSpec {
        max_channels: Some(1),
        ..nobody
    };
    let refusal = admin.put_limits(&nobody, Expect::Any).unwrap_err();
    assert_eq!(refusal.reason, Reason::NotFound);
    let refusal = admin.limits(&user()).unwrap_err();
    assert_eq!(refusal.reason, Reason::NotFound);
}

fn topic(write: &str, read: &str) -> TopicPermissionSpec {
    TopicPermissionSpec {
        user: USER.to_owned(),
        vhost: "/".to_owned(),
        exchange: "amq.topic".to_owned(),
        write: write.to_owned(),
        read: read.to_owned(),
    }
}

#[test]
fn keys_of_a_topic_exchange_are_permitted_one_by_one() {
    let world = World::new();
    let client = world.client();
    client.queue("q", true);
    let publish = |exchange: &str, key: &str| {
        let message = crate::kit::message(exchange, key, "m");
        client.try_publish(message).map(drop)
    };
    let bind = |key: &str| {
        let bind = binding("amq.topic", Destination::Queue("q"), key);
        client.attachment.bind(&bind).map(drop)
    };
    publish("amq.topic", "anything").unwrap();
    let admin = world.admin();
    let spec = topic(r"^{username}\.", r"^public\.");
    let first = admin.put_topic_permission(&spec, Expect::Absent).unwrap();
    publish("amq.topic", "ferry.x").unwrap();
    let refused = publish("amq.topic", "other.x").unwrap_err();
    let text = "write access to topic 'other.x' in exchange 'amq.topic' in vhost '/' refused for \
                user 'ferry'";
    assert_eq!(words(refused), (Reason::AccessRefused, text.to_owned()));
    publish("amq.direct", "other.x").unwrap();
    bind("public.#").unwrap();
    assert_eq!(bind("#").unwrap_err().reason, Reason::AccessRefused);
    // Who is connected feels a change with the next operation.
    let expect = Expect::Generation(first.object.generation);
    admin
        .put_topic_permission(&topic(".*", ".*"), expect)
        .unwrap();
    publish("amq.topic", "other.x").unwrap();
    bind("#").unwrap();
    admin.put_topic_permission(&spec, Expect::Any).unwrap();
    drop(client);
    let world = world.reopen();
    let admin = world.admin();
    let all = admin.topic_permissions(Some("/"));
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].value, spec);
    let client = world.client();
    let refused = client.try_publish(crate::kit::message("amq.topic", "other.x", "m"));
    assert!(refused.is_err());
    admin
        .delete_topic_permission(USER, "/", "amq.topic", Expect::Any)
        .unwrap();
    client
        .try_publish(crate::kit::message("amq.topic", "other.x", "m"))
        .unwrap();
    let gone = admin.topic_permission(USER, "/", "amq.topic").unwrap_err();
    assert_eq!(gone.reason, Reason::NotFound);
}

#[test]
fn a_topic_permission_goes_with_its_user_and_its_virtual_host() {
    let world = World::new();
    let admin = world.admin();
    admin
        .put_vhost(&VhostSpec::named("v"), Expect::Absent)
        .unwrap();
    admin
        .put_user("u", UserUpdate::default(), Expect::Absent)
        .unwrap();
    for (user, vhost) in [(USER, "v"), ("u", "/")] {
        let spec = TopicPermissionSpec {
            user: user.to_owned(),
            vhost: vhost.to_owned(),
            ..topic("", "")
        };
        admin.put_topic_permission(&spec, Expect::Absent).unwrap();
    }
    admin
        .delete_vhost("v", Expect::Any, DeleteIf::default())
        .unwrap();
    admin.delete_user("u", Expect::Any).unwrap();
    assert_eq!(admin.topic_permissions(None), []);
    assert_eq!(world.reopen().admin().topic_permissions(None), []);
}

#[test]
fn queues_get_the_default_type_of_their_virtual_host() {
    let world = World::new();
    let client = world.client();
    client.queue("before", true);
    let spec = VhostSpec {
        default_queue_type: Some("quorum".to_owned()),
        ..VhostSpec::named("/")
    };
    world.admin().put_vhost(&spec, Expect::Any).unwrap();
    client.queue("q", true);
    client.queue("q", true);
    client.queue("before", true);
    client.queue("transient", false);
    let classic = Value::Text("classic".into());
    client.queue_with("c", [("x-queue-type", classic)]);
    client.queue("c", true);
    let kind = |name: &str| {
        let queue = world.admin().queue("/", name).unwrap();
        queue
            .definition
            .value
            .arguments
            .get("x-queue-type")
            .cloned()
    };
    let quorum = Some(Value::Text("quorum".into()));
    assert_eq!(kind("q"), quorum);
    assert_eq!(
        [kind("before"), kind("transient"), kind("c")],
        [None, None, None]
    );
    let odd = VhostSpec {
        default_queue_type: Some("stack".to_owned()),
        ..VhostSpec::named("/")
    };
    let refusal = world.admin().put_vhost(&odd, Expect::Any).unwrap_err();
    assert_eq!(refusal.property.as_deref(), Some("default_queue_type"));
}

#[test]
fn a_protected_virtual_host_stays_until_it_is_not() {
    let world = World::new();
    let admin = world.admin();
    let spec = VhostSpec {
        description: "keep".to_owned(),
        tags: ["prod".to_owned()].into(),
        protected: true,
        ..VhostSpec::named("v")
    };
    admin.put_vhost(&spec, Expect::Absent).unwrap();
    let world = world.reopen();
    let admin = world.admin();
    assert_eq!(admin.vhost("v").unwrap().value, spec);
    let delete = || admin.delete_vhost("v", Expect::Any, DeleteIf::default());
    assert_eq!(delete().unwrap_err().reason, Reason::InUse);
    admin
        .put_vhost(&VhostSpec::named("v"), Expect::Any)
        .unwrap();
    delete().unwrap();
}
