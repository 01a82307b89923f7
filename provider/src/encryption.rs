//! Encryption at rest: between the attribute and the contract.

use agent_api::v1;
use tfplugin_rs::prelude::*;
use tfplugin_rs::value::Value;

/// Where the master key of a broker comes from. Set on a broker that is not encrypted, it has the broker
/// restarted once, and what was written before rewritten in the background (`unencrypted_bytes`). A
/// change is a rotation that clients do not notice: what is written from then on has another key.
#[derive(Debug, Clone, PartialEq, Eq, Model)]
pub(crate) struct Encryption {
    /// Absolute path of a file on the machine of each agent, for the agent's user alone: 64 hexadecimal
    /// digits, as `openssl rand -hex 32` writes them. The nodes of a pair may have different keys.
    /// Without its key a broker cannot be started, and nothing of it can be read.
    #[attr(validate = validate::regex("^/", "must be an absolute path"))]
    pub(crate) key_file: String,
}

impl Encryption {
    /// As requests carry it.
    pub(crate) fn to_api(&self) -> v1::Encryption {
        v1::Encryption {
            key_file: self.key_file.clone(),
        }
    }

    /// What an agent has; null if it does not encrypt the broker.
    pub(crate) fn from_api(broker: &v1::Broker) -> Option<Self> {
        broker.encryption.as_ref().map(|encryption| Self {
            key_file: encryption.key_file.clone(),
        })
    }
}

/// Refuses a plan that would have a broker unencrypted again.
pub(crate) fn plan(plan: &ResourcePlan) -> Result<()> {
    if plan.action() != ResourceAction::Update {
        return Ok(());
    }
    let path = AttributePath::from("encryption");
    let is_null = |value: &Value| value.at(&path).is_none_or(Value::is_null);
    if is_null(plan.prior().value()) || !is_null(plan.planned().value()) {
        return Ok(());
    }
    let detail = "What is encrypted stays so. To have its messages unencrypted, make another broker and \
                  move them; or leave `encryption` as it is.";
    Err(Diagnostic::error("A broker stays encrypted", detail)
        .at("encryption")
        .into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_and_seen_again() {
        let encryption = Encryption {
            key_file: "/etc/key".to_owned(),
        };
        let broker = v1::Broker {
            encryption: Some(encryption.to_api()),
            ..Default::default()
        };
        assert_eq!(Encryption::from_api(&broker), Some(encryption));
        assert_eq!(Encryption::from_api(&v1::Broker::default()), None);
    }
}
