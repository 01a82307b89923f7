//! Pages of a provider that has a bit of everything.

use std::collections::BTreeMap;

use super::*;
use crate::prelude::*;
use crate::schema::{Attribute, Block, Members, Nesting};
use crate::value::Type;

/// Builds `cabinets`.
#[derive(Model)]
struct WorkshopConfig {
    /// Where the workshop is.
    address: String,
}

struct Workshop;

impl Provider for Workshop {
    const NAME: &'static str = "workshop";
    type Config = WorkshopConfig;
    type Data = ();

    async fn configure(&self, _: WorkshopConfig, _: &mut Configure) -> Result<()> {
        Ok(())
    }

    fn contents(&self) -> Contents<()> {
        Contents::new()
            .resource(Cabinet)
            .data_source(Wood)
            .function(Area)
    }
}

/// A drawer.
#[derive(Model)]
struct Drawer {
    /// How deep it is.
    depth: u32,
    /// What the label says.
    label: Option<String>,
    /// Its number.
    number: Attr<u64>,
}

/// A hinge.
#[derive(Model)]
struct Hinge {
    /// What it is made of.
    metal: Option<String>,
}

/// A cabinet, see [the catalogue](https://example.com).
///
/// It has **drawers**.
#[derive(Model)]
struct CabinetModel {
    /// What it is called.
    name: String,
    /// Opens the lock.
    #[attr(write_only, sensitive)]
    code_wo: Option<String>,
    /// Out of fashion.
    #[attr(deprecated = "Use `finish`.")]
    colour: Option<String>,
    /// Drawers from the top.
    drawers: Option<Vec<Drawer>>,
    /// Shelves by name.
    shelves: Option<BTreeMap<String, Drawer>>,
    /// Weight in kilograms.
    weight: Attr<f64>,
    /// How long building may take.
    #[block(timeouts(create = "30m", delete = "5m"))]
    timeouts: Timeouts,
    /// Hinges.
    #[block(min = 1, max = 4)]
    hinge: Vec<Hinge>,
}

struct Cabinet;

impl Resource for Cabinet {
    const NAME: &'static str = "cabinet";
    type Data = ();
    type Model = CabinetModel;

    async fn create(&self, plan: CabinetModel, _: &mut Apply<()>) -> Result<CabinetModel> {
        Ok(plan)
    }

    async fn read(&self, state: CabinetModel, _: &mut Context<()>) -> Result<Option<CabinetModel>> {
        Ok(Some(state))
    }

    async fn update(
        &self,
        _: CabinetModel,
        plan: CabinetModel,
        _: &mut Apply<()>,
    ) -> Result<CabinetModel> {
        Ok(plan)
    }

    async fn delete(&self, _: CabinetModel, _: &mut Context<()>) -> Result<()> {
        Ok(())
    }
}

/// Kinds of wood.
#[derive(Model)]
struct WoodModel {
    /// Kinds with their prices.
    kinds: Attr<Vec<Drawer>>,
}

struct Wood;

impl DataSource for Wood {
    const NAME: &'static str = "wood";
    type Data = ();
    type Model = WoodModel;

    async fn read(&self, config: WoodModel, _: &mut Context<()>) -> Result<WoodModel> {
        Ok(config)
    }
}

/// Adds areas.
///
/// In square metres.
#[derive(Arguments)]
struct AreaArguments {
    /// What to multiply by; may be null.
    factor: Option<f64>,
    /// The areas.
    #[arg(variadic)]
    areas: Vec<f64>,
}

struct Area;

impl Function for Area {
    const NAME: &'static str = "area";
    type Arguments = AreaArguments;
    type Output = f64;

    fn call(&self, arguments: AreaArguments) -> Result<f64, FunctionError> {
        Ok(arguments.factor.unwrap_or(1.0) * arguments.areas.iter().sum::<f64>())
    }
}

fn examples() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (path, text) in [
        ("provider/provider.tf", "provider \"workshop\" {}\n"),
        (
            "resources/workshop_cabinet/resource.tf",
            "resource \"workshop_cabinet\" \"a\" {}\n",
        ),
        ("resources/workshop_cabinet/resource_tall.tf", "# Tall.\n"),
        (
            "resources/workshop_cabinet/resources.txt",
            "Not an example.\n",
        ),
        (
            "resources/workshop_cabinet/import.sh",
            "terraform import workshop_cabinet.a a\n",
        ),
        (
            "resources/workshop_cabinet/import-by-string-id.tf",
            "import {}\n",
        ),
        ("functions/area/function.tf", "output \"area\" {}\n"),
    ] {
        let path = directory.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    directory
}

#[test]
fn pages_are_laid_out_like_the_registrys() {
    let pages = Docs::of(Workshop)
        .unwrap()
        .pages(examples().path())
        .unwrap();
    let paths: Vec<_> = pages
        .keys()
        .map(|path| path.display().to_string())
        .collect();
    assert_eq!(
        paths,
        [
            "data-sources/wood.md",
            "functions/area.md",
            "index.md",
            "resources/cabinet.md"
        ]
    );
    let all: Vec<String> = pages
        .iter()
        .map(|(path, text)| format!("=== {}\n{text}", path.display()))
        .collect();
    insta::assert_snapshot!("pages", all.join("\n"));
}

#[test]
fn pages_may_be_laid_out_by_hand() {
    let templates = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = templates.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write(
        "index.md.tmpl",
        "---\npage_title: ours\n---\n# {{ .ProviderShortName }}\n",
    );
    write("data-sources/wood.md.tmpl", "{{ .Name }}, a {{ .Type }}");
    write("functions/area.md.tmpl", "{{ .SchemaMarkdown }}");
    write("guides/start.md", "How to start.\n");
    let docs = || Docs::of(Workshop).unwrap();
    let pages = docs()
        .with_templates(templates.path())
        .pages(examples().path());
    let mut pages = pages.unwrap();
    let without = docs().pages(examples().path()).unwrap();
    let mut take = |path: &str| pages.remove(Path::new(path)).unwrap();
    assert_eq!(
        take("index.md"),
        format!("---\n{MARKER}\npage_title: ours\n---\n# workshop\n")
    );
    assert_eq!(take("data-sources/wood.md"), "workshop_wood, a Data Source");
    assert!(take("functions/area.md").starts_with("## Signature\n"));
    assert_eq!(take("guides/start.md"), "How to start.\n");
    // All others are as they were.
    assert!(!pages.is_empty());
    assert!(
        pages
            .iter()
            .all(|(path, page)| without.get(path) == Some(page))
    );

    write("index.md.tmpl", "{{ .Schema }}");
    let refused = docs()
        .with_templates(templates.path())
        .pages(examples().path());
    assert_eq!(
        refused.unwrap_err().to_string(),
        "the template of index.md says {{ .Schema }}"
    );
}

#[test]
fn the_schema_is_told_as_terraform_tells_it() {
    let json = Docs::of(Workshop)
        .unwrap()
        .schema_json("example.com/test/workshop");
    insta::assert_snapshot!("schema", serde_json::to_string_pretty(&json).unwrap());
}

#[test]
fn objects_that_are_plain_types_are_told_part_by_part() {
    use crate::proto::tfplugin6::schema::Block as BlockMessage;
    let size = Type::object([
        ("height", Type::Number),
        ("parts", Type::list(Type::object([("name", Type::String)]))),
    ]);
    let inner = Members::new().with(
        Attribute::new("id", Type::String)
            .computed()
            .describe("Its id."),
    );
    let schema = crate::schema::Schema::new()
        .with(Attribute::new("id", Type::String).computed())
        .with(
            Attribute::new("size", size)
                .required()
                .describe("How large."),
        )
        .with(Attribute::new("pair", Type::tuple([Type::Bool])).optional())
        .with(Block::new("made", Nesting::Set, inner).describe("Nobody sets it."));
    let block: Option<BlockMessage> = schema.to_proto().block;
    insta::assert_snapshot!("parts", markdown::schema(block.as_ref()));
}

#[test]
fn writing_replaces_what_was_written_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let docs = Docs::of(Workshop).unwrap();
    let path = |name: &str| directory.path().join(name);
    std::fs::create_dir_all(path("resources")).unwrap();
    let stale = format!("---\n{MARKER}\n---\n");
    for (name, text) in [
        ("resources/gone.md", stale.as_str()),
        ("resources/own.md", "---\nours\n---\n"),
        ("notes.txt", stale.as_str()),
    ] {
        std::fs::write(path(name), text).unwrap();
    }
    docs.write(examples().path(), directory.path()).unwrap();
    assert!(!path("resources/gone.md").exists());
    for kept in [
        "resources/own.md",
        "notes.txt",
        "resources/cabinet.md",
        "index.md",
    ] {
        assert!(path(kept).exists(), "{kept}");
    }
    docs.write(Path::new("/nowhere"), directory.path()).unwrap();
    let page = std::fs::read_to_string(path("index.md")).unwrap();
    assert!(!page.contains("Example Usage"), "{page}");
}

#[test]
fn a_broken_schema_is_not_documented() {
    struct Broken;

    impl Provider for Broken {
        const NAME: &'static str = "broken";
        type Config = BrokenConfig;
        type Data = ();

        async fn configure(&self, _: BrokenConfig, _: &mut Configure) -> Result<()> {
            Ok(())
        }

        fn contents(&self) -> Contents<()> {
            Contents::new()
        }
    }

    /// Computes what it cannot keep.
    #[derive(Model)]
    struct BrokenConfig {
        /// Never there.
        id: Attr<String>,
    }

    let error = Docs::of(Broken).unwrap_err().to_string();
    assert!(error.contains("the provider block: id:"), "{error}");
}
