//! Brings the nodes of a pair to what is planned, from whatever they are.
//!
//! Every step looks at what is there and does what is missing. So an apply that was interrupted is
//! finished by the next one, and a node that has lost its broker gets a copy of the other's: it is
//! never founded a second time.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use agent_api::v1::{
    self, CreateBrokerRequest, DeleteBrokerRequest, Expect, SwitchoverBrokerRequest,
    UpdateBrokerRequest, expect::State,
};
use agent_api::{Address, FieldMask};
use tfplugin_rs::StopToken;
use tfplugin_rs::prelude::*;
use tokio::time::Instant;

use super::change::{Nodes, Shape, successor};
use super::settings::{Plan, Settings};
use super::view::{View, replication};
use crate::agents::Agents;
use crate::failure::{self, CallError, Doing, Task};
use crate::generation;
use crate::id::BrokerId;
use crate::object::ObjectId as _;

/// How often nodes are looked at while something is waited for.
const POLL: Duration = Duration::from_millis(500);

/// How often waiting is told in the log.
const TELL: Duration = Duration::from_secs(10);

/// How long a node may take to hand over to the other, seconds: less than a call may last.
const SWITCHOVER_S: u32 = 45;

/// For how long an active node may still count on a standby whose copy was just deleted.
const SHRINK_PATIENCE: Duration = Duration::from_secs(20);

/// What is being done to which pair.
pub(crate) struct Job {
    pub(crate) agents: Arc<Agents>,
    /// With the addresses of all nodes concerned.
    pub(crate) id: BrokerId,
    pub(crate) doing: Doing,
    pub(crate) deadline: Option<Instant>,
    pub(crate) stop: StopToken,
    /// Generations as they were last seen, by agent.
    pub(crate) seen: BTreeMap<String, u64>,
}

/// From what to what a broker is brought that exists.
pub(crate) struct Change<'a> {
    pub(crate) before: &'a Shape,
    pub(crate) after: &'a Shape,
    pub(crate) uid: &'a str,
    /// Secrets are to be written again.
    pub(crate) rotates: bool,
    /// The highest number that a node of it ever had.
    pub(crate) last_number: u32,
}

impl Job {
    /// What all agents say.
    pub(crate) async fn look(&self) -> View {
        View::look(&self.agents, &self.id).await
    }

    /// Makes a pair from nothing. `keep` is told when there is something to remember, and when there is
    /// nothing any more.
    pub(crate) async fn found(
        &self,
        plan: &Plan,
        settings: &Settings,
        mut keep: impl FnMut(bool),
    ) -> Result<View> {
        let agents: Vec<Address> = plan.members.iter().map(|it| it.agent.clone()).collect();
        self.await_up(&agents).await?;
        // Before anything is made: what is in the way at the second node would leave a half.
        if let Some(there) = self
            .look()
            .await
            .seen
            .iter()
            .find(|it| it.broker().is_some())
        {
            let name = self.id.name();
            let text = format!("the agent at {} has a broker {name:?} already", there.agent);
            let failure =
                agent_api::Failure::new(v1::Reason::AlreadyExists, text).of("broker", name);
            let error = CallError::Call(agent_api::Error::Rpc(Box::new(failure)));
            return Err(self.task().failed(&error).into());
        }
        let founder = settings.founder();
        let others = (0..agents.len()).filter(|place| *place != founder);
        for place in std::iter::once(founder).chain(others) {
            let result = self
                .create_at(&agents[place], settings.of_node(place))
                .await;
            match result {
                Ok(_) => keep(true),
                Err(error) => {
                    let mut diagnostic = self.task().failed(&error);
                    let sure = !error.may_have_happened();
                    if sure && place == founder {
                        return Err(diagnostic.into());
                    }
                    // Nobody knows of it yet, so nothing is in it.
                    if sure && self.delete_at(&agents[founder], true).await.is_ok() {
                        keep(false);
                        diagnostic.detail.push_str(
                            " What was made at the other node was removed; the next apply begins anew.",
                        );
                        return Err(diagnostic.into());
                    }
                    keep(true);
                    diagnostic.detail.push_str(
                        " Its nodes may be there in part: the state marks the broker as tainted, and the \
                         next apply makes it anew.",
                    );
                    return Err(diagnostic.into());
                }
            }
        }
        self.await_in_sync(&agents).await
    }

    /// Brings a broker to what is planned for it as a pair. Gives the highest number of a node.
    pub(crate) async fn follow(&self, plan: &Plan, change: &Change<'_>) -> Result<(View, u32)> {
        let mut view = self.look().await;
        let nodes = self.judged(change, &view)?;
        let successor = successor(change.before, change.after, &nodes, &view);
        if let Some(to) = successor.as_ref().filter(|to| nodes.kept.contains(to)) {
            view = self.switch_over(to, &view).await?;
        }
        self.delete_copies(&nodes.gone, &view).await?;
        let settings = Settings::following(plan, &view, change.last_number);
        // The standby first: a change may start the node anew, and then the other one serves.
        let mut places: Vec<usize> = (0..plan.members.len()).collect();
        places.sort_by_key(|place| view.active() == Some(&plan.members[*place].agent));
        for place in places {
            let member = &plan.members[place];
            let there = view.at(&member.agent).and_then(|seen| seen.broker());
            let mut paths = there.map(|it| settings.changed(it)).unwrap_or_default();
            if change.rotates && !paths.contains(&"replication".to_owned()) {
                paths.push("replication".to_owned());
            }
            if nodes.kept.contains(&member.agent) && !paths.is_empty() {
                let wanted = settings.of_node(place);
                self.update_at(&member.agent, wanted, paths).await?;
            }
        }
        for (place, member) in plan.members.iter().enumerate() {
            if nodes.added.contains(&member.agent) {
                self.await_up(std::slice::from_ref(&member.agent)).await?;
                let made = self.create_at(&member.agent, settings.of_node(place)).await;
                made.map_err(|error| self.task().failed(&error))?;
            }
        }
        if !nodes.added.is_empty() {
            let agents: Vec<Address> = plan.members.iter().map(|it| it.agent.clone()).collect();
            view = self.await_in_sync(&agents).await?;
        }
        view = match successor.filter(|to| nodes.added.contains(to)) {
            Some(to) => self.switch_over(&to, &view).await?,
            None => {
                self.until("a node to serve", |view| view.active().is_some())
                    .await?
            }
        };
        Ok((view, settings.last_number()))
    }

    /// Makes a pair a single broker again, on the one agent that `single` names.
    pub(crate) async fn unmake(&self, single: v1::Broker, change: &Change<'_>) -> Result<View> {
        let mut view = self.look().await;
        let nodes = self.judged(change, &view)?;
        let Some(keep) = nodes.kept.first() else {
            return Err(self.task().missing().into());
        };
        // An apply before this one may have deleted the other copy; then there is none to hand over.
        let is_last = view.brokers().count() == 1;
        if is_last {
            view = self
                .until("the node to serve", |view| view.active().is_some())
                .await?;
        } else if view.active() != Some(keep) {
            view = self.switch_over(keep, &view).await?;
        }
        self.delete_copies(&nodes.gone, &view).await?;
        let paths = ["encryption", "listeners", "logs", "replication"]
            .map(str::to_owned)
            .to_vec();
        self.update_at(keep, single, paths).await?;
        Ok(self.look().await)
    }

    /// Deletes all copies, the one that serves last.
    pub(crate) async fn delete_all(&self, force: bool) -> Result<()> {
        let view = self.look().await;
        if let Some(error) = view.first_error() {
            return Err(self.task().failed(error).into());
        }
        let active = view.active().cloned();
        let standbys = view
            .seen
            .iter()
            .filter(|seen| Some(&seen.agent) != active.as_ref());
        for seen in standbys.filter(|seen| seen.broker().is_some()) {
            self.delete_at(&seen.agent, force).await?;
        }
        match active {
            Some(active) => self.delete_at(&active, force).await,
            None => Ok(()),
        }
    }

    /// What the change comes to now; the plan was made some time ago.
    fn judged(&self, change: &Change<'_>, view: &View) -> Result<Nodes> {
        let (before, after) = (change.before, change.after);
        super::change::judge(before, after, view, change.uid)?;
        let nodes = Nodes::compare(&before.agents, &after.agents, view, change.uid);
        let namesake = |agent: &&Address| view.at(agent).is_some_and(|it| it.broker().is_some());
        if nodes.added.iter().any(|agent| namesake(&agent)) {
            return Err(self.task().namesake().into());
        }
        Ok(nodes)
    }

    fn task(&self) -> Task<'_> {
        self.id.task(self.doing)
    }

    /// Waits until each of these agents answers.
    async fn await_up(&self, agents: &[Address]) -> Result<()> {
        for agent in agents {
            let alone = self.id.at(agent);
            let up = self.agents.await_up(&alone, self.deadline, &self.stop);
            up.await.map_err(|error| self.task().given_up(&error))?;
        }
        Ok(())
    }

    /// Makes the broker at this agent, as its node of the pair. When the answer is lost it is asked
    /// for again, under the same token.
    async fn create_at(&self, agent: &Address, broker: v1::Broker) -> Result<(), CallError> {
        let request = CreateBrokerRequest {
            broker: Some(broker),
            // Without one, a repetition is told that the broker exists.
            idempotency_token: generation::token().unwrap_or_default(),
        };
        tracing::info!(broker = %self.id, %agent, "making the node's copy");
        let alone = self.id.at(agent);
        let made = self.agents.create(&alone, |agent| {
            let request = request.clone();
            async move { agent.brokers().create_broker(request).await }
        });
        made.await.map(drop)
    }

    async fn update_at(
        &self,
        agent: &Address,
        broker: v1::Broker,
        paths: Vec<String>,
    ) -> Result<()> {
        tracing::info!(broker = %self.id, %agent, ?paths, "changing the node's settings");
        let expect = self.seen.get(&agent.to_string()).map(|generation| Expect {
            state: Some(State::Generation(*generation)),
        });
        let request = UpdateBrokerRequest {
            broker: Some(broker),
            update_mask: Some(FieldMask { paths }),
            expect,
        };
        let end = Instant::now() + SHRINK_PATIENCE;
        loop {
            let request = request.clone();
            let updated = self.agents.call_at(agent, |agent| async move {
                agent.brokers().update_broker(request).await
            });
            match updated.await {
                Ok(_) => return Ok(()),
                Err(error) => self.until_alone(&error, end).await?,
            }
        }
    }

    /// What is refused because another node is in sync may be tried again, for as long as the active
    /// one may take to notice that it is gone.
    async fn until_alone(&self, error: &CallError, end: Instant) -> Result<()> {
        if !error.is(v1::Reason::InUse) || Instant::now() >= end {
            return Err(self.task().failed(error).into());
        }
        self.stop.unless_stopped(tokio::time::sleep(POLL)).await;
        Ok(())
    }

    /// Deletes copies of nodes that are none any more, where they can be reached.
    async fn delete_copies(&self, gone: &[Address], view: &View) -> Result<()> {
        for agent in gone {
            match view.at(agent) {
                Some(seen) if seen.broker().is_some() => self.delete_at(agent, false).await?,
                Some(seen) if seen.error().is_some() => {
                    tracing::warn!(broker = %self.id, %agent, "its copy cannot be deleted: not reached");
                }
                _ => {}
            }
        }
        Ok(())
    }

    async fn delete_at(&self, agent: &Address, force: bool) -> Result<()> {
        tracing::info!(broker = %self.id, %agent, "deleting the node's copy");
        let request = DeleteBrokerRequest {
            name: self.id.name().to_owned(),
            expect: None,
            force,
        };
        let end = Instant::now() + SHRINK_PATIENCE;
        loop {
            let request = request.clone();
            let deleted = self.agents.call_at(agent, |agent| async move {
                agent.brokers().delete_broker(request).await
            });
            match failure::gone(deleted.await) {
                Ok(()) => return Ok(()),
                Err(error) => self.until_alone(&error, end).await?,
            }
        }
    }

    /// Has the active node hand over to this one, and waits until it serves.
    async fn switch_over(&self, to: &Address, view: &View) -> Result<View> {
        if view.active() == Some(to) {
            return Ok(view.clone());
        }
        let number = view.node_of(to).unwrap_or_default();
        let to_name = view.name_of(number).unwrap_or_default().to_owned();
        tracing::info!(broker = %self.id, %to, node = to_name, "switching over");
        let request = SwitchoverBrokerRequest {
            name: self.id.name().to_owned(),
            to: to_name,
            timeout_s: SWITCHOVER_S,
        };
        let switched = self
            .agents
            .call(&self.id, request, |agent, request| async move {
                agent.brokers().switchover_broker(request).await
            });
        switched.await.map_err(|error| self.task().failed(&error))?;
        let is_done = |view: &View| view.active() == Some(to);
        self.until("the node to become active", is_done).await
    }

    /// Waits until all of these nodes have everything, and one of them serves.
    async fn await_in_sync(&self, agents: &[Address]) -> Result<View> {
        let is_done = |view: &View| {
            view.active().is_some() && agents.iter().all(|agent| view.is_in_sync(agent))
        };
        self.until("the nodes to be in sync", is_done).await
    }

    /// Looks until it is as it should be, the deadline is over, or the person at the terminal
    /// interrupts.
    async fn until(&self, what: &str, is_done: impl Fn(&View) -> bool) -> Result<View> {
        let started = Instant::now();
        let mut told = None;
        loop {
            let view = self.look().await;
            if is_done(&view) {
                return Ok(view);
            }
            let now = Instant::now();
            let is_over = self.deadline.is_some_and(|end| now + POLL > end);
            if is_over || self.stop.is_stopped() {
                return Err(self.unfinished(what, now - started, &view).into());
            }
            if told.is_none_or(|told: Instant| now - told >= TELL) {
                told = Some(now);
                let nodes = progress(&view);
                tracing::info!(broker = %self.id, nodes, "waiting for {what}");
            }
            self.stop.unless_stopped(tokio::time::sleep(POLL)).await;
        }
    }

    fn unfinished(&self, what: &str, waited: Duration, view: &View) -> Diagnostic {
        let operation = if self.doing == Doing::Create {
            "create"
        } else {
            "update"
        };
        let detail = format!(
            "The broker {:?} was waited for, {} s, for {what}: {}. Nothing is lost, and its nodes go on \
             by themselves. Apply again to wait on, or raise `timeouts.{operation}`.",
            self.id.name(),
            waited.as_secs(),
            progress(view),
        );
        let path = AttributePath::from("timeouts").attribute(operation);
        Diagnostic::error("The pair is not ready yet", detail).at(path)
    }
}

/// How far each node is, for people.
fn progress(view: &View) -> String {
    let mut text = String::new();
    for seen in &view.seen {
        let separator = if text.is_empty() { "" } else { "; " };
        let state = match (seen.broker(), seen.error()) {
            (Some(broker), _) => {
                let status = replication(broker);
                let reason = status.map(|it| it.reason.as_str()).unwrap_or_default();
                let state = status.map_or("SINGLE", |it| it.state().as_str_name());
                let state = state.trim_start_matches("REPLICATION_STATE_");
                match reason {
                    "" => state.to_owned(),
                    reason => format!("{state}, {reason}"),
                }
            }
            (None, Some(error)) => error.to_string(),
            (None, None) => "no such broker".to_owned(),
        };
        // Writing to a string does not fail.
        let _ = write!(text, "{separator}{}: {state}", seen.agent);
    }
    text
}
