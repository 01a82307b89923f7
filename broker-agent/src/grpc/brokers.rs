//! `Brokers`: the lives of the brokers this agent hosts.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use agent_api::v1::brokers_server::Brokers;
use agent_api::v1::{
    Broker, BrokerEvent, BrokerState, BrokerStatus, CreateBrokerRequest, DeleteBrokerRequest,
    DeleteBrokerResponse, EncryptionStatus, ForcePromoteBrokerRequest, GetBrokerRequest,
    ListBrokersRequest, ListBrokersResponse, Reason, RestartBrokerRequest, SwitchoverBrokerRequest,
    SwitchoverBrokerResponse, UpdateBrokerRequest, WatchBrokersRequest,
};
use agent_api::{Failure, FieldMask};
use futures_util::Stream;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use super::paging::page;
use super::{Agent, Answer, expect, required, token};
use crate::encryption::Encryption;
use crate::host::Engine;
use crate::hosting::{Hosting, New, State, View};
use crate::incoming::Caller;
use crate::listeners;
use crate::logs::Wanted;
use crate::logs::audit::about;
use crate::name::BrokerName;
use crate::registry::Change;
use crate::replication::asked::{self, Present};

/// Events a slow watcher may lag behind before it only gets the latest state.
const WATCH_BUFFER: usize = 16;

#[tonic::async_trait]
impl Brokers for Agent {
    type WatchBrokersStream = Pin<Box<dyn Stream<Item = Result<BrokerEvent, Status>> + Send>>;

    async fn create_broker(&self, request: Request<CreateBrokerRequest>) -> Answer<Broker> {
        let request = request.into_inner();
        let token = token(&request.idempotency_token)?.to_owned();
        let broker = required(request.broker, "broker")?;
        about(&broker.name, "broker");
        let name = broker.name.parse::<BrokerName>().map_err(|error| {
            Failure::new(Reason::Invalid, error.to_string())
                .at("name")
                .of("broker", &broker.name)
        })?;
        let listeners = listeners::resolve(&broker.listeners)?;
        let new = Present {
            uid: None,
            settings: None,
        };
        let replication = broker.replication.as_deref();
        let replication = replication
            .map(|asked| asked::resolve(asked, new))
            .transpose()?;
        let hosting = Arc::clone(&self.hosting);
        let new = New {
            name,
            listeners,
            replication,
            logs: Wanted::asked(broker.logs),
            encryption: encryption(&broker)?,
            token,
        };
        let create = async move { hosting.create(new).await };
        let view = to_the_end(create).await?;
        Ok(Response::new(self.shown(&view).await))
    }

    async fn get_broker(&self, request: Request<GetBrokerRequest>) -> Answer<Broker> {
        let view = self.hosting.view(&request.into_inner().name)?;
        Ok(Response::new(self.shown(&view).await))
    }

    async fn list_brokers(
        &self,
        request: Request<ListBrokersRequest>,
    ) -> Answer<ListBrokersResponse> {
        let request = request.into_inner();
        let mut items = Vec::new();
        for view in self.hosting.views() {
            items.push((vec![view.record.name.to_string()], self.shown(&view).await));
        }
        let page = page(items, request.page_size, &request.page_token, |broker| {
            broker
        })?;
        let (brokers, next_page_token) = (page.objects, page.next);
        Ok(Response::new(ListBrokersResponse {
            brokers,
            next_page_token,
        }))
    }

    async fn update_broker(&self, request: Request<UpdateBrokerRequest>) -> Answer<Broker> {
        let request = request.into_inner();
        let broker = required(request.broker, "broker")?;
        about(&broker.name, "broker");
        let fields = Fields::of(request.update_mask.as_ref())?;
        let mut change = Change::default();
        if fields.listeners {
            change.listeners = Some(listeners::resolve(&broker.listeners)?);
        }
        if fields.logs {
            change.logs = Some(Wanted::asked(broker.logs));
        }
        if fields.encryption {
            change.encryption = Some(encryption(&broker)?);
        }
        if fields.replication {
            let view = self.hosting.view(&broker.name)?;
            let present = Present {
                uid: Some(view.record.uid()),
                settings: view.record.replication.as_ref(),
            };
            let asked = broker.replication.as_deref();
            let asked = asked.map(|asked| asked::resolve(asked, present));
            change.replication = Some(asked.transpose()?);
        }
        let expect = expect(request.expect);
        let hosting = Arc::clone(&self.hosting);
        let update = async move { hosting.update(&broker.name, change, expect).await };
        let view = to_the_end(update).await?;
        Ok(Response::new(self.shown(&view).await))
    }

    async fn delete_broker(
        &self,
        request: Request<DeleteBrokerRequest>,
    ) -> Answer<DeleteBrokerResponse> {
        let DeleteBrokerRequest {
            name,
            expect: state,
            force,
        } = request.into_inner();
        about(&name, "broker");
        let hosting = Arc::clone(&self.hosting);
        to_the_end(async move { hosting.delete(&name, expect(state), force).await }).await?;
        Ok(Response::new(DeleteBrokerResponse {}))
    }

    async fn restart_broker(&self, request: Request<RestartBrokerRequest>) -> Answer<Broker> {
        let name = request.into_inner().name;
        about(&name, "broker");
        let hosting = Arc::clone(&self.hosting);
        let view = to_the_end(async move { hosting.restart(&name).await }).await?;
        Ok(Response::new(self.shown(&view).await))
    }

    async fn switchover_broker(
        &self,
        request: Request<SwitchoverBrokerRequest>,
    ) -> Answer<SwitchoverBrokerResponse> {
        let SwitchoverBrokerRequest {
            name,
            to,
            timeout_s,
        } = request.into_inner();
        about(&name, format!("switchover to {to:?}"));
        let timeout = (timeout_s > 0).then(|| Duration::from_secs(timeout_s.into()));
        let hosting = Arc::clone(&self.hosting);
        let switchover = async move { hosting.switchover(&name, &to, timeout).await };
        let done = to_the_end(switchover).await?;
        Ok(Response::new(SwitchoverBrokerResponse {
            from: done.from.into(),
            to: done.to.into(),
            epoch: done.epoch,
            duration_seconds: done.duration.as_secs_f64(),
        }))
    }

    async fn force_promote_broker(
        &self,
        request: Request<ForcePromoteBrokerRequest>,
    ) -> Answer<Broker> {
        let caller = request.extensions().get::<Caller>();
        let caller = caller.map_or_else(
            || "unknown".to_owned(),
            |caller| format!("{} at {}", caller.name, caller.peer),
        );
        let request = request.into_inner();
        about(&request.name, "forced promotion");
        let hosting = Arc::clone(&self.hosting);
        let promotion = async move { hosting.force_promote(request, &caller).await };
        let view = to_the_end(promotion).await?;
        Ok(Response::new(self.shown(&view).await))
    }

    async fn watch_brokers(
        &self,
        request: Request<WatchBrokersRequest>,
    ) -> Answer<Self::WatchBrokersStream> {
        let (events, watcher) = mpsc::channel(WATCH_BUFFER);
        let watch = Watch {
            name: request.into_inner().name,
            hosting: Arc::clone(&self.hosting),
            shower: self.shower(),
            told: BTreeMap::new(),
            events,
        };
        let stopping = self.stopping.clone();
        tokio::spawn(async move {
            // A watcher that goes away shows at the next event, or at the latest when we stop.
            stopping.run_until_cancelled(watch.run()).await;
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(watcher))))
    }
}

impl Agent {
    async fn shown(&self, view: &View) -> Broker {
        self.shower().show(view).await
    }

    fn shower(&self) -> Shower {
        Shower {
            host: self.info.advertised_host.clone(),
            console_url: self.info.console_url.clone(),
            engine_version: self.info.engine_version.clone(),
        }
    }
}

/// What it takes to show a broker to a caller.
struct Shower {
    host: String,
    console_url: String,
    engine_version: String,
}

impl Shower {
    async fn show(&self, view: &View) -> Broker {
        let (state, reason, engine, replication) = match &view.state {
            State::Deleted | State::Stopping => (BrokerState::Stopping, "", None, None),
            State::Failed(reason) => (BrokerState::Failed, reason.as_str(), None, None),
            State::Paired(pair) => {
                let engine = pair.active().await.map(Engine::Active);
                let picture = Box::new(pair.picture().await);
                (BrokerState::Running, "", engine, Some(picture))
            }
            State::Running(host) => {
                let engine = Engine::Single(Arc::clone(host));
                (BrokerState::Running, "", Some(engine), None)
            }
            State::Starting => (BrokerState::Starting, "", None, None),
        };
        let open = match &engine {
            Some(engine) => engine.endpoints().await,
            None => Vec::new(),
        };
        let journal_damaged = (engine.as_ref()).map_or(0, |it| it.admin().stats().scrub.damaged);
        let encryption = view.unlocked.as_ref().map(|unlocked| EncryptionStatus {
            master_key: unlocked.master_key.clone(),
            keys: unlocked.keys,
            plain_bytes: (engine.as_ref()).map(|it| it.admin().encryption().plain_bytes),
        });
        let name = view.record.name.to_string();
        let (console_url, health_url) = match self.console_url.as_str() {
            "" => (String::new(), String::new()),
            base => (
                format!("{base}#{name}"),
                format!("{base}health/brokers/{name}"),
            ),
        };
        let endpoint = |open| listeners::endpoint(open, &self.host);
        let status = BrokerStatus {
            state: state.into(),
            reason: reason.to_owned(),
            endpoints: open.iter().map(endpoint).collect(),
            console_url,
            engine_version: self.engine_version.clone(),
            host: self.host.clone(),
            journal_damaged,
            replication,
            health_url,
            encryption,
        };
        let settings = view.record.replication.as_ref();
        Broker {
            name,
            listeners: listeners::shown(&view.record.listeners),
            logs: Some(view.record.logs.shown()),
            encryption: view.record.encryption.as_ref().map(Encryption::shown),
            replication: settings.map(|settings| Box::new(asked::shown(settings))),
            generation: view.record.generation,
            status: Some(status),
            uid: view.record.uid().to_owned(),
        }
    }
}

/// One watcher: what it asked for and what it was told last.
struct Watch {
    name: String,
    hosting: Arc<Hosting>,
    shower: Shower,
    told: BTreeMap<String, Broker>,
    events: mpsc::Sender<Result<BrokerEvent, Status>>,
}

impl Watch {
    async fn run(mut self) {
        let mut changes = self.hosting.watch();
        loop {
            if self.tell().await.is_err() || changes.changed().await.is_err() {
                return;
            }
        }
    }

    /// Tells everything that differs from what was told before.
    async fn tell(&mut self) -> Result<(), mpsc::error::SendError<Result<BrokerEvent, Status>>> {
        let mut present = BTreeMap::new();
        for view in self.hosting.views() {
            let name = view.record.name.as_str();
            if self.name.is_empty() || self.name == name {
                present.insert(name.to_owned(), self.shower.show(&view).await);
            }
        }
        for name in self.told.keys().filter(|name| !present.contains_key(*name)) {
            let broker = Some(Broker {
                name: name.clone(),
                ..Broker::default()
            });
            self.events
                .send(Ok(BrokerEvent {
                    broker,
                    deleted: true,
                }))
                .await?;
        }
        for (name, broker) in &present {
            if self.told.get(name) != Some(broker) {
                let broker = Some(broker.clone());
                self.events
                    .send(Ok(BrokerEvent {
                        broker,
                        deleted: false,
                    }))
                    .await?;
            }
        }
        self.told = present;
        Ok(())
    }
}

/// How a broker is to be encrypted.
fn encryption(broker: &Broker) -> Result<Option<Encryption>, Failure> {
    let asked = broker.encryption.as_ref().map(Encryption::asked);
    asked.transpose()
}

/// What of a broker can be changed.
const FIELDS: [&str; 4] = ["encryption", "listeners", "logs", "replication"];

/// What an update is to change.
struct Fields {
    encryption: bool,
    listeners: bool,
    logs: bool,
    replication: bool,
}

impl Fields {
    fn of(mask: Option<&FieldMask>) -> Result<Self, Failure> {
        let paths = mask.map(|mask| mask.paths.as_slice()).unwrap_or_default();
        let known = |path: &String| FIELDS.contains(&path.as_str());
        if let Some(other) = paths.iter().find(|path| !known(path)) {
            let sentence = format!(
                "a broker's {other:?} cannot be updated; only \"{}\" can",
                FIELDS.join("\", \"")
            );
            return Err(Failure::new(Reason::Invalid, sentence).at("update_mask"));
        }
        let names = |name: &str| paths.iter().any(|path| path == name);
        Ok(Self {
            encryption: names("encryption"),
            listeners: paths.is_empty() || names("listeners"),
            logs: names("logs"),
            replication: names("replication"),
        })
    }
}

/// Runs a change to its end even when the caller hangs up in the middle of it.
async fn to_the_end<T: Send + 'static>(
    change: impl Future<Output = Result<T, Failure>> + Send + 'static,
) -> Result<T, Failure> {
    match tokio::spawn(change).await {
        Ok(result) => result,
        Err(_) => Err(Failure::new(
            Reason::Internal,
            "the agent failed in the middle of the change",
        )),
    }
}
