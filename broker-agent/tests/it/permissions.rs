//! Permissions, and what is blamed when one cannot be.

use agent_api::v1::{ListPermissionsRequest, Permission, PutPermissionRequest, Reason};
use agent_api::{Client, Error};

use crate::agent::{Agent, failure, put_user};

/// Of the user `u` in `/`; nothing is allowed.
fn permission() -> Permission {
    Permission {
        vhost: "/".into(),
        user: "u".into(),
        ..Default::default()
    }
}

async fn put(client: &Client, permission: Permission) -> Result<Permission, Error> {
    let request = PutPermissionRequest {
        broker: "b".into(),
        permission: Some(permission),
        ..Default::default()
    };
    client
        .call(client.permissions().put_permission(request))
        .await
}

#[tokio::test]
async fn permissions_come_back_as_they_were_put() {
    let agent = Agent::start();
    let (client, _) = agent.with_broker("b").await;
    put_user(&client, "b", "u", "p").await;
    let wanted = Permission {
        read: "^orders\\.".into(),
        ..permission()
    };
    let made = put(&client, wanted).await.unwrap();
    assert_eq!(made.read, "^orders\\.");
    let list = ListPermissionsRequest {
        broker: "b".into(),
        ..Default::default()
    };
    let listed = client
        .call(client.permissions().list_permissions(list))
        .await
        .unwrap();
    assert_eq!(listed.permissions, [made]);
}

#[tokio::test]
async fn a_permission_names_the_expression_or_the_end_that_is_wrong() {
    let agent = Agent::start();
    let (client, _) = agent.with_broker("b").await;
    put_user(&client, "b", "u", "p").await;
    let with = |change: fn(&mut Permission)| {
        let mut permission = permission();
        change(&mut permission);
        permission
    };
    for (permission, reason, field) in [
        (
            with(|p| p.configure = "(".into()),
            Reason::Invalid,
            "configure",
        ),
        (with(|p| p.write = "[z-a]".into()), Reason::Invalid, "write"),
        (with(|p| p.read = "*".into()), Reason::Invalid, "read"),
        (with(|p| p.user = "x".into()), Reason::NotFound, "user"),
        (with(|p| p.vhost = "x".into()), Reason::NotFound, "vhost"),
    ] {
        let refused = failure(put(&client, permission).await);
        assert_eq!(
            (refused.reason, refused.field.as_str()),
            (reason, field),
            "{refused}"
        );
    }
}
