//! Logins over sockets: remembered for a while, forgotten when the password changes.

use std::time::Instant;

use broker_core::access::hash_password;
use broker_core::definitions::{Expect, PasswordChange, UserUpdate};
use broker_net::Options;
use tokio::net::TcpStream;
use wire::amqp091::{ConnectionStartOk, LongStr, Method, PROTOCOL_HEADER};

use crate::kit::{Client, address, server};

#[tokio::test]
async fn a_password_is_asked_for_anew_once_it_changed() {
    let server = server(Options::default()).await;
    let recalled = |password: &[u8]| {
        let check = server.broker().login("guest", password);
        check.recall(Instant::now()).is_some()
    };
    let answer = async |response: &[u8]| {
        let mut client = Client::new(TcpStream::connect(address(&server)).await.unwrap());
        client.output.extend_from_slice(&PROTOCOL_HEADER);
        client.flush().await;
        client.expect("connection.start").await;
        let start_ok = ConnectionStartOk {
            mechanism: "PLAIN",
            response: LongStr(response),
            ..Default::default()
        };
        start_ok.encode(0, &mut client.output);
        client.flush().await;
        match client.frame().await {
            Some(frame) => Method::decode(&frame.payload).unwrap().name().to_owned(),
            // A client that did not say that it understands more is told by the end alone.
            None => "the end".to_owned(),
        }
    };
    let (old, new) = (b"\0guest\0guest", b"\0guest\0changed");
    assert!(!recalled(b"guest"));
    for _ in 0..3 {
        assert_eq!(answer(old).await, "connection.tune");
        assert!(recalled(b"guest"));
    }
    assert_eq!(answer(new).await, "the end");
    assert!(!recalled(b"changed"));

    let update = UserUpdate {
        password: Some(PasswordChange::Set(hash_password(b"changed").unwrap())),
        tags: None,
    };
    let admin = server.broker().admin();
    admin.put_user("guest", update, Expect::Any).unwrap();
    assert_eq!(answer(old).await, "the end");
    for _ in 0..2 {
        assert_eq!(answer(new).await, "connection.tune");
        assert!(recalled(b"changed"));
    }
    admin.delete_user("guest", Expect::Any).unwrap();
    assert_eq!(answer(new).await, "the end");
}
