//! Ids of limits, which are those of a user or of a virtual host.

use std::fmt;
use std::str::FromStr;

use agent_api::v1;
use agent_api::v1::limited::Kind as Limited;

use super::broker::BrokerId;
use super::topology::{UserId, VhostId, parse, print};
use super::{BadId, Planned};
use crate::failure::Kind;
use crate::object::ObjectId;
use crate::renewal::Attached;

/// The id of limits.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LimitsId {
    pub(crate) broker: BrokerId,
    pub(crate) of: Limited,
}

const KIND: &str = Kind::Limits.noun();
const FORM: &str = "BROKER-ID/limits/user|vhost/NAME";
const USER: &str = "user";
const VHOST: &str = "vhost";

impl LimitsId {
    /// The id by planned attributes; `None` while one of them is not known.
    pub(crate) fn planned(planned: &Planned<'_>) -> tfplugin_rs::Result<Option<Self>> {
        let Some(broker) = planned.broker()? else {
            return Ok(None);
        };
        let user = planned.text(USER)?.map(Limited::User);
        let vhost = planned.text(VHOST)?.map(Limited::Vhost);
        Ok(user.or(vhost).map(|of| Self { broker, of }))
    }

    /// Whom they are for, in the contract's form.
    pub(crate) fn limited(&self) -> v1::Limited {
        v1::Limited {
            kind: Some(self.of.clone()),
        }
    }
}

impl ObjectId for LimitsId {
    const KIND: Kind = Kind::Limits;

    fn broker(&self) -> &BrokerId {
        &self.broker
    }

    fn name(&self) -> &str {
        let (Limited::User(name) | Limited::Vhost(name)) = &self.of;
        name
    }
}

impl FromStr for LimitsId {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        let bad = |why: String| BadId::new(text, KIND, FORM, why);
        let (broker, [kind, name]) = parse(text, KIND).map_err(bad)?;
        let of = match &*kind {
            USER => Limited::User(name),
            VHOST => Limited::Vhost(name),
            other => {
                return Err(bad(format!(
                    "limits are of a user or a vhost, not {other:?}"
                )));
            }
        };
        Ok(Self { broker, of })
    }
}

impl fmt::Display for LimitsId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, name) = match &self.of {
            Limited::User(name) => (USER, name),
            Limited::Vhost(name) => (VHOST, name),
        };
        print(f, &self.broker, KIND, &[kind, name])
    }
}

impl Attached for LimitsId {
    fn bases(&self) -> Vec<String> {
        let (broker, name) = (self.broker.clone(), self.name().to_owned());
        let of = match self.of {
            Limited::User(_) => UserId { broker, name }.to_string(),
            Limited::Vhost(_) => VhostId { broker, name }.to_string(),
        };
        vec![self.broker.to_string(), of]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_of_a_user_or_a_virtual_host() {
        for text in [
            "ferrymq://a:7443/b/limits/user/me%40home",
            "ferrymq://a:7443/b/limits/vhost/%2F",
        ] {
            assert_eq!(text.parse::<LimitsId>().unwrap().to_string(), text);
        }
        let error = "ferrymq://a:7443/b/limits/queue/q".parse::<LimitsId>();
        let error = error.unwrap_err().to_string();
        assert!(
            error.contains("not \"queue\"") && error.contains(FORM),
            "{error}"
        );
    }
}
