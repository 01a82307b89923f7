//! Log files of a broker: between the attribute and the contract.

use agent_api::v1;
use tfplugin_rs::prelude::*;

/// Which log files the agents keep about a broker.
#[derive(Debug, Clone, PartialEq, Eq, Model)]
pub(crate) struct Logs {
    /// Who changed what, and who was refused. Default: `true`.
    #[attr(default = true)]
    pub(crate) audit: bool,

    /// Clients that come and go. Default: `true`.
    #[attr(default = true)]
    pub(crate) connection: bool,

    /// What happened to the broker. Default: `true`.
    #[attr(default = true)]
    pub(crate) general: bool,
}

impl Default for Logs {
    fn default() -> Self {
        Self {
            audit: true,
            connection: true,
            general: true,
        }
    }
}

impl Logs {
    /// As requests carry it.
    pub(crate) fn to_api(&self) -> v1::Logs {
        v1::Logs {
            general: Some(self.general),
            audit: Some(self.audit),
            connection: Some(self.connection),
        }
    }

    /// What an agent keeps.
    pub(crate) fn from_api(broker: &v1::Broker) -> Self {
        let logs = broker.logs.unwrap_or_default();
        Self {
            audit: logs.audit.unwrap_or(true),
            connection: logs.connection.unwrap_or(true),
            general: logs.general.unwrap_or(true),
        }
    }

    /// The attribute for what an agent keeps: null where it was null and nothing is left out.
    pub(crate) fn seen(broker: &v1::Broker, state: Option<&Self>) -> Option<Self> {
        let seen = Self::from_api(broker);
        (state.is_some() || seen != Self::default()).then_some(seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broker(logs: Option<v1::Logs>) -> v1::Broker {
        v1::Broker {
            logs,
            ..Default::default()
        }
    }

    #[test]
    fn what_is_not_said_is_kept() {
        let all = broker(None);
        assert_eq!(Logs::seen(&all, None), None);
        assert_eq!(
            Logs::seen(&all, Some(&Logs::default())),
            Some(Logs::default())
        );
    }

    #[test]
    fn what_was_switched_off_elsewhere_shows() {
        let quiet = Logs {
            connection: false,
            ..Logs::default()
        };
        let there = broker(Some(quiet.to_api()));
        assert_eq!(Logs::seen(&there, None), Some(quiet));
    }
}
