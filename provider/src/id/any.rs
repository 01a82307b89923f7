//! Ids of any kind, as the functions `parse_id` and `encode_id` take and make them.

use super::broker::BrokerId;
use super::topology::{parts_of, print_any};
use super::{
    BadId, BindingId, ExchangeId, LimitsId, PermissionId, PolicyId, QueueId, TopicPermissionId,
    UserId, VhostId,
};

/// An id taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AnyId {
    pub(crate) broker: BrokerId,
    /// The resource's name without the provider's: `queue`; `broker` for the broker itself.
    pub(crate) kind: String,
    /// What follows the kind, decoded.
    pub(crate) names: Vec<String>,
}

/// The kind of a broker's own id.
const BROKER: &str = "broker";

const FORM: &str = "BROKER-ID[/KIND/NAME\u{2026}]";

impl AnyId {
    /// Takes an id apart.
    pub(crate) fn parse(text: &str) -> Result<Self, BadId> {
        let bad = |why: String| BadId::new(text, "resource", FORM, why);
        let (broker, parts) = BrokerId::split(text).map_err(bad)?;
        let Some(kind) = parts.first() else {
            let (kind, names) = (BROKER.to_owned(), Vec::new());
            let broker = text.parse()?;
            return Ok(Self {
                broker,
                kind,
                names,
            });
        };
        check(kind, text)?;
        let (_, names) = parts_of(text, kind).map_err(bad)?;
        let kind = (*kind).to_owned();
        Ok(Self {
            broker,
            kind,
            names,
        })
    }

    /// Puts an id together. The error is about the id that would be.
    pub(crate) fn encode(&self) -> Result<String, BadId> {
        if self.kind == BROKER && self.names.is_empty() {
            return Ok(self.broker.to_string());
        }
        let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        let text = print_any(&self.broker, &self.kind, &names);
        check(&self.kind, &text)?;
        Ok(text)
    }
}

/// Checks an id that says of itself to be of that kind.
fn check(kind: &str, text: &str) -> Result<(), BadId> {
    match kind {
        "binding" => text.parse::<BindingId>().map(drop),
        "exchange" => text.parse::<ExchangeId>().map(drop),
        "limits" => text.parse::<LimitsId>().map(drop),
        "operator_policy" => text.parse::<PolicyId<true>>().map(drop),
        "permission" => text.parse::<PermissionId>().map(drop),
        "policy" => text.parse::<PolicyId<false>>().map(drop),
        "queue" => text.parse::<QueueId>().map(drop),
        "topic_permission" => text.parse::<TopicPermissionId>().map(drop),
        "user" => text.parse::<UserId>().map(drop),
        "vhost" => text.parse::<VhostId>().map(drop),
        other => {
            let why = format!("there is no kind {other:?}");
            Err(BadId::new(text, "resource", FORM, why))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_comes_apart_and_together() {
        for rest in [
            "",
            "/binding/%2F/x/queue/q/a.%23",
            "/exchange/%2F/x%2Fy",
            "/limits/user/u",
            "/operator_policy/%2F/p",
            "/permission/%2F/u",
            "/policy/%2F/p",
            "/queue/v/q%20%C3%A4",
            "/topic_permission/%2F/u/amq.topic",
            "/user/u",
            "/vhost/%2F",
        ] {
            let text = format!("ferrymq://a:7443,c:7443/b{rest}");
            let id = AnyId::parse(&text).unwrap();
            assert_eq!(id.encode().unwrap(), text);
        }
        let id = AnyId::parse("ferrymq://a:7443/b/queue/%2F/q").unwrap();
        assert_eq!(id.names, ["/", "q"]);
    }

    #[test]
    fn what_is_no_id_says_why() {
        for (rest, why) in [
            ("/topic/x", "there is no kind \"topic\""),
            ("/queue/%2F", "1 names follow"),
            ("/limits/queue/q", "not \"queue\""),
        ] {
            let error = AnyId::parse(&format!("ferrymq://a:7443/b{rest}"));
            let error = error.unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
        let id = AnyId {
            broker: "ferrymq://a:7443/b".parse().unwrap(),
            kind: "queue".to_owned(),
            names: vec!["/".to_owned()],
        };
        assert!(id.encode().is_err());
    }
}
