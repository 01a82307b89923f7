//! The service, called with the messages Terraform sends.

mod action;
mod answers;
mod apply;
mod arguments;
mod bench;
mod beside;
mod deferral;
mod ephemeral;
mod garbage;
mod generate;
mod identity;
mod kinds;
mod list;
mod mirror;
mod offers;
mod own_words;
mod port;
mod promises;
mod state;

use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use serde_json::json;
use tokio::sync::Barrier;
use tokio::time::timeout;

use crate::prelude::*;
use crate::testing::Terraform;

/// What the provider under test has seen, and what it waits for.
struct Seen {
    log: Mutex<Vec<String>>,
    /// Two creations meet here, which they can only if they run at the same time.
    meeting: Barrier,
}

#[derive(Clone)]
struct Yard(Arc<Seen>);

impl Yard {
    fn new() -> Self {
        Self(Arc::new(Seen {
            log: Mutex::default(),
            meeting: Barrier::new(2),
        }))
    }

    fn seen(&self) -> Vec<String> {
        std::mem::take(&mut self.0.log.lock().unwrap())
    }
}

impl Seen {
    fn note(&self, event: impl Into<String>) {
        self.log.lock().unwrap().push(event.into());
    }
}

/// A ship yard.
#[derive(Model)]
struct YardConfig {
    /// Region.
    #[attr(optional)]
    region: Attr<String>,
    /// Token.
    #[attr(sensitive)]
    token: Option<String>,
}

impl Provider for Yard {
    const NAME: &'static str = "yard";
    type Config = YardConfig;
    type Data = Harbour;

    async fn configure(&self, config: YardConfig, cx: &mut Configure) -> Result<Harbour> {
        if config.region.is_unknown() {
            cx.push(Diagnostic::warning("Region unknown", "Planning without it.").at("region"));
        }
        Ok(Harbour(Arc::clone(&self.0)))
    }

    fn contents(&self) -> Contents<Harbour> {
        Contents::new()
            .resource(Boat)
            .data_source(Tide)
            .function(Sum)
            .function(Panic)
    }
}

/// The data that operations get.
struct Harbour(Arc<Seen>);

/// A boat. What its `name` says decides what happens to it.
#[derive(Model, Clone)]
#[model(version = 2)]
struct BoatModel {
    /// Name.
    #[attr(replace)]
    name: String,
    /// Crew.
    #[attr(validate = validate::items(..=2))]
    crew: Option<Vec<String>>,
    /// Colour.
    #[attr(deprecated = "Boats are all grey now.")]
    colour: Option<String>,
    /// Flag.
    #[attr(default = "white")]
    flag: String,
    /// Key.
    #[attr(write_only, sensitive, validate = validate::length(8..))]
    key: Option<String>,
    /// Length of the key.
    key_length: Attr<u64>,
    /// Berth.
    #[attr(use_state_for_unknown)]
    berth: Attr<u32>,
    /// Sails.
    #[block(max = 3)]
    sail: Vec<Sail>,
}

/// A sail.
#[derive(Model, Clone)]
struct Sail {
    /// Square metres.
    area: u32,
}

struct Boat;

impl Boat {
    /// Things that go wrong, by name.
    async fn build(&self, mut plan: BoatModel, cx: &mut Apply<Harbour>) -> Result<BoatModel> {
        let name = plan.name.clone();
        cx.data().0.note(format!("key {:?}", plan.key));
        plan.key_length = plan.key.as_ref().map(|key| key.len() as u64).into();
        plan.berth = Attr::Known(plan.berth.known().unwrap_or(1));
        match name.as_str() {
            "sinks" => Err(Diagnostic::error("Sunk", "At once.").at("name").into()),
            "half" => {
                plan.berth = Attr::Unknown;
                cx.private_mut().set("half", &true)?;
                cx.save(&plan);
                Err(Diagnostic::error("Half done", "No more wood.").into())
            }
            "panics" => {
                cx.save(&plan);
                panic!("all hands on deck")
            }
            "slow" => {
                cx.data().0.meeting.wait().await;
                Ok(plan)
            }
            "abandoned" => {
                cx.data().0.note("building");
                cx.stop().stopped().await;
                cx.data().0.note("tidied up");
                Err(Diagnostic::error("Abandoned", "Nobody is there.").into())
            }
            "patient" => {
                cx.stop().stopped().await;
                cx.push(Diagnostic::warning("Stopped", "Finished early."));
                Ok(plan)
            }
            _ => {
                let built = cx.private().get::<u32>("built")?.unwrap_or(0) + 1;
                cx.private_mut().set("built", &built)?;
                Ok(plan)
            }
        }
    }
}

impl Resource for Boat {
    const NAME: &'static str = "boat";
    type Data = Harbour;
    type Model = BoatModel;

    async fn validate(&self, cx: &mut Validation) -> Result<()> {
        if cx.get::<Attr<String>>("name")? == Attr::Known("titanic".to_owned()) {
            cx.push(Diagnostic::warning("Bad omen", "Choose another name.").at("name"));
        }
        Ok(())
    }

    async fn modify_plan(&self, plan: &mut ResourcePlan, cx: &mut Context<Harbour>) -> Result<()> {
        cx.data().0.note(format!("{:?}", plan.action()));
        if plan.action() == ResourceAction::Delete && plan.prior().get::<String>("name")? == "ark" {
            let detail = "There are animals on board.";
            return Err(Diagnostic::error("Still needed", detail).at("name").into());
        }
        Ok(())
    }

    async fn create(&self, plan: BoatModel, cx: &mut Apply<Harbour>) -> Result<BoatModel> {
        self.build(plan, cx).await
    }

    async fn read(&self, state: BoatModel, _: &mut Context<Harbour>) -> Result<Option<BoatModel>> {
        Ok(Some(state).filter(|state| state.name != "gone"))
    }

    async fn update(
        &self,
        prior: BoatModel,
        plan: BoatModel,
        cx: &mut Apply<Harbour>,
    ) -> Result<BoatModel> {
        if plan.colour.as_deref() == Some("plaid") {
            let half = BoatModel {
                colour: Some("half plaid".into()),
                ..prior
            };
            cx.save(&half);
            return Err(Diagnostic::error("Out of paint", "").at("colour").into());
        }
        if plan.colour.as_deref() == Some("invisible") {
            return Err(Diagnostic::error("No such paint", "").at("colour").into());
        }
        self.build(plan, cx).await
    }

    async fn delete(&self, state: BoatModel, _: &mut Context<Harbour>) -> Result<()> {
        if state.name == "unsinkable" {
            return Err(Diagnostic::error("Does not sink", "").into());
        }
        Ok(())
    }

    async fn upgrade(&self, version: i64, state: RawState) -> Result<BoatModel> {
        /// Version 1 called it `title`.
        #[derive(Model)]
        struct Version1 {
            title: String,
            berth: Option<u32>,
        }
        assert_eq!(version, 1, "the test has no other");
        let old: Version1 = state.model()?;
        Ok(boat(&old.title, old.berth.unwrap_or(0)))
    }

    async fn adopt(&self, source: MoveSource, _: &mut Private) -> Result<Option<BoatModel>> {
        if source.type_name != "raft" {
            return Ok(None);
        }
        let state: serde_json::Value = source.state.json()?;
        Ok(Some(boat(state["label"].as_str().unwrap_or("?"), 9)))
    }
}

fn boat(name: &str, berth: u32) -> BoatModel {
    BoatModel {
        name: name.to_owned(),
        crew: None,
        colour: None,
        flag: "white".to_owned(),
        key: None,
        key_length: Attr::Null,
        berth: berth.into(),
        sail: Vec::new(),
    }
}

/// The tide.
#[derive(Model)]
struct TideModel {
    /// Hour.
    #[attr(default = 12)]
    hour: u8,
    /// Height.
    height: Attr<f64>,
}

struct Tide;

impl DataSource for Tide {
    const NAME: &'static str = "tide";
    type Data = Harbour;
    type Model = TideModel;

    async fn read(&self, config: TideModel, _: &mut Context<Harbour>) -> Result<TideModel> {
        let height = match config.hour {
            25.. => return Err(Diagnostic::error("No such hour", "").at("hour").into()),
            24 => Attr::Unknown,
            hour => Attr::Known(f64::from(hour) / 10.0),
        };
        Ok(TideModel { height, ..config })
    }
}

/// Adds numbers.
///
/// As many as there are.
#[derive(Arguments)]
#[arguments(deprecated = "Use the built-in `sum`.")]
struct SumArguments {
    /// Unit; may be null.
    #[arg(validate = validate::length(..=4))]
    unit: Option<String>,
    /// Where to start; may be unknown.
    start: Attr<i64>,
    /// The numbers.
    #[arg(variadic, validate = [validate::range(..=250)])]
    numbers: Vec<u8>,
}

struct Sum;

impl Function for Sum {
    const NAME: &'static str = "sum";
    type Arguments = SumArguments;
    type Output = Attr<String>;

    fn call(&self, arguments: SumArguments) -> Result<Attr<String>, FunctionError> {
        let Some(start) = arguments.start.known() else {
            return Ok(Attr::Unknown);
        };
        if start < 0 {
            return Err(FunctionError::argument(1, "The start is negative."));
        }
        let sum = start + arguments.numbers.into_iter().map(i64::from).sum::<i64>();
        Ok(Attr::Known(format!(
            "{sum}{}",
            arguments.unit.unwrap_or_default()
        )))
    }
}

/// Panics.
#[derive(Arguments)]
struct NoArguments {}

struct Panic;

impl Function for Panic {
    const NAME: &'static str = "panic";
    type Arguments = NoArguments;
    type Output = bool;

    fn call(&self, _: NoArguments) -> Result<bool, FunctionError> {
        panic!("man overboard")
    }
}

/// Drives `call` until `heard` has something to tell, hangs up, and returns all that is told until
/// `end` is.
async fn hung_up<T>(
    call: impl Future<Output = T>,
    heard: impl Fn() -> Vec<String>,
    end: &str,
) -> Vec<String> {
    let mut told = Vec::new();
    {
        let mut call = pin!(call);
        while told.is_empty() {
            assert!(call.as_mut().now_or_never().is_none(), "it ended by itself");
            tokio::task::yield_now().await;
            told.extend(heard());
        }
    }
    let rest = async {
        while told.last().map(String::as_str) != Some(end) {
            tokio::task::yield_now().await;
            told.extend(heard());
        }
    };
    timeout(Duration::from_secs(20), rest)
        .await
        .expect("it goes on without its caller");
    told
}

async fn yard() -> (Yard, Terraform<Yard>) {
    let yard = Yard::new();
    let terraform = Terraform::start(yard.clone(), json!({})).await.unwrap();
    (yard, terraform)
}
