//! What all agents say of a broker, put together: who has it, who serves, who is in sync.

use std::sync::Arc;

use agent_api::v1::{self, GetBrokerRequest, Reason, ReplicationState};
use agent_api::{Address, Error, Failure};
use tfplugin_rs::prelude::Diagnostic;
use tokio::task::JoinSet;

use crate::agents::Agents;
use crate::failure::{CallError, Doing, Task};
use crate::id::BrokerId;

/// What the agents say, in the order in which they were named.
#[derive(Debug, Clone)]
pub(crate) struct View {
    pub(crate) seen: Vec<Seen>,
}

/// What one agent says.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) agent: Address,
    pub(crate) found: Found,
}

/// What there is at one agent.
#[derive(Debug, Clone)]
pub(crate) enum Found {
    /// The broker, or one of its name.
    Broker(Box<v1::Broker>),
    /// Positively no broker of this name.
    Missing,
    /// The agent could not be asked.
    Unknown(CallError),
}

impl View {
    /// Asks all agents at a time.
    pub(crate) async fn look(agents: &Arc<Agents>, id: &BrokerId) -> Self {
        let mut asked = JoinSet::new();
        for (place, agent) in id.addresses().iter().cloned().enumerate() {
            let (agents, name) = (Arc::clone(agents), id.name().to_owned());
            asked.spawn(async move {
                let found = look_at(&agents, &agent, name).await;
                (place, Seen { agent, found })
            });
        }
        let mut seen = asked.join_all().await;
        seen.sort_by_key(|(place, _)| *place);
        Self {
            seen: seen.into_iter().map(|(_, seen)| seen).collect(),
        }
    }

    /// The copies that were found.
    pub(crate) fn brokers(&self) -> impl Iterator<Item = &v1::Broker> {
        self.seen.iter().filter_map(Seen::broker)
    }

    /// What one agent says.
    pub(crate) fn at(&self, agent: &Address) -> Option<&Seen> {
        self.seen.iter().find(|seen| seen.agent == *agent)
    }

    /// The copy that knows best: the active one's, else that of the latest reign.
    pub(crate) fn best(&self) -> Option<&v1::Broker> {
        let rank = |broker: &&v1::Broker| {
            let status = replication(broker);
            let epoch = status.map_or(0, |status| status.epoch);
            (is_active(broker), epoch)
        };
        // The first of those that are alike.
        self.brokers().fold(None, |best, broker| match best {
            Some(best) if rank(&best) >= rank(&broker) => Some(best),
            _ => Some(broker),
        })
    }

    /// The agent of the node that serves.
    pub(crate) fn active(&self) -> Option<&Address> {
        let best = self.best().filter(|broker| is_active(broker))?;
        let serving = |seen: &&Seen| seen.broker().is_some_and(|it| std::ptr::eq(it, best));
        self.seen.iter().find(serving).map(|seen| &seen.agent)
    }

    /// Whether this agent's node is known to have everything that was confirmed. A single broker
    /// always has.
    ///
    /// The one that serves and the node itself have to say so: the former may still speak of a disk
    /// that the latter does not have any more, and who is not heard may have gone a moment ago.
    pub(crate) fn is_in_sync(&self, agent: &Address) -> bool {
        let own = self.at(agent).and_then(Seen::broker);
        let (Some(own), Some(best)) = (own, self.best()) else {
            return false;
        };
        let (Some(settings), Some(status)) = (&own.replication, replication(best)) else {
            return own.replication.is_none();
        };
        let state = replication(own).map(v1::ReplicationStatus::state);
        let said_to_be = status.nodes.iter().find(|it| it.id == settings.node);
        said_to_be.is_some_and(|node| node.in_sync)
            && (is_active(own) || state == Some(ReplicationState::InSync))
    }

    /// The number of this agent's node: as it says itself, else as the others know its address.
    pub(crate) fn node_of(&self, agent: &Address) -> Option<u32> {
        let own = self.at(agent).and_then(Seen::broker);
        if let Some(replication) = own.and_then(|broker| broker.replication.as_ref()) {
            return Some(replication.node);
        }
        let nodes = &self.best()?.replication.as_ref()?.nodes;
        let is_there = |node: &&v1::ReplicationNode| node.agent.parse().as_ref() == Ok(agent);
        nodes.iter().find(is_there).map(|node| node.id)
    }

    /// The name of this node.
    pub(crate) fn name_of(&self, node: u32) -> Option<&str> {
        let nodes = &self.best()?.replication.as_ref()?.nodes;
        let found = nodes.iter().find(|it| it.id == node)?;
        Some(&found.name)
    }

    /// Why there is no broker to speak of.
    pub(crate) fn failed(&self, task: &Task<'_>) -> Diagnostic {
        match self.first_error() {
            Some(error) => task.failed(error),
            None if task.doing == Doing::Import => task.missing(),
            None => {
                let text = format!("there is no broker {:?}", task.name);
                let failure = Failure::new(Reason::NotFound, text).of("broker", task.name);
                task.failed(&CallError::Call(Error::Rpc(Box::new(failure))))
            }
        }
    }

    /// The first error of an agent that could not be asked.
    pub(crate) fn first_error(&self) -> Option<&CallError> {
        self.seen.iter().find_map(Seen::error)
    }
}

impl Seen {
    pub(crate) fn broker(&self) -> Option<&v1::Broker> {
        match &self.found {
            Found::Broker(broker) => Some(broker),
            Found::Missing | Found::Unknown(_) => None,
        }
    }

    pub(crate) fn error(&self) -> Option<&CallError> {
        match &self.found {
            Found::Unknown(error) => Some(error),
            Found::Broker(_) | Found::Missing => None,
        }
    }

    pub(crate) fn is_missing(&self) -> bool {
        matches!(self.found, Found::Missing)
    }
}

/// Asks one agent.
pub(crate) async fn look_at(agents: &Agents, agent: &Address, name: String) -> Found {
    let ask = || {
        let request = GetBrokerRequest { name: name.clone() };
        agents.call_at(agent, |agent| async move {
            agent.brokers().get_broker(request).await
        })
    };
    let asked = match ask().await {
        // The connection may have gone with a process that runs again by now.
        Err(CallError::Call(Error::Unreachable { .. })) => ask().await,
        asked => asked,
    };
    match asked {
        Ok(broker) => Found::Broker(Box::new(broker)),
        Err(error) if error.is_not_found() => Found::Missing,
        Err(error) => Found::Unknown(error),
    }
}

/// The part of its status that is about being one of several.
pub(crate) fn replication(broker: &v1::Broker) -> Option<&v1::ReplicationStatus> {
    broker.status.as_ref()?.replication.as_deref()
}

/// Whether this copy serves; a single broker's does.
pub(crate) fn is_active(broker: &v1::Broker) -> bool {
    use ReplicationState as State;
    if broker.replication.is_none() {
        return true;
    }
    let state = replication(broker).map(v1::ReplicationStatus::state);
    matches!(
        state,
        Some(State::ActiveAlone | State::ActiveBlocked | State::ActiveReplicated)
    )
}
