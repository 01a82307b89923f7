//! Logging in and permissions, operation by operation.

use std::time::Instant;

use broker_core::access::{PasswordHash, hash_password};
use broker_core::admin::DeleteIf;
use broker_core::call::{DeclareQueue, Destination};
use broker_core::definitions::{Expect, PasswordChange, UserUpdate, VhostSpec};
use broker_core::outbox::Event;
use broker_core::refusal::{Reason, Refusal};

use crate::kit::{
    Client, USER, World, binding, consume, exchange, login, message, password, queue,
};

#[test]
fn only_the_right_password_logs_in_and_refusals_are_alike() {
    let world = World::new();
    let update = UserUpdate {
        password: None,
        tags: Some(["a".into()].into()),
    };
    world
        .admin()
        .put_user("tags only", update, Expect::Any)
        .unwrap();
    let run = |user: &str, password: &[u8]| world.broker.login(user, password).run(Instant::now());
    assert_eq!(run(USER, b"secret").unwrap().username(), USER);
    let refusals: Vec<_> = [
        (USER, &b"wrong"[..]),
        (USER, b""),
        ("nobody", b"secret"),
        ("nobody", b""),
        ("tags only", b"secret"),
        ("tags only", b""),
    ]
    .into_iter()
    .map(|(user, password)| run(user, password).unwrap_err())
    .collect();
    assert!(refusals.iter().all(|refusal| *refusal == refusals[0]));
    assert_eq!(refusals[0].reason, Reason::AccessRefused);
    let check = world.broker.login(USER, b"secret");
    assert!(!format!("{check:?}").contains("secret"));
}

#[test]
fn a_tags_only_update_keeps_the_password() {
    let world = World::new();
    let admin = world.admin();
    let tags = |tags: [&str; 1]| Some(tags.map(String::from).into());
    let update = UserUpdate {
        password: None,
        tags: tags(["administrator"]),
    };
    admin.put_user(USER, update, Expect::Any).unwrap();
    let now = Instant::now();
    assert!(world.broker.login(USER, b"secret").run(now).is_ok());
    let update = UserUpdate {
        password: Some(PasswordChange::Remove),
        tags: None,
    };
    let changed = admin.put_user(USER, update, Expect::Any).unwrap();
    assert_eq!(
        changed.object.value.tags,
        ["administrator".to_owned()].into()
    );
    assert!(world.broker.login(USER, b"secret").recall(now).is_none());
    assert!(world.broker.login(USER, b"secret").run(now).is_err());
}

#[test]
fn a_login_is_recalled_until_the_password_changes_or_the_user_goes() {
    let world = World::new();
    let admin = world.admin();
    let now = Instant::now();
    let recalled = |user: &str, password: &[u8]| {
        let login = world.broker.login(user, password).recall(now)?;
        Some(login.username().to_owned())
    };
    let log_in = |password: &[u8]| world.broker.login(USER, password).run(now).is_ok();
    let set = |hash: PasswordHash| {
        let update = UserUpdate {
            password: Some(PasswordChange::Set(hash)),
            tags: None,
        };
        admin.put_user(USER, update, Expect::Any).unwrap();
    };
    assert_eq!(recalled(USER, b"secret"), None, "nobody has logged in yet");
    assert!(!log_in(b"guess") && !log_in(b""));
    assert_eq!(
        recalled(USER, b"guess"),
        None,
        "a failure is not remembered"
    );
    assert_eq!(recalled(USER, b""), None);
    assert!(log_in(b"secret"));
    assert_eq!(recalled(USER, b"secret").unwrap(), USER);
    assert_eq!(recalled(USER, b"guess"), None);
    assert_eq!(recalled("nobody", b"secret"), None);
    assert!(!log_in(b"guess"));
    assert_eq!(recalled(USER, b"secret").unwrap(), USER, "others' guesses");

    set(hash_password(b"secret").unwrap());
    assert_eq!(
        recalled(USER, b"secret"),
        None,
        "set anew, even if the same"
    );
    assert!(log_in(b"secret"));
    set(hash_password(b"changed").unwrap());
    assert_eq!(recalled(USER, b"secret"), None);
    assert!(log_in(b"changed"));
    admin.delete_user(USER, Expect::Any).unwrap();
    assert_eq!(recalled(USER, b"changed"), None);
}

#[test]
fn attaching_needs_a_virtual_host_and_a_permission_in_it() {
    let world = World::new();
    let attach = |vhost: &str| {
        world
            .try_client(&login(), vhost)
            .map(|_| ())
            .unwrap_err()
            .reason
    };
    assert_eq!(attach("none"), Reason::NotFound);
    let spec = VhostSpec::named("v");
    world.admin().put_vhost(&spec, Expect::Absent).unwrap();
    assert_eq!(attach("v"), Reason::AccessRefused);
    world.permit(USER, "v", ["", "", ""]);
    assert!(world.try_client(&login(), "v").is_ok());
    assert!(
        world.admin().connections().is_empty(),
        "refused and dropped ones leave no trace"
    );
}

type Operation = fn(&Client) -> Result<(), Refusal>;

/// Every operation with the expressions it needs for configure, write and read.
const OPERATIONS: [(&str, [&str; 3], Operation); 13] = [
    ("declare queue", ["^new$", "", ""], |c| {
        c.try_queue(queue("new", false)).map(drop)
    }),
    ("delete queue", ["^q$", "", ""], |c| {
        c.attachment.delete_queue("q", false, false).map(drop)
    }),
    ("declare exchange", ["^new$", "", ""], |c| {
        c.attachment
            .declare_exchange(&exchange("new", "direct"))
            .map(drop)
    }),
    ("delete exchange", ["^e$", "", ""], |c| {
        c.attachment.delete_exchange("e", false).map(drop)
    }),
    ("bind queue", ["", "^q$", "^e$"], |c| {
        c.attachment
            .bind(&binding("e", Destination::Queue("q"), "k"))
            .map(drop)
    }),
    ("unbind queue", ["", "^q$", "^e$"], |c| {
        c.attachment
            .unbind(&binding("e", Destination::Queue("q"), "k"))
            .map(drop)
    }),
    ("bind exchange", ["", "^f$", "^e$"], |c| {
        c.attachment
            .bind(&binding("e", Destination::Exchange("f"), "k"))
            .map(drop)
    }),
    ("publish", ["", "^e$", ""], |c| {
        c.try_publish(message("e", "k", "m")).map(drop)
    }),
    ("publish default", ["", "^amq\\.default$", ""], |c| {
        c.try_publish(message("", "q", "m")).map(drop)
    }),
    ("consume", ["", "", "^q$"], |c| {
        c.attachment.consume(&consume("q", 1))
    }),
    ("get", ["", "", "^q$"], |c| {
        c.attachment.get("q", true).map(drop)
    }),
    ("purge", ["", "", "^q$"], |c| {
        c.attachment.purge_queue("q").map(drop)
    }),
    ("passive declare", ["", "", ""], |c| {
        c.try_queue(DeclareQueue {
            passive: true,
            ..queue("q", false)
        })
        .map(drop)
    }),
];

#[test]
fn each_operation_asks_for_its_permission() {
    for (name, needed, operation) in OPERATIONS {
        let world = World::new();
        let client = world.client();
        client.queue("q", false);
        client.exchange("e", "direct");
        client.exchange("f", "direct");
        // Each of the needed expressions missing, one at a time, then all there.
        for missing in (0..3).filter(|index| !needed[*index].is_empty()) {
            let mut granted = needed;
            granted[missing] = "";
            world.permit(USER, "/", granted);
            let refusal = operation(&client).unwrap_err();
            assert_eq!(
                refusal.reason,
                Reason::AccessRefused,
                "{name} without {missing}"
            );
            assert!(
                refusal.text.contains("refused for user 'ferry'"),
                "{}",
                refusal.text
            );
        }
        world.permit(USER, "/", needed);
        operation(&client).unwrap_or_else(|refusal| panic!("{name}: {}", refusal.text));
    }
}

#[test]
fn taking_a_permission_away_is_felt_at_once() {
    let world = World::new();
    let client = world.client();
    client.queue("q", false);
    assert!(client.publish("", "q", "m").is_some());
    world
        .admin()
        .delete_permission(USER, "/", Expect::Any)
        .unwrap();
    let refusal = client.try_publish(message("", "q", "m")).unwrap_err();
    assert_eq!(refusal.reason, Reason::AccessRefused);
    world.permit(USER, "/", ["", "amq.default", ""]);
    assert!(client.publish("", "q", "m").is_some());
}

#[test]
fn deleting_a_user_or_a_virtual_host_closes_its_connections() {
    let world = World::new();
    let admin = world.admin();
    let spec = VhostSpec::named("v");
    admin.put_vhost(&spec, Expect::Absent).unwrap();
    world.permit(USER, "v", [".*", ".*", ".*"]);
    let in_v = world.try_client(&login(), "v").unwrap();
    let in_root = world.client();
    in_v.queue("q", true);
    admin
        .delete_vhost("v", Expect::Any, DeleteIf::default())
        .unwrap();
    let closed = |client: &Client| {
        let events = client.events();
        matches!(&events[..], [Event::Close(reason)] if reason.contains("deleted"))
    };
    assert!(closed(&in_v));
    assert!(in_root.events().is_empty());
    assert_eq!(
        in_v.try_queue(queue("r", true)).unwrap_err().reason,
        Reason::AccessRefused
    );
    assert!(admin.permissions(Some("v")).is_empty());

    admin.delete_user(USER, Expect::Any).unwrap();
    assert!(closed(&in_root));
    assert!(in_root.try_queue(queue("r", true)).is_err());
    assert_eq!(
        world
            .try_client(&login(), "/")
            .map(|_| ())
            .unwrap_err()
            .reason,
        Reason::AccessRefused
    );
    let update = UserUpdate {
        password: Some(PasswordChange::Set(password().clone())),
        tags: None,
    };
    admin.put_user(USER, update, Expect::Absent).unwrap();
    assert!(
        world.try_client(&login(), "/").is_err(),
        "its permissions went with it"
    );
}
