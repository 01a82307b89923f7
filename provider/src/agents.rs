//! Connections to agents: one per address and process, made when first needed, shared by all
//! resources.
//!
//! Terraform works on ten resources at a time and plans may hold thousands. So connecting is done
//! once while all others wait for it, and a failure to connect is remembered for a moment: a
//! thousand resources of an agent that is down are told so at once instead of one by one.

use std::collections::HashMap;
use std::future::Future;
use std::ops::Deref;
use std::sync::{Arc, Mutex as Lock, PoisonError};
use std::time::{Duration, Instant};

use agent_api::{Address, Client, Error};
use tfplugin_rs::StopToken;
use tokio::sync::Mutex;
use tonic::{Response, Status};

use crate::credentials::Credentials;
use crate::failure::CallError;
use crate::id::BrokerId;
use crate::renewal::Renewals;

/// For how long a failed attempt to connect stands for the next ones.
const FAILURE_MEMORY: Duration = Duration::from_secs(3);

/// How often an agent that may be booting is asked.
const BOOT_POLL: Duration = Duration::from_secs(1);

/// All agents this process talks to.
pub(crate) struct Agents {
    credentials: Credentials,
    /// Held only to look up or add a slot, never while connecting.
    slots: Lock<HashMap<Address, Arc<Slot>>>,
    /// What the plans of this process will make.
    renewals: Renewals,
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

impl Agents {
    pub(crate) fn new(credentials: Credentials) -> Self {
        Self {
            credentials,
            slots: Lock::default(),
            renewals: Renewals::default(),
        }
    }

    /// What the plans of this process will make.
    pub(crate) fn renewals(&self) -> &Renewals {
        &self.renewals
    }

    /// The agent that hosts `broker`: the first of its addresses that answers.
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

    /// Sends one call to the agent that hosts `broker`.
    pub(crate) async fn call<T, F>(
        &self,
        broker: &BrokerId,
        send: impl FnOnce(Client) -> F,
    ) -> Result<T, CallError>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let agent = self.of(broker).await?;
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
            self.forget_old_failures(broker);
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
        let agent = self.of(broker).await?;
        let first = match agent.call(send(agent.client.clone())).await {
            Err(error) if error.may_have_happened() => error,
            definite => return definite,
        };
        let Ok(agent) = self.of(broker).await else {
            return Err(first);
        };
        match agent.call(send(agent.client.clone())).await {
            Err(error) if error.may_have_happened() => Err(first),
            definite => definite,
        }
    }

    /// The next call tries to connect, unless someone else did so since the last poll: however many
    /// wait for one agent, one of them asks it at a time.
    fn forget_old_failures(&self, broker: &BrokerId) {
        for address in broker.addresses() {
            // Held by someone who is connecting right now: nothing to forget.
            if let Ok(mut state) = self.slot(address).0.try_lock()
                && matches!(*state, State::Failed { at, .. } if at.elapsed() >= BOOT_POLL)
            {
                *state = State::Idle;
            }
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
