//! Ids of policies and operator policies, which are named alike.

use std::fmt;
use std::str::FromStr;

use super::broker::BrokerId;
use super::topology::{parse, print, surroundings};
use super::{BadId, Planned};
use crate::failure::Kind;
use crate::object::ObjectId;
use crate::renewal::Attached;

/// The id of a policy, or of an operator policy.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct PolicyId<const OPERATOR: bool> {
    pub(crate) broker: BrokerId,
    pub(crate) vhost: String,
    pub(crate) name: String,
}

impl<const OPERATOR: bool> PolicyId<OPERATOR> {
    const FORM: &'static str = if OPERATOR {
        "BROKER-ID/operator_policy/VHOST/NAME"
    } else {
        "BROKER-ID/policy/VHOST/NAME"
    };

    /// The id by planned attributes; `None` while one of them is not known.
    pub(crate) fn planned(planned: &Planned<'_>) -> tfplugin_rs::Result<Option<Self>> {
        let (broker, vhost) = (planned.broker()?, planned.text("vhost")?);
        let name = planned.text("name")?;
        Ok(broker
            .zip(vhost)
            .zip(name)
            .map(|((broker, vhost), name)| Self {
                broker,
                vhost,
                name,
            }))
    }
}

impl<const OPERATOR: bool> ObjectId for PolicyId<OPERATOR> {
    const KIND: Kind = if OPERATOR {
        Kind::OperatorPolicy
    } else {
        Kind::Policy
    };

    fn broker(&self) -> &BrokerId {
        &self.broker
    }

    fn name(&self) -> &str {
        &self.name
    }
}

impl<const OPERATOR: bool> FromStr for PolicyId<OPERATOR> {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        let noun = Self::KIND.noun();
        let parsed = parse(text, noun).map_err(|why| BadId::new(text, noun, Self::FORM, why));
        let (broker, [vhost, name]) = parsed?;
        Ok(Self {
            broker,
            vhost,
            name,
        })
    }
}

impl<const OPERATOR: bool> fmt::Display for PolicyId<OPERATOR> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [&*self.vhost, &*self.name];
        print(f, &self.broker, Self::KIND.noun(), &names)
    }
}

impl<const OPERATOR: bool> Attached for PolicyId<OPERATOR> {
    fn bases(&self) -> Vec<String> {
        surroundings(&self.broker, &self.vhost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_and_operator_policies_of_one_name_stay_apart() {
        let broker: BrokerId = "ferrymq://a:7443/b".parse().unwrap();
        let (vhost, name) = ("/".to_owned(), "a/b".to_owned());
        let id = PolicyId::<true> {
            broker,
            vhost,
            name,
        };
        let text = "ferrymq://a:7443/b/operator_policy/%2F/a%2Fb";
        assert_eq!(id.to_string(), text);
        assert_eq!(text.parse(), Ok(id));
        let error = text.parse::<PolicyId<false>>().unwrap_err();
        assert!(error.to_string().contains("BROKER-ID/policy/VHOST/NAME"));
    }
}
