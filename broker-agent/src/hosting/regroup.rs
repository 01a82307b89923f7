//! What makes a group of a single broker, changes it, and makes it single again.

use std::sync::Arc;
use std::time::Duration;

use agent_api::Failure;
use agent_api::v1::Reason;
use broker_core::journal::FileDisk;
use broker_core::replication::coordinator::{Coordinator, Snapshot};
use broker_core::replication::record::Member;
use broker_core::replication::replica::forget;
use tokio::runtime::Handle;
use tracing::error;

use super::failures::{registry_failed, start_failed};
use super::operator::hand_over;
use super::pairs::engine;
use super::{Hosting, STOP_DEADLINE, Slot, State};
use crate::host::JOURNAL;
use crate::registry::Record;
use crate::replication::pair::settings;
use crate::replication::settings::Settings;
use crate::replication::store;

/// How long a node that is preferred from now on has to take over.
const PREFERENCE_PATIENCE: Duration = Duration::from_secs(30);

/// What is to be done between the stop of a broker as it was and its start as it is to be.
enum Between {
    /// The group ends, with its data on this member alone.
    End(Member, Arc<dyn Coordinator>),
    /// The journal is no member's any more.
    Forget,
    Nothing,
}

impl Hosting {
    /// A single broker becomes a node of a group, a node's settings change, or it becomes single.
    pub(super) async fn change_group(
        &self,
        slot: &Arc<Slot>,
        old: &Arc<Record>,
        new: &Arc<Record>,
    ) -> Result<(), Failure> {
        match (&old.replication, &new.replication) {
            (None, _) => {
                self.check_founder(new)?;
                let seen = self.check(new).await?;
                check_free(slot, new, &seen)?;
                self.exchange(slot, old, new, Between::Forget).await?;
                self.await_founding(slot, new).await;
                Ok(())
            }
            (Some(_), None) => {
                let between = self.check_last(slot, old).await?;
                self.exchange(slot, old, new, between).await
            }
            (Some(before), Some(after)) => {
                self.check_self(after)?;
                self.prefer(slot, old, before, after).await?;
                let quiet = Settings {
                    durability: before.durability,
                    preferred_active: before.preferred_active,
                    founder: before.founder,
                    ..after.clone()
                };
                if quiet != *before {
                    self.check(new).await?;
                    self.exchange(slot, old, new, Between::Nothing).await?;
                } else {
                    self.set_durability(slot, old, before, after).await?;
                    let registered = self.register(Arc::clone(new)).await;
                    registered.map_err(|error| registry_failed(new, &error))?;
                }
                Ok(())
            }
        }
    }

    /// Another durability: the active writes it to the record, and clients notice nothing.
    async fn set_durability(
        &self,
        slot: &Slot,
        record: &Record,
        before: &Settings,
        after: &Settings,
    ) -> Result<(), Failure> {
        let State::Paired(pair) = slot.view().state else {
            return Ok(());
        };
        let (old, new) = (before.durability, after.durability);
        if old == new || pair.set_durability(old, new).await {
            return Ok(());
        }
        let sentence = format!(
            "the durability is as it was: it was not written to {}; try again when the store answers",
            store::place(&after.coordination)
        );
        let failure = Failure::new(Reason::Unavailable, sentence);
        Err(failure
            .at("replication.durability")
            .of("broker", record.name.as_str()))
    }

    /// Another preferred node: the active hands over to it.
    async fn prefer(
        &self,
        slot: &Slot,
        record: &Record,
        before: &Settings,
        after: &Settings,
    ) -> Result<(), Failure> {
        let moved = after
            .preferred_active
            .filter(|_| before.preferred_active != after.preferred_active);
        let target = moved
            .filter(|id| *id != after.node)
            .and_then(|id| after.find(id));
        let State::Paired(pair) = slot.view().state else {
            return Ok(());
        };
        match target {
            Some(target) if pair.active().await.is_some() => {
                hand_over(record, after, &pair, target, PREFERENCE_PATIENCE).await?;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Only a node that founds has data of its own.
    fn check_founder(&self, new: &Record) -> Result<(), Failure> {
        let founder = new
            .replication
            .as_ref()
            .filter(|settings| !settings.founds());
        let Some(settings) = founder else {
            return Ok(());
        };
        let sentence = format!(
            "broker {:?} has data here, and node {} is to found the group; name this node, {}, as the \
             founder, and create the broker on the others",
            new.name.as_str(),
            settings.founder,
            settings.node
        );
        Err(Failure::new(Reason::Invalid, sentence).at("replication.founder"))
    }

    /// A pair becomes single where its data is, when no other node has it any more.
    async fn check_last(&self, slot: &Slot, old: &Record) -> Result<Between, Failure> {
        let State::Paired(pair) = slot.view().state else {
            return Err(super::unavailable(old.name.as_str(), &slot.view().state));
        };
        if !pair.has_ended() {
            engine(old, &pair).await?;
        }
        let Some(other) = pair.others_in_sync().first().copied() else {
            return Ok(Between::End(pair.member(), pair.coordinator()));
        };
        let name = settings(old).map_or_else(|_| other.to_string(), |s| s.name_of(other));
        let sentence = format!(
            "node {name} is in sync and could become active meanwhile; delete broker {:?} on its agent \
             first",
            old.name.as_str()
        );
        Err(Failure::new(Reason::InUse, sentence)
            .at("replication")
            .of("broker", old.name.as_str()))
    }

    /// Stops a broker as it was and starts it as it is to be; if that fails, as it was.
    async fn exchange(
        &self,
        slot: &Arc<Slot>,
        old: &Arc<Record>,
        new: &Arc<Record>,
        between: Between,
    ) -> Result<(), Failure> {
        let state = slot.view().state;
        self.show(slot, State::Stopping);
        self.halt(state, STOP_DEADLINE).await;
        self.show(slot, State::Starting);
        let failure = match self.do_between(old, between).await {
            Err(failure) => failure,
            Ok(()) => match self.register(Arc::clone(new)).await {
                Err(error) => registry_failed(new, &error),
                Ok(()) => match self.run(slot, new).await {
                    Ok(()) => return Ok(()),
                    Err(failure) => start_failed(new, &failure),
                },
            },
        };
        if let Err(error) = self.register(Arc::clone(old)).await {
            error!(broker = %old.name, %error, "registry cannot be restored");
        }
        if let Err(failure) = self.run(slot, old).await {
            error!(broker = %old.name, %failure, "broker cannot be started as it was");
            self.show(slot, State::Failed(failure.to_string()));
            self.start_again(slot, old);
        }
        Err(failure)
    }

    /// What a change needs done while the broker is stopped. A crash right behind it leaves the
    /// broker registered as it was: one that has forgotten its membership is single, and one that has
    /// ended its group founds it again.
    async fn do_between(&self, old: &Arc<Record>, between: Between) -> Result<(), Failure> {
        let done = match between {
            Between::Nothing => return Ok(()),
            Between::Forget => {
                let journal = self.data_dir(old).join(JOURNAL);
                tokio::task::spawn_blocking(move || {
                    let disk = FileDisk::open(&journal).map_err(|error| error.to_string())?;
                    forget(&*disk).map_err(|error| error.to_string())
                })
                .await
            }
            Between::End(survivor, store) => {
                let coordination = settings_of(old)?.coordination.clone();
                tokio::task::spawn_blocking(move || store::end(&*store, &coordination, survivor))
                    .await
            }
        };
        let failed = |reason, text| Failure::new(reason, text).of("broker", old.name.as_str());
        match done {
            Ok(Ok(())) => Ok(()),
            Ok(Err(text)) => Err(failed(Reason::Unavailable, text)),
            Err(panic) => Err(failed(Reason::Internal, panic.to_string())),
        }
    }

    /// What can be known to be wrong with a pair before it is begun. Gives out the group's record.
    pub(super) async fn check(&self, record: &Record) -> Result<Snapshot, Failure> {
        let settings = settings_of(record)?;
        self.check_self(settings)?;
        let opened = store::open(&settings.coordination, &settings.group, &Handle::current());
        let store = opened.map_err(|error| store_failed(settings, &error))?;
        read(settings, store).await
    }

    /// Whether the settings mean this agent when they say so.
    fn check_self(&self, settings: &Settings) -> Result<(), Failure> {
        let index = settings
            .nodes
            .iter()
            .position(|node| node.id == settings.node);
        let field = |name: &str| format!("replication.nodes.{}.{name}", index.unwrap_or(0));
        let own = settings.own();
        let Some(links) = &self.links else {
            let sentence = "this agent's replication listener is switched off; set replication.listen \
                            in its configuration and start it again";
            return Err(Failure::new(Reason::Unsupported, sentence).at("replication"));
        };
        let agent: Option<agent_api::Address> = own.agent.parse().ok();
        let elsewhere = agent.is_some_and(|agent| {
            agent.host == links.advertised_host && agent.port != links.grpc.port()
        });
        if elsewhere {
            let sentence = format!(
                "node {} is said to be this agent, and its agent is {}; this one is {}:{}. Give each \
                 agent its own number in `node`",
                own.id,
                own.agent,
                links.advertised_host,
                links.grpc.port()
            );
            return Err(Failure::new(Reason::Invalid, sentence).at("replication.node"));
        }
        let Some(acceptors) = &self.acceptors else {
            let sentence = "an agent without certificates hosts no replicated brokers";
            return Err(Failure::new(Reason::Unsupported, sentence).at("replication"));
        };
        let host = own.replication_host();
        if !acceptors.is_valid_for(&host) {
            let sentence = format!(
                "node {} is said to be this agent, and this agent's certificate is not valid for {host}, \
                 so other nodes would refuse it; name the agent that it is, or give this one a \
                 certificate for that host",
                own.id
            );
            return Err(Failure::new(Reason::Invalid, sentence).at(field("replication")));
        }
        if !acceptors.is_good_for_links() {
            let sentence = "this agent's certificate is good as a server's only, and other nodes want \
                            one that is also good as a client's; make one with `broker-agent init \
                            --authority`";
            return Err(Failure::new(Reason::Unsupported, sentence).at("replication"));
        }
        Ok(())
    }
}

/// A group is founded where there was none, or where one has ended that left its data here.
fn check_free(slot: &Slot, new: &Record, seen: &Snapshot) -> Result<(), Failure> {
    let settings = settings_of(new)?;
    let Some(record) = &seen.record else {
        return Ok(());
    };
    match (record.ended, slot.view().state) {
        (Some(ended), State::Running(host)) if ended.store == host.admin().store() => Ok(()),
        (Some(ended), _) => Err(has_ended(settings, ended)),
        (None, _) => {
            let sentence = format!(
                "{} holds a record of group {} already, of which this broker's data is not; it would be \
                 thrown away for that group's. Remove the record if no node of that group runs any more, \
                 or use another store",
                store::place(&settings.coordination),
                settings.group
            );
            Err(Failure::new(Reason::Mismatch, sentence).at("replication.group"))
        }
    }
}

pub(super) fn has_ended(settings: &Settings, ended: Member) -> Failure {
    let sentence = format!(
        "group {} has ended, says the record in {}: node {} went on alone, with other data than there \
         is here. Make that broker a pair again, or remove the record if its data is no more",
        settings.group,
        store::place(&settings.coordination),
        ended.node,
    );
    Failure::new(Reason::Mismatch, sentence).at("replication.group")
}

pub(super) fn settings_of(record: &Record) -> Result<&Settings, Failure> {
    settings(record).map_err(|failure| start_failed(record, &failure))
}

/// The group's record, if the store answers within a few seconds.
async fn read(settings: &Settings, store: Arc<dyn Coordinator>) -> Result<Snapshot, Failure> {
    let coordination = settings.coordination.clone();
    let reading = tokio::task::spawn_blocking(move || store::read(&*store, &coordination));
    match reading.await {
        Ok(read) => read.map_err(|error| store_failed(settings, &error)),
        Err(panic) => Err(Failure::new(Reason::Internal, panic.to_string())),
    }
}

fn store_failed(settings: &Settings, error: &store::StoreError) -> Failure {
    use crate::replication::settings::Coordination;
    let field = match &settings.coordination {
        Coordination::DynamoDb(_) => "replication.coordination.dynamodb",
        Coordination::Etcd(_) => "replication.coordination.etcd",
        Coordination::File(_) => "replication.coordination.file.path",
    };
    let reason = match error {
        store::StoreError::Directory { .. } | store::StoreError::Options(_) => Reason::Invalid,
        store::StoreError::NotBuilt(_) => Reason::Unsupported,
        store::StoreError::Read { .. } => Reason::Unavailable,
    };
    Failure::new(reason, error.to_string()).at(field)
}
