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
    let front = format!("---\n{MARKER}\n---\n\n");
    assert_eq!(
        take("data-sources/wood.md"),
        format!("{front}workshop_wood, a Data Source")
    );
    let area = take("functions/area.md");
    assert!(
        area.starts_with(&format!("{front}## Signature\n")),
        "{area}"
    );
    assert_eq!(take("guides/start.md"), format!("{front}How to start.\n"));
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

/// A page that somebody wrote stands where one would be written.
#[test]
fn pages_written_by_hand_are_never_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    std::fs::create_dir_all(path("resources")).unwrap();
    let stale = format!("---\n{MARKER}\n---\n");
    for own in ["# Ours.\n", "", "---\nours\n---\n"] {
        std::fs::write(path("resources/cabinet.md"), own).unwrap();
        std::fs::write(path("resources/gone.md"), &stale).unwrap();
        let docs = Docs::of(Workshop).unwrap();
        let error = docs.write(examples().path(), directory.path()).unwrap_err();
        assert!(
            error.to_string().contains("resources/cabinet.md"),
            "{error}"
        );
        let kept = std::fs::read_to_string(path("resources/cabinet.md")).unwrap();
        assert_eq!(kept, own);
        // Nothing else has happened either.
        assert!(!path("index.md").exists());
        assert!(path("resources/gone.md").exists());
    }
}

#[test]
fn what_was_laid_out_by_hand_is_written_again() {
    let (templates, written) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::create_dir_all(templates.path().join("guides")).unwrap();
    std::fs::write(templates.path().join("index.md.tmpl"), "# Ours\n").unwrap();
    let guide = templates.path().join("guides/start.md");
    for text in [
        "Start.\n",
        "Start again.\n",
        "---\r\na: b\r\n---\r\nStart.\r\n",
    ] {
        std::fs::write(&guide, text).unwrap();
        let docs = Docs::of(Workshop).unwrap().with_templates(templates.path());
        docs.write(examples().path(), written.path()).unwrap();
    }
    let path = written.path().join("guides/start.md");
    let last = format!("---\n{MARKER}\na: b\r\n---\r\nStart.\r\n");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), last);
    std::fs::remove_file(guide).unwrap();
    let docs = Docs::of(Workshop).unwrap().with_templates(templates.path());
    docs.write(examples().path(), written.path()).unwrap();
    assert!(!path.exists());
}

#[test]
fn a_template_of_nothing_is_named() {
    let templates = tempfile::tempdir().unwrap();
    let pages = |directory: &Path| {
        let docs = Docs::of(Workshop).unwrap().with_templates(directory);
        docs.pages(examples().path())
            .map(|_| ())
            .map_err(|error| error.to_string())
    };
    std::fs::create_dir_all(templates.path().join("resources")).unwrap();
    assert_eq!(pages(templates.path()), Ok(()));
    for unused in ["resources/cabinett.md.tmpl", "resources.md.tmpl"] {
        let path = templates.path().join(unused);
        std::fs::write(&path, "# Ours").unwrap();
        let expected = format!("{} is the template of no page", path.display());
        assert_eq!(pages(templates.path()), Err(expected));
        std::fs::remove_file(path).unwrap();
    }
    let missing = templates.path().join("none");
    let error = pages(&missing).unwrap_err();
    assert!(error.contains(&missing.display().to_string()), "{error}");
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
