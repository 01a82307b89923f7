//! A provider with one of each newer kind. What a name or a number says decides what happens.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;

use crate::Diagnostics;
use crate::prelude::*;
use crate::testing::Terraform;

/// What happened, in order.
#[derive(Clone, Default)]
pub(super) struct Port(pub(super) Arc<Mutex<Vec<String>>>);

impl Port {
    pub(super) fn seen(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

pub(super) struct Quay {
    log: Arc<Mutex<Vec<String>>>,
    region: String,
}

impl Quay {
    fn note(&self, event: impl Into<String>) {
        self.log.lock().unwrap().push(event.into());
    }
}

/// A port.
#[derive(Model)]
pub(super) struct PortConfig {
    /// Region.
    #[attr(optional)]
    region: Attr<String>,
}

/// Who asks.
#[derive(Model)]
struct PortMeta {
    /// Name of the module.
    module: String,
}

impl Provider for Port {
    const NAME: &'static str = "port";
    type Config = PortConfig;
    type Data = Quay;

    async fn configure(&self, config: PortConfig, cx: &mut Configure) -> Result<Quay> {
        if config.region.is_unknown() && cx.deferral_allowed() {
            return Err(cx.defer(Deferral::ProviderConfigUnknown));
        }
        Ok(Quay {
            log: Arc::clone(&self.0),
            region: config.region.known().unwrap_or_else(|| "north".into()),
        })
    }

    fn contents(&self) -> Contents<Quay> {
        Contents::new()
            .identified_resource(Ship)
            .identified_resource(Raft)
            .data_source(Depth)
            .ephemeral_resource(Pilot)
            .list_resource(Ships)
            .action(Horn)
            .provider_meta::<PortMeta>()
    }
}

/// A ship.
#[derive(Model, Clone)]
pub(super) struct ShipModel {
    /// Name.
    name: String,
    /// Flag.
    flag: Option<String>,
    /// Password.
    #[attr(write_only)]
    password: Option<String>,
    /// Which module asked for it.
    #[attr(use_state_for_unknown)]
    module: Attr<String>,
}

/// What tells ships apart.
#[derive(Model)]
#[model(version = 1)]
pub(super) struct ShipIdentity {
    /// Name.
    name: String,
    /// Region.
    region: Option<String>,
}

pub(super) struct Ship;

impl Ship {
    fn named(name: &str) -> ShipModel {
        ShipModel {
            name: name.to_owned(),
            flag: None,
            password: None,
            module: Attr::Null,
        }
    }
}

impl Resource for Ship {
    const NAME: &'static str = "ship";
    type Data = Quay;
    type Model = ShipModel;

    async fn modify_plan(&self, plan: &mut ResourcePlan, cx: &mut Context<Quay>) -> Result<()> {
        if plan.action() == ResourceAction::Create
            && plan.config().get::<Attr<String>>("flag")?.is_unknown()
        {
            return Err(cx.defer(Deferral::ResourceConfigUnknown));
        }
        Ok(())
    }

    async fn create(&self, mut plan: ShipModel, cx: &mut Apply<Quay>) -> Result<ShipModel> {
        if plan.flag.as_deref() == Some("half") {
            cx.save(&plan);
            return Err(Diagnostic::error("Half done", "").into());
        }
        if plan.flag.as_deref() == Some("later") {
            return Err(cx.defer(Deferral::AbsentPrerequisite));
        }
        let meta: Option<PortMeta> = cx.meta()?;
        plan.module = meta.map(|meta| meta.module).into();
        Ok(plan)
    }

    async fn read(&self, state: ShipModel, cx: &mut Context<Quay>) -> Result<Option<ShipModel>> {
        Ok(match state.name.as_str() {
            "gone" => None,
            "late" => return Err(cx.defer(Deferral::AbsentPrerequisite)),
            "speechless" => return Err(Diagnostics::new()),
            "fickle" => Some(Self::named("renamed")),
            "partial" => Some(Self::named("whole")),
            _ => Some(state),
        })
    }

    async fn update(
        &self,
        _: ShipModel,
        plan: ShipModel,
        _: &mut Apply<Quay>,
    ) -> Result<ShipModel> {
        Ok(plan)
    }

    async fn delete(&self, state: ShipModel, _: &mut Context<Quay>) -> Result<()> {
        match state.name.as_str() {
            "unsinkable" => Err(Diagnostic::error("Does not sink", "").into()),
            _ => Ok(()),
        }
    }

    async fn import(&self, id: &str, cx: &mut Context<Quay>) -> Result<ShipModel> {
        match id {
            "late" => Err(cx.defer(Deferral::AbsentPrerequisite)),
            id => Ok(Self::named(id)),
        }
    }

    async fn adopt(&self, source: MoveSource, private: &mut Private) -> Result<Option<ShipModel>> {
        let known = source.type_name == "raft" && source.provider_address == "example.com/a/raft";
        if !known {
            return Ok(None);
        }
        let state: serde_json::Value = source.state.json()?;
        let identity: serde_json::Value = match &source.identity {
            Some(identity) => identity.json()?,
            None => json!(null),
        };
        let logs = source.private_state().get::<u32>("logs")?;
        private.set("was", &(source.schema_version, logs))?;
        private.set("identity", &(source.identity_schema_version, identity))?;
        Ok(Some(Self::named(state["label"].as_str().unwrap_or("?"))))
    }
}

impl Identified for Ship {
    type Identity = ShipIdentity;

    fn identity(&self, state: &ShipModel, quay: &Quay) -> ShipIdentity {
        assert_ne!(state.name, "panic", "no identity for a panic");
        ShipIdentity {
            name: state.name.clone(),
            region: Some(quay.region.clone()),
        }
    }

    async fn import_by_identity(
        &self,
        identity: ShipIdentity,
        cx: &mut Context<Quay>,
    ) -> Result<ShipModel> {
        if identity
            .region
            .is_some_and(|region| region != cx.data().region)
        {
            return Err(Diagnostic::error("Another region", "").at("region").into());
        }
        Ok(Self::named(&identity.name))
    }

    async fn upgrade_identity(&self, version: i64, identity: RawState) -> Result<ShipIdentity> {
        /// Version 0 had the ship alone.
        #[derive(Model)]
        struct Version0 {
            ship: String,
        }
        assert_eq!(version, 0, "the test has no other");
        let old: Version0 = identity.model()?;
        Ok(ShipIdentity {
            name: old.ship,
            region: None,
        })
    }
}

/// A raft.
#[derive(Model, Clone)]
pub(super) struct RaftModel {
    /// Label.
    label: Option<String>,
}

/// What tells rafts apart, for the moment.
#[derive(Model)]
pub(super) struct RaftIdentity {
    /// Label.
    label: Option<String>,
}

pub(super) struct Raft;

impl Resource for Raft {
    const NAME: &'static str = "raft";
    type Data = Quay;
    type Model = RaftModel;

    async fn create(&self, plan: RaftModel, _: &mut Apply<Quay>) -> Result<RaftModel> {
        Ok(plan)
    }

    async fn read(&self, state: RaftModel, _: &mut Context<Quay>) -> Result<Option<RaftModel>> {
        Ok(Some(state))
    }

    async fn update(
        &self,
        _: RaftModel,
        plan: RaftModel,
        _: &mut Apply<Quay>,
    ) -> Result<RaftModel> {
        Ok(plan)
    }

    async fn delete(&self, _: RaftModel, _: &mut Context<Quay>) -> Result<()> {
        Ok(())
    }
}

impl Identified for Raft {
    type Identity = RaftIdentity;

    const IDENTITY_MAY_CHANGE: bool = true;

    fn identity(&self, state: &RaftModel, _: &Quay) -> RaftIdentity {
        RaftIdentity {
            label: state.label.clone(),
        }
    }
}

/// How deep the water is.
#[derive(Model)]
struct DepthModel {
    /// Where.
    place: String,
    /// Metres, or the name of the module that asks.
    depth: Attr<String>,
}

struct Depth;

impl DataSource for Depth {
    const NAME: &'static str = "depth";
    type Data = Quay;
    type Model = DepthModel;

    async fn read(&self, config: DepthModel, cx: &mut Context<Quay>) -> Result<DepthModel> {
        if config.place == "later" {
            return Err(cx.defer(Deferral::AbsentPrerequisite));
        }
        let meta: Option<PortMeta> = cx.meta()?;
        let depth = meta.map_or_else(|| "7".to_owned(), |meta| meta.module);
        Ok(DepthModel {
            depth: depth.into(),
            ..config
        })
    }
}

/// A pilot on board.
#[derive(Model)]
#[model(rule = rule::conflicting(["ebb", "flood"]))]
pub(super) struct PilotModel {
    /// Leave with the ebb.
    ebb: Option<bool>,
    /// Come with the flood.
    flood: Option<bool>,
    /// The ship.
    ship: String,
    /// Hours.
    #[attr(default = 8, validate = validate::range(1..=12))]
    hours: u8,
    /// The pilot's code.
    #[attr(computed, sensitive)]
    code: Attr<String>,
    /// Limits.
    #[attr(timeouts(open = "1h"))]
    timeouts: Timeouts,
}

struct Pilot;

impl EphemeralResource for Pilot {
    const NAME: &'static str = "pilot";
    type Data = Quay;
    type Model = PilotModel;

    async fn validate(&self, cx: &mut Validation) -> Result<()> {
        if cx.get::<Attr<String>>("ship")? == Attr::Known("old".to_owned()) {
            cx.push(Diagnostic::warning("Rust", "Look twice.").at("ship"));
        }
        Ok(())
    }

    async fn open(&self, mut config: PilotModel, cx: &mut Lease<Quay>) -> Result<PilotModel> {
        cx.data()
            .note(format!("open {} {}", config.ship, config.hours));
        config.code = Attr::Known("pilot-code-1".to_owned());
        match config.ship.as_str() {
            "later" => return Err(cx.defer(Deferral::AbsentPrerequisite)),
            "sunk" => return Err(Diagnostic::error("Sunk", "").at("ship").into()),
            "panics" => panic!("man overboard"),
            "becalmed" => {
                cx.stop().stopped().await;
                cx.data().note("rowed home");
                return Err(Diagnostic::error("No wind", "").into());
            }
            "foggy" => config.code = Attr::Unknown,
            "liar" => config.hours += 1,
            "grumbler" => cx.push(Diagnostic::error("No rum", "").at("ship")),
            "ghost" => {
                cx.renew_after(Duration::MAX);
                return Ok(config);
            }
            _ => {}
        }
        cx.private_mut().set("ship", &config.ship)?;
        cx.renew_after(Duration::from_secs(3600));
        Ok(config)
    }

    async fn renew(&self, cx: &mut Lease<Quay>) -> Result<()> {
        let ship: Option<String> = cx.private().get("ship")?;
        cx.data().note(format!("renew {ship:?}"));
        match ship.as_deref() {
            Some("tired") => return Err(Diagnostic::error("Asleep", "").into()),
            Some("drunk") => panic!("rum"),
            _ => {}
        }
        cx.private_mut().set("renewed", &true)?;
        Ok(())
    }

    async fn close(&self, cx: &mut Context<Quay>) -> Result<()> {
        let ship: Option<String> = cx.private().get("ship")?;
        let haste = cx.deadline().map_or("", |_| " in haste");
        cx.data().note(format!("close {ship:?}{haste}"));
        assert_ne!(ship.as_deref(), Some("stuck"), "aground");
        Ok(())
    }
}

/// Ships in the port.
#[derive(Model)]
pub(super) struct ShipsConfig {
    /// What their names begin with.
    #[attr(validate = validate::length(..=8))]
    prefix: Option<String>,
}

pub(super) struct Ships;

impl ListResource for Ships {
    type Resource = Ship;
    type Config = ShipsConfig;

    async fn list(&self, config: ShipsConfig, cx: &mut Listing<Ship>) -> Result<()> {
        let prefix = config.prefix.unwrap_or_default();
        for name in ["anna", "berta", "broken", "carla", "panic"] {
            if !name.starts_with(&prefix) {
                continue;
            }
            cx.data().note(name);
            match name {
                "broken" => {
                    let why = Diagnostic::error("Cannot look at it", "It is foggy.");
                    cx.send(Listed::failed(why)).await?;
                }
                "panic" if prefix == "panic" => panic!("all hands"),
                name => {
                    let state = Ship::named(name);
                    let identity = Ship.identity(&Ship::named("x"), cx.data());
                    let identity = ShipIdentity {
                        name: name.into(),
                        ..identity
                    };
                    let listed = Listed::new(name.to_uppercase(), identity);
                    let listed = match name {
                        "carla" => listed.warning(Diagnostic::warning("Leaks", "A little.")),
                        _ if cx.wants_resource() => listed.resource(state),
                        _ => listed,
                    };
                    cx.send(listed).await?;
                }
            }
        }
        cx.push(Diagnostic::warning("Low tide", "There may be more."));
        Ok(())
    }
}

/// Sounds the horn.
#[derive(Model)]
struct HornConfig {
    /// How often.
    times: u32,
    /// A secret.
    #[attr(write_only)]
    secret: Option<String>,
}

struct Horn;

impl Action for Horn {
    const NAME: &'static str = "horn";
    type Data = Quay;
    type Config = HornConfig;

    async fn validate(&self, cx: &mut Validation) -> Result<()> {
        if cx.get::<Attr<u32>>("times")? == Attr::Known(0) {
            return Err(Diagnostic::error("Silence", "").at("times").into());
        }
        Ok(())
    }

    async fn plan(&self, config: &Values, cx: &mut Context<Quay>) -> Result<()> {
        match config.get::<Attr<u32>>("times")? {
            Attr::Unknown => return Err(cx.defer(Deferral::ResourceConfigUnknown)),
            Attr::Known(10..) => cx.push(Diagnostic::warning("Noise", "The neighbours.")),
            _ => {}
        }
        Ok(())
    }

    async fn invoke(&self, config: HornConfig, cx: &mut Invocation<Quay>) -> Result<()> {
        if config.times == 99 {
            cx.progress("until told otherwise").await;
            cx.stop().stopped().await;
            cx.data().note("stopped");
            return Err(Diagnostic::error("Stopped", "Out of breath.").into());
        }
        for toot in 1..=config.times {
            cx.progress(format!("toot {toot}")).await;
            assert_ne!(toot, 66, "burst");
        }
        cx.data()
            .note(format!("{} toots, {:?}", config.times, config.secret));
        if config.times == 13 {
            cx.push(Diagnostic::warning("Unlucky", ""));
            return Err(Diagnostic::error("Broken horn", "").at("times").into());
        }
        Ok(())
    }
}

pub(super) async fn port() -> (Port, Terraform<Port>) {
    let port = Port::default();
    let terraform = Terraform::start(port.clone(), json!({})).await.unwrap();
    (port, terraform)
}
