//! Pairs: a broker on two nodes, of which one serves and the other stands by.
//!
//! The agents of both are told of the broker one by one; who serves, the nodes decide. Files, by the
//! order in which to read them:
//!
//! - [`members`]: the nodes as a configuration names them, and their names and addresses.
//! - [`coordination`]: the store in which the nodes agree.
//! - [`view`]: what all agents say of the broker, put together.
//! - [`change`]: what a plan would do to a pair, and what it must not.
//! - [`settings`]: what every node is told.
//! - [`reconcile`]: brings the nodes to what is planned, from whatever they are.

pub(crate) mod change;
pub(crate) mod coordination;
pub(crate) mod members;
pub(crate) mod reconcile;
pub(crate) mod settings;
pub(crate) mod view;

use std::fmt;
use std::str::FromStr;

use agent_api::v1::ReplicationDurability;

/// The attribute `deployment_mode`, in Amazon MQ's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum DeploymentMode {
    ActiveStandby,
    Single,
}

impl DeploymentMode {
    pub(crate) const DEFAULT: &'static str = "SINGLE_INSTANCE";
    const PAIR: &'static str = "ACTIVE_STANDBY_MULTI_AZ";

    pub(crate) fn is_pair(self) -> bool {
        self == Self::ActiveStandby
    }
}

impl FromStr for DeploymentMode {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        match text {
            Self::DEFAULT => Ok(Self::Single),
            Self::PAIR => Ok(Self::ActiveStandby),
            _ => Err("it must be \"SINGLE_INSTANCE\" or \"ACTIVE_STANDBY_MULTI_AZ\""),
        }
    }
}

impl fmt::Display for DeploymentMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ActiveStandby => Self::PAIR,
            Self::Single => Self::DEFAULT,
        })
    }
}

/// The attribute `durability` of a broker: when a pair counts a message as safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum PairDurability {
    Preferred,
    Strict,
}

impl PairDurability {
    pub(crate) const DEFAULT: &'static str = "preferred";

    pub(crate) const fn to_api(self) -> ReplicationDurability {
        match self {
            Self::Preferred => ReplicationDurability::Preferred,
            Self::Strict => ReplicationDurability::Strict,
        }
    }

    pub(crate) const fn of(durability: ReplicationDurability) -> Self {
        match durability {
            ReplicationDurability::Strict => Self::Strict,
            ReplicationDurability::Preferred | ReplicationDurability::Unspecified => {
                Self::Preferred
            }
        }
    }
}

impl FromStr for PairDurability {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        match text {
            Self::DEFAULT => Ok(Self::Preferred),
            "strict" => Ok(Self::Strict),
            _ => Err("it must be \"preferred\" or \"strict\""),
        }
    }
}

impl fmt::Display for PairDurability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Preferred => Self::DEFAULT,
            Self::Strict => "strict",
        })
    }
}
