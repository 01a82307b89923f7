//! Ids of what is inside a broker, except bindings: names only, a fixed number of them.

use std::fmt;
use std::str::FromStr;

use super::broker::BrokerId;
use super::{BadId, Planned, decode, encode};
use crate::failure::Kind;
use crate::object::ObjectId;
use crate::renewal::Attached;

/// One type of id: `BROKER-ID/KIND/PART…`. Parts are named like the resource's attributes;
/// `$own` is the one that tells the object from its like.
macro_rules! topology_id {
    ($(#[$doc:meta])* $name:ident, $object:ident, $own:ident, $form:literal, [$($part:ident),+]) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub(crate) struct $name {
            pub(crate) broker: BrokerId,
            $(pub(crate) $part: String,)+
        }

        impl $name {
            const NOUN: &'static str = Kind::$object.noun();

            /// The id by planned attributes; `None` while one of them is not known.
            pub(crate) fn planned(planned: &Planned<'_>) -> tfplugin_rs::Result<Option<Self>> {
                let Some(broker) = planned.broker()? else {
                    return Ok(None);
                };
                $(let Some($part) = planned.text(stringify!($part))? else {
                    return Ok(None);
                };)+
                Ok(Some(Self { broker, $($part),+ }))
            }
        }

        impl ObjectId for $name {
            const KIND: Kind = Kind::$object;

            fn broker(&self) -> &BrokerId {
                &self.broker
            }

            fn name(&self) -> &str {
                &self.$own
            }
        }

        impl FromStr for $name {
            type Err = BadId;

            fn from_str(text: &str) -> Result<Self, BadId> {
                let (broker, [$($part),+]) = parse(text, Self::NOUN)
                    .map_err(|why| BadId::new(text, Self::NOUN, concat!("BROKER-ID/", $form), why))?;
                Ok(Self { broker, $($part),+ })
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                print(f, &self.broker, Self::NOUN, &[$(&self.$part),+])
            }
        }
    };
}

topology_id! {
    /// The id of an exchange.
    ExchangeId, Exchange, name, "exchange/VHOST/NAME", [vhost, name]
}
topology_id! {
    /// The id of a user's permission in a virtual host.
    PermissionId, Permission, user, "permission/VHOST/USER", [vhost, user]
}
topology_id! {
    /// The id of a queue.
    QueueId, Queue, name, "queue/VHOST/NAME", [vhost, name]
}
topology_id! {
    /// The id of a user's permission at a topic exchange.
    TopicPermissionId, TopicPermission, exchange,
    "topic_permission/VHOST/USER/EXCHANGE", [vhost, user, exchange]
}
topology_id! {
    /// The id of a user.
    UserId, User, name, "user/NAME", [name]
}
topology_id! {
    /// The id of a virtual host.
    VhostId, Vhost, name, "vhost/NAME", [name]
}

/// The virtual host, and the broker around it.
pub(super) fn surroundings(broker: &BrokerId, vhost: &str) -> Vec<String> {
    let vhost = VhostId {
        broker: broker.clone(),
        name: vhost.to_owned(),
    };
    vec![broker.to_string(), vhost.to_string()]
}

impl Attached for ExchangeId {
    fn bases(&self) -> Vec<String> {
        surroundings(&self.broker, &self.vhost)
    }
}

impl Attached for PermissionId {
    fn bases(&self) -> Vec<String> {
        let user = UserId {
            broker: self.broker.clone(),
            name: self.user.clone(),
        };
        let mut bases = surroundings(&self.broker, &self.vhost);
        bases.push(user.to_string());
        bases
    }
}

impl Attached for TopicPermissionId {
    fn bases(&self) -> Vec<String> {
        let user = UserId {
            broker: self.broker.clone(),
            name: self.user.clone(),
        };
        let mut bases = surroundings(&self.broker, &self.vhost);
        bases.push(user.to_string());
        bases
    }
}

impl Attached for QueueId {
    fn bases(&self) -> Vec<String> {
        surroundings(&self.broker, &self.vhost)
    }
}

impl Attached for UserId {
    fn bases(&self) -> Vec<String> {
        vec![self.broker.to_string()]
    }
}

impl Attached for VhostId {
    fn bases(&self) -> Vec<String> {
        vec![self.broker.to_string()]
    }
}

/// The broker and exactly `N` names; the error is the reason.
pub(super) fn parse<const N: usize>(
    text: &str,
    kind: &str,
) -> Result<(BrokerId, [String; N]), String> {
    let (broker, parts) = parts_of(text, kind)?;
    let found = parts.len();
    let parts: [String; N] = parts
        .try_into()
        .map_err(|_| format!("{found} names follow \"{kind}\", not {N}"))?;
    if parts.iter().any(String::is_empty) {
        return Err("a name is empty".to_owned());
    }
    Ok((broker, parts))
}

/// The broker and the decoded parts after the kind, in the one spelling that is printed.
pub(super) fn parts_of(text: &str, kind: &str) -> Result<(BrokerId, Vec<String>), String> {
    let (broker, parts) = BrokerId::split(text)?;
    let Some((&found, encoded)) = parts.split_first() else {
        return Err("it is the id of a broker".to_owned());
    };
    if found != kind {
        return Err(format!("{found:?} stands where \"{kind}\" should"));
    }
    let parts = encoded
        .iter()
        .map(|part| decode(part))
        .collect::<Result<Vec<_>, _>>()?;
    let names: Vec<&str> = parts.iter().map(String::as_str).collect();
    let printed = Printed {
        broker: &broker,
        kind,
        parts: &names,
    }
    .to_string();
    if printed != text {
        return Err(format!("written in full it is {printed:?}"));
    }
    Ok((broker, parts))
}

pub(super) fn print(
    f: &mut fmt::Formatter<'_>,
    broker: &BrokerId,
    kind: &str,
    parts: &[&str],
) -> fmt::Result {
    write!(
        f,
        "{}",
        Printed {
            broker,
            kind,
            parts
        }
    )
}

/// An id of any kind.
pub(super) fn print_any(broker: &BrokerId, kind: &str, parts: &[&str]) -> String {
    let printed = Printed {
        broker,
        kind,
        parts,
    };
    printed.to_string()
}

struct Printed<'a> {
    broker: &'a BrokerId,
    kind: &'a str,
    parts: &'a [&'a str],
}

impl fmt::Display for Printed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.broker, self.kind)?;
        self.parts
            .iter()
            .try_for_each(|part| write!(f, "/{}", encode(part)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::broker::tests::any_broker;
    use super::*;

    proptest! {
        #[test]
        fn ids_survive_printing(broker in any_broker(), vhost in ".{1,20}", name in ".{1,20}") {
            let queue = QueueId { broker: broker.clone(), vhost, name: name.clone() };
            prop_assert_eq!(queue.to_string().parse::<QueueId>(), Ok(queue));
            let user = UserId { broker, name };
            prop_assert_eq!(user.to_string().parse::<UserId>(), Ok(user));
        }

        #[test]
        fn what_parses_prints_the_same(rest in "[a-z/%0-9A-F ~-]{0,30}") {
            let text = format!("ferrymq://a:7443/b/queue/{rest}");
            if let Ok(id) = text.parse::<QueueId>() {
                prop_assert_eq!(id.to_string(), text);
            }
        }
    }

    fn queue(vhost: &str, name: &str) -> QueueId {
        let broker = "ferrymq://a:7443/b".parse().unwrap();
        QueueId {
            broker,
            vhost: vhost.to_owned(),
            name: name.to_owned(),
        }
    }

    #[test]
    fn names_of_any_kind_stay_apart() {
        for (vhost, name, printed) in [
            ("/", "orders", "%2F/orders"),
            ("a/b", "c", "a%2Fb/c"),
            ("a", "b/c", "a/b%2Fc"),
            ("a b", "50%", "a%20b/50%25"),
            ("me@home", "ä…", "me%40home/%C3%A4%E2%80%A6"),
            ("..", "~x_y-z", "../~x_y-z"),
            ("%2F", "a\nb", "%252F/a%0Ab"),
        ] {
            let id = queue(vhost, name);
            assert_eq!(
                id.to_string(),
                format!("ferrymq://a:7443/b/queue/{printed}")
            );
            assert_eq!(id.to_string().parse(), Ok(id));
        }
    }

    #[test]
    fn what_is_no_id_says_why() {
        for (rest, why) in [
            ("", "it is the id of a broker"),
            ("/queue", "0 names follow \"queue\", not 2"),
            ("/queue/orders", "1 names follow"),
            ("/queue///orders", "3 names follow"),
            ("/queue//orders", "a name is empty"),
            (
                "/exchange/%2F/orders",
                "\"exchange\" stands where \"queue\" should",
            ),
            (
                "/queue/%2f/orders",
                "written in full it is \"ferrymq://a:7443/b/queue/%2F/orders\"",
            ),
            (
                "/queue/%2F/a b",
                "written in full it is \"ferrymq://a:7443/b/queue/%2F/a%20b\"",
            ),
            ("/queue/%2F/%C3", "does not decode to UTF-8"),
        ] {
            let error = format!("ferrymq://a:7443/b{rest}")
                .parse::<QueueId>()
                .unwrap_err();
            assert!(error.to_string().contains(why), "{rest}: {error}");
            assert!(
                error.to_string().contains("BROKER-ID/queue/VHOST/NAME"),
                "{error}"
            );
        }
    }
}
