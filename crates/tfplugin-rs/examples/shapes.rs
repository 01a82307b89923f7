//! Every shape that attributes and blocks can have, in one resource that only remembers what it is
//! told. A template for schemas, and the subject of the tests of nested plans.

use std::collections::{BTreeMap, BTreeSet};

use tfplugin_rs::prelude::*;
use tfplugin_rs::value::{Dynamic, Number};

tfplugin_rs::main!(provider());

/// The provider, to be served or documented.
pub(crate) fn provider() -> impl Provider {
    Shapes
}

/// Remembers shapes.
#[derive(Model)]
struct ShapesConfig {}

struct Shapes;

impl Provider for Shapes {
    const NAME: &'static str = "shapes";
    type Config = ShapesConfig;
    type Data = ();

    async fn configure(&self, _config: ShapesConfig, _cx: &mut Configure) -> Result<()> {
        Ok(())
    }

    fn contents(&self) -> Contents<()> {
        Contents::new().resource(All)
    }
}

/// A part of something larger.
#[derive(Model, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Part {
    /// What it is called.
    name: String,
    /// How many there are.
    #[attr(default = 1)]
    count: u32,
    /// Given once, at creation.
    #[attr(use_state_for_unknown)]
    id: Attr<String>,
    /// Given anew by every write.
    stamp: Attr<u64>,
}

/// A part that may be given or made up. Everything in it is computed too: Terraform would take a
/// value that only a configuration can set for one that has been removed from it.
#[derive(Model, Clone, Default)]
struct Spare {
    /// What it is called.
    #[attr(optional, computed)]
    name: Attr<String>,
    /// Given anew by every write.
    stamp: Attr<u64>,
}

impl Spare {
    fn complete(self, stamp: u64) -> Self {
        let name = self.name.known().unwrap_or_else(|| "made up".to_owned());
        Self {
            name: name.into(),
            stamp: self.stamp.known().unwrap_or(stamp).into(),
        }
    }
}

/// One of every shape.
#[derive(Model)]
struct AllModel {
    /// A number of any size.
    number: Option<Number>,
    /// A number of the usual size.
    ratio: Option<f64>,
    /// Anything at all.
    anything: Option<Dynamic>,
    /// Text in order.
    words: Option<Vec<String>>,
    /// One object.
    single: Option<Part>,
    /// Objects in order.
    list: Option<Vec<Part>>,
    /// Objects in no order.
    set: Option<BTreeSet<Part>>,
    /// Objects by key.
    map: Option<BTreeMap<String, Part>>,
    /// Objects that are made up where none are given.
    #[attr(optional, computed)]
    automatic: Attr<Vec<Spare>>,
    /// Objects nobody can give.
    made: Attr<Vec<Part>>,
    /// Changing it makes a new resource.
    #[attr(replace)]
    generation: Option<u32>,
    /// How often the resource was written.
    writes: Attr<u64>,
    /// A block that may be there once.
    #[block]
    head: Option<Part>,
    /// Blocks in order.
    #[block(max = 5)]
    line: Vec<Part>,
    /// Blocks in no order.
    #[block]
    group: BTreeSet<Part>,
}

impl Part {
    fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            count: 1,
            id: Attr::Unknown,
            stamp: Attr::Unknown,
        }
    }

    /// Gives it everything that is still unknown.
    fn complete(mut self, stamp: u64) -> Self {
        if !self.id.is_known() {
            self.id = format!("id-{}", self.name).into();
        }
        if self.stamp.is_unknown() {
            self.stamp = stamp.into();
        }
        self
    }
}

impl AllModel {
    fn complete(mut self, writes: u64) -> Self {
        let each = |parts: Vec<Part>| -> Vec<Part> {
            parts
                .into_iter()
                .map(|part| part.complete(writes))
                .collect()
        };
        let set = |parts: BTreeSet<Part>| parts.into_iter().map(|part| part.complete(writes));
        self.single = self.single.map(|part| part.complete(writes));
        self.list = self.list.map(each);
        self.set = self.set.map(|parts| set(parts).collect());
        self.map = self.map.map(|parts| {
            parts
                .into_iter()
                .map(|(key, part)| (key, part.complete(writes)))
                .collect()
        });
        let spares = self
            .automatic
            .known()
            .unwrap_or_else(|| vec![Spare::default()]);
        let spares = spares.into_iter().map(|spare| spare.complete(writes));
        self.automatic = Attr::Known(spares.collect());
        let made_up = || vec![Part::named("made up")];
        self.made = Attr::Known(each(self.made.known().unwrap_or_else(made_up)));
        self.head = self.head.map(|part| part.complete(writes));
        self.line = each(self.line);
        self.group = set(self.group).collect();
        self.writes = writes.into();
        self
    }
}

struct All;

impl Resource for All {
    const NAME: &'static str = "all";
    type Data = ();
    type Model = AllModel;

    async fn create(&self, plan: AllModel, _cx: &mut Apply<()>) -> Result<AllModel> {
        Ok(plan.complete(1))
    }

    async fn read(&self, state: AllModel, _cx: &mut Context<()>) -> Result<Option<AllModel>> {
        Ok(Some(state))
    }

    async fn update(
        &self,
        prior: AllModel,
        plan: AllModel,
        _cx: &mut Apply<()>,
    ) -> Result<AllModel> {
        Ok(plan.complete(prior.writes.known().unwrap_or(0) + 1))
    }

    async fn delete(&self, _state: AllModel, _cx: &mut Context<()>) -> Result<()> {
        Ok(())
    }
}
