//! Connections to agents: one per address and process, made when first needed, shared by all
//! resources; and the way to the node of a pair that serves.
//!
//! Terraform works on ten resources at a time and plans may hold thousands. So connecting is done
//! once while all others wait for it, and a failure to connect is remembered for a moment: a
//! thousand resources of an agent that is down are told so at once instead of one by one.
//!
//! A pair's id holds the addresses of both its agents. What is asked goes to the one that served
//! last, and from there to whoever serves now; while the nodes agree on a new active, it waits.

mod search;

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::ops::Deref;
use std::sync::{Arc, Mutex as Lock, PoisonError};
use std::time::{Duration, Instant};

use agent_api::v1::{self, Reason};
use agent_api::{Address, Client, Error};
use cloud_aws::Aws;
use tfplugin_rs::StopToken;
use tokio::sync::Mutex;
use tonic::{Response, Status};

use self::search::{Detour, Round, Verdict};
use crate::credentials::Credentials;
use crate::failure::{CallError, Kind};
use crate::id::BrokerId;
use crate::renewal::Renewals;

/// For how long a failed attempt to connect stands for the next ones.
const FAILURE_MEMORY: Duration = Duration::from_secs(3);

/// How often an agent that may be booting is asked.
const BOOT_POLL: Duration = Duration::from_secs(1);

/// For how long the nodes of a pair may be without an active one. An election takes some six
/// seconds.
const FAILOVER_PATIENCE: Duration = Duration::from_secs(30);

/// How often a pair without an active node is asked.
const FAILOVER_POLL: Duration = Duration::from_millis(500);

/// All agents this process talks to.
pub(crate) struct Agents {
    aws: Aws,
    credentials: Credentials,
    /// Fires when the person at the terminal interrupts.
    stop: StopToken,
    /// Held only to look up or add a slot, never while connecting.
    slots: Lock<HashMap<Address, Arc<Slot>>>,
    /// What is known of brokers on more than one agent. Held only to look up and note.
    pairs: Lock<HashMap<BrokerId, Pair>>,
    /// What has been warned of: once for each agent and question.
    warned: Lock<HashSet<String>>,
    /// What the plans of this process will make.
    renewals: Renewals,
}

/// What is known of a broker on more than one agent.
#[derive(Default, Clone, Copy)]
struct Pair {
    /// The address that answered last.
    served: Option<usize>,
    /// When waiting for an active node came to nothing: others need not wait as long again.
    given_up: Option<Instant>,
}

/// The connection to one address. The lock is held while connecting: that is how others wait.
#[derive(Default)]
struct Slot(Mutex<State>);

#[derive(Default)]
enum State {
    Connected(Client),
    Failed {
        error: Error,
        at: Instant,
    },
    #[default]
    Idle,
}

/// An agent that can be called.
pub(crate) struct Agent {
    client: Client,
    slot: Arc<Slot>,
}

/// Whether a call whose answer was lost may be sent to another node.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Effect {
    Changes,
    Reads,
}

impl Agents {
    /// Waits end at once when `stop` says that the person at the terminal has interrupted.
    pub(crate) fn new(credentials: Credentials, aws: Aws, stop: StopToken) -> Self {
        Self {
            aws,
            credentials,
            stop,
            slots: Lock::default(),
            pairs: Lock::default(),
            warned: Lock::default(),
            renewals: Renewals::default(),
        }
    }

    /// Where hosts come from.
    pub(crate) fn aws(&self) -> &Aws {
        &self.aws
    }

    /// What agents show and are shown.
    pub(crate) fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// What the agent at this address says about itself; asked anew, also if it did not answer a
    /// moment ago.
    pub(crate) async fn info(&self, address: &Address) -> Result<v1::AgentInfo, CallError> {
        self.forget_old_failure(address, BOOT_POLL);
        Ok(self.at(address).await?.client.info().clone())
    }

    /// What the plans of this process will make.
    pub(crate) fn renewals(&self) -> &Renewals {
        &self.renewals
    }

    /// True the first time it is asked about this.
    pub(crate) fn is_news(&self, about: String) -> bool {
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        warned.insert(about)
    }

    /// An agent that hosts `broker`: the first of its addresses that answers, whether it is the
    /// active one or not.
    pub(crate) async fn of(&self, broker: &BrokerId) -> Result<Agent, CallError> {
        let mut first_error = None;
        for address in broker.addresses() {
            match self.at(address).await {
                Ok(agent) => return Ok(agent),
                Err(error) => first_error = first_error.or(Some(error)),
            }
        }
        Err(first_error.expect("a broker's id holds at least one address"))
    }

    /// Asks something of the node of `broker` that serves, which changes nothing: when the answer is
    /// lost, another node is asked.
    pub(crate) async fn ask<R, T, F>(
        &self,
        broker: &BrokerId,
        request: R,
        send: impl Fn(Client, R) -> F,
    ) -> Result<T, CallError>
    where
        R: Clone,
        F: Future<Output = Result<Response<T>, Status>>,
    {
        self.find(Effect::Reads, broker, request, send).await
    }

    /// Sends one call to the node of `broker` that serves.
    pub(crate) async fn call<R, T, F>(
        &self,
        broker: &BrokerId,
        request: R,
        send: impl Fn(Client, R) -> F,
    ) -> Result<T, CallError>
    where
        R: Clone,
        F: Future<Output = Result<Response<T>, Status>>,
    {
        self.find(Effect::Changes, broker, request, send).await
    }

    /// Sends one call to the agent at this address, whatever it is to its broker.
    pub(crate) async fn call_at<T, F>(
        &self,
        address: &Address,
        send: impl FnOnce(Client) -> F,
    ) -> Result<T, CallError>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let agent = self.at(address).await?;
        agent.call(send(agent.client.clone())).await
    }

    /// Waits until an agent of `broker` answers that may still be booting: as long as none can be
    /// reached, asks again, until the deadline, if there is one, or until the person at the terminal
    /// interrupts.
    pub(crate) async fn await_up(
        &self,
        broker: &BrokerId,
        deadline: Option<tokio::time::Instant>,
        stop: &StopToken,
    ) -> Result<(), CallError> {
        let over = || deadline.is_some_and(|end| tokio::time::Instant::now() + BOOT_POLL > end);
        let mut told = false;
        loop {
            let error = match self.of(broker).await {
                Err(error @ CallError::Connect(Error::Unreachable { .. })) => error,
                other => return other.map(drop),
            };
            if stop.is_stopped() || over() {
                return Err(error);
            }
            if !told {
                told = true;
                tracing::warn!(%broker, %error, "waiting for the broker's agent to answer");
            }
            stop.unless_stopped(tokio::time::sleep(BOOT_POLL)).await;
            self.forget_old_failures(broker, BOOT_POLL);
        }
    }

    /// Sends a creation. Its request carries an idempotency token, so when the answer was lost it
    /// is sent once more: either the first one arrived, and the answer comes now, or it did not.
    pub(crate) async fn create<T, F>(
        &self,
        broker: &BrokerId,
        send: impl Fn(Client) -> F,
    ) -> Result<T, CallError>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let once = || self.call(broker, (), |agent, ()| send(agent));
        let first = match once().await {
            Err(error) if error.may_have_happened() => error,
            definite => return definite,
        };
        match once().await {
            Err(CallError::Connect(_)) => Err(first),
            Err(error) if error.may_have_happened() => Err(first),
            // The other node of a pair has the object and knows nothing of the token.
            Err(error) if broker.addresses().len() > 1 && error.is(Reason::AlreadyExists) => {
                Err(first)
            }
            definite => definite,
        }
    }

    /// Sends to one node after the other until one answers that serves, for as long as the nodes may
    /// take to agree on one.
    async fn find<R, T, F>(
        &self,
        effect: Effect,
        broker: &BrokerId,
        request: R,
        send: impl Fn(Client, R) -> F,
    ) -> Result<T, CallError>
    where
        R: Clone,
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let started = Instant::now();
        let mut told = false;
        loop {
            let error = match self.round(effect, broker, &request, &send).await {
                Ok(answer) => return answer,
                Err(error) => error,
            };
            if self.stop.is_stopped() || !self.is_worth_waiting(broker, started) {
                self.note(broker, |pair| pair.given_up = Some(Instant::now()));
                let waited = started.elapsed();
                return Err(CallError::NoActive {
                    waited,
                    last: Box::new(error),
                });
            }
            if !told {
                told = true;
                tracing::warn!(%broker, %error, "waiting for a node of the pair to become active");
            }
            self.stop
                .unless_stopped(tokio::time::sleep(FAILOVER_POLL))
                .await;
            self.forget_old_failures(broker, FAILOVER_POLL);
        }
    }

    /// Sends to one node after the other, each once. The error is the latest of those that make it
    /// worth to try again: the nodes have no active one now.
    async fn round<R, T, F>(
        &self,
        effect: Effect,
        broker: &BrokerId,
        request: &R,
        send: &impl Fn(Client, R) -> F,
    ) -> Result<Result<T, CallError>, CallError>
    where
        R: Clone,
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let addresses = broker.addresses();
        let mut round = Round::new(addresses.len(), self.known(broker).served);
        let mut errors = HashMap::new();
        while let Some(node) = round.next() {
            let address = &addresses[node];
            let call = |agent: Client| send(agent, request.clone());
            let answer = self.call_at(address, call).await;
            let detour = match &answer {
                Err(error) => detour(error, effect, addresses),
                Ok(_) => None,
            };
            match (answer, detour) {
                (Err(error), Some(detour)) => {
                    tracing::debug!(agent = %address, %error, "this node does not serve");
                    round.turned_away(node, detour);
                    errors.insert(node, error);
                }
                (answer, _) => {
                    self.note(broker, |pair| *pair = Pair::serving(node));
                    return Ok(answer);
                }
            }
        }
        let node = match round.verdict() {
            Verdict::Final(node) => node,
            Verdict::Wait => {
                let is_standby = |error: &CallError| error.is(Reason::NotActive);
                let standby = errors.values().find(|error| is_standby(error)).cloned();
                return Err(standby.expect("one of them stands by"));
            }
        };
        Ok(Err(errors.remove(&node).expect("every node was asked")))
    }

    /// Whether the nodes may still agree on an active one.
    fn is_worth_waiting(&self, broker: &BrokerId, started: Instant) -> bool {
        // Someone has waited in vain a moment ago; that holds for all who come after.
        let given_up = self.known(broker).given_up;
        given_up.is_none_or(|at| at.elapsed() > FAILOVER_PATIENCE)
            && started.elapsed() < FAILOVER_PATIENCE
    }

    fn known(&self, broker: &BrokerId) -> Pair {
        let pairs = self.pairs.lock().unwrap_or_else(PoisonError::into_inner);
        pairs.get(broker).copied().unwrap_or_default()
    }

    fn note(&self, broker: &BrokerId, change: impl FnOnce(&mut Pair)) {
        if broker.addresses().len() > 1 {
            let mut pairs = self.pairs.lock().unwrap_or_else(PoisonError::into_inner);
            change(pairs.entry(broker.clone()).or_default());
        }
    }

    /// The next call tries to connect, unless someone else did so since the last poll: however many
    /// wait for one agent, one of them asks it at a time.
    fn forget_old_failures(&self, broker: &BrokerId, poll: Duration) {
        for address in broker.addresses() {
            self.forget_old_failure(address, poll);
        }
    }

    fn forget_old_failure(&self, address: &Address, poll: Duration) {
        // Held by someone who is connecting right now: nothing to forget.
        if let Ok(mut state) = self.slot(address).0.try_lock()
            && matches!(*state, State::Failed { at, .. } if at.elapsed() >= poll)
        {
            *state = State::Idle;
        }
    }

    fn slot(&self, address: &Address) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.entry(address.clone()).or_default())
    }

    async fn at(&self, address: &Address) -> Result<Agent, CallError> {
        let identity = self
            .credentials
            .identity()
            .map_err(CallError::Credentials)?;
        let slot = self.slot(address);
        let mut state = slot.0.lock().await;
        match &*state {
            State::Connected(client) => {
                let client = client.clone();
                drop(state);
                return Ok(Agent { client, slot });
            }
            State::Failed { error, at } if at.elapsed() < FAILURE_MEMORY => {
                return Err(CallError::Connect(error.clone()));
            }
            State::Failed { .. } | State::Idle => {}
        }
        match Client::connect(&address.to_string(), identity).await {
            Ok(client) => {
                tracing::debug!(agent = %address, version = client.info().agent_version, "connected");
                *state = State::Connected(client.clone());
                drop(state);
                Ok(Agent { client, slot })
            }
            Err(error) => {
                *state = State::Failed {
                    error: error.clone(),
                    at: Instant::now(),
                };
                Err(CallError::Connect(error))
            }
        }
    }
}

/// Whether a node's error is one to go on to the next node with; `None`: it is the answer.
fn detour(error: &CallError, effect: Effect, addresses: &[Address]) -> Option<Detour> {
    let failure = match error {
        CallError::Connect(_) => return Some(Detour::Unavailable),
        CallError::Call(Error::Rpc(failure)) => failure,
        CallError::Call(_) if effect == Effect::Reads => return Some(Detour::Unavailable),
        CallError::Call(_) | CallError::Credentials(_) | CallError::NoActive { .. } => return None,
    };
    match failure.reason {
        Reason::NotFound if failure.object_kind == Kind::Broker.noun() => Some(Detour::Missing),
        Reason::Unavailable => Some(Detour::Unavailable),
        Reason::NotActive => {
            let named = failure.active.as_ref().map(|active| &active.agent);
            let place = named
                .and_then(|agent| agent.parse::<Address>().ok())
                .and_then(|agent| addresses.iter().position(|address| *address == agent));
            // The id lacks the node that serves: waiting does not help.
            let elsewhere = addresses.len() == 1 && named.is_some_and(|agent| !agent.is_empty());
            (!elsewhere).then_some(Detour::StandsBy(place))
        }
        _ => None,
    }
}

impl Pair {
    const fn serving(node: usize) -> Self {
        Self {
            served: Some(node),
            given_up: None,
        }
    }
}

impl Agent {
    /// Awaits a call of one of the services. When the connection broke under it, the next call
    /// makes a new one, so that "could not connect" and "broke while calling" stay different: only
    /// after the latter may the agent have done what it was asked.
    pub(crate) async fn call<T>(
        &self,
        call: impl Future<Output = Result<Response<T>, Status>>,
    ) -> Result<T, CallError> {
        let result = self.client.call(call).await.map_err(CallError::Call);
        if let Err(error) = &result
            && error.may_have_happened()
        {
            *self.slot.0.lock().await = State::Idle;
        }
        result
    }
}

impl Deref for Agent {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}
