//! Create, update, replace, drift, import, refusals, destroy.

use serde_json::json;

use crate::terraform::Workspace;

const NOTE: &str = r#"
resource "notes_file" "a" {
  name = "first"
  text = "hello"
  tags = ["x", "y"]
}
"#;

#[test]
fn from_creation_to_destruction() {
    let workspace = Workspace::new("notes");
    workspace.configure(NOTE);
    let said = workspace.apply();
    assert!(said.contains("1 added, 0 changed, 0 destroyed"), "{said}");
    let attributes = workspace.attributes("notes_file.a");
    assert_eq!(attributes["revision"], 1);
    assert_eq!(attributes["protected"], false);
    assert_eq!(attributes["tags"], json!(["x", "y"]));
    assert!(
        attributes["path"]
            .as_str()
            .unwrap()
            .ends_with("/notes/first.json")
    );
    workspace.expect_empty_plan();

    workspace.configure(&NOTE.replace("hello", "good bye"));
    let plan = workspace.succeed(&["plan", "-no-color"]);
    assert!(plan.contains("will be updated in-place"), "{plan}");
    assert!(plan.contains("~ revision"), "{plan}");
    assert!(!plan.contains("~ path"), "{plan}");
    let said = workspace.apply();
    assert!(said.contains("0 added, 1 changed, 0 destroyed"), "{said}");
    assert_eq!(workspace.attributes("notes_file.a")["revision"], 2);
    workspace.expect_empty_plan();

    workspace.configure(&NOTE.replace("first", "second"));
    let plan = workspace.succeed(&["plan", "-no-color"]);
    assert!(plan.contains("must be replaced"), "{plan}");
    assert!(plan.contains("# forces replacement"), "{plan}");
    workspace.apply();
    assert!(!workspace.notes().join("first.json").exists());
    assert!(workspace.notes().join("second.json").exists());
    workspace.expect_empty_plan();

    let said = workspace.succeed(&["destroy", "-auto-approve", "-no-color"]);
    assert!(said.contains("1 destroyed"), "{said}");
    assert!(!workspace.notes().join("second.json").exists());
}

#[test]
fn drift_is_shown_and_repaired() {
    let workspace = Workspace::new("notes");
    workspace.configure(NOTE);
    workspace.apply();
    let file = workspace.notes().join("first.json");
    let changed = std::fs::read_to_string(&file)
        .unwrap()
        .replace("hello", "tampered");
    std::fs::write(&file, changed).unwrap();
    let plan = workspace.succeed(&["plan", "-no-color"]);
    assert!(plan.contains(r#""tampered" -> "hello""#), "{plan}");
    workspace.apply();
    workspace.expect_empty_plan();
    // Gone altogether: it is made again.
    std::fs::remove_file(&file).unwrap();
    let said = workspace.apply();
    assert!(said.contains("1 added"), "{said}");
    workspace.expect_empty_plan();
}

#[test]
fn import_by_id_and_by_block_with_generated_configuration() {
    let workspace = Workspace::new("notes");
    workspace.configure(NOTE);
    workspace.apply();
    workspace.succeed(&["state", "rm", "notes_file.a"]);
    workspace.succeed(&["import", "-no-color", "notes_file.a", "first"]);
    workspace.expect_empty_plan();

    workspace.succeed(&["state", "rm", "notes_file.a"]);
    workspace.configure("import {\n  to = notes_file.b\n  id = \"first\"\n}");
    workspace.succeed(&["plan", "-no-color", "-generate-config-out=generated.tf"]);
    let said = workspace.apply();
    assert!(said.contains("1 imported, 0 added, 0 changed"), "{said}");
    workspace.expect_empty_plan();

    workspace.configure(NOTE);
    let said = workspace.fail(&["import", "-no-color", "notes_file.a", "nothing"]);
    assert!(said.contains("There is no note \"nothing\""), "{said}");
}

#[test]
fn errors_point_at_the_attribute() {
    let workspace = Workspace::new("notes");
    workspace.configure(&NOTE.replace("first", "Not A Name"));
    let said = workspace.fail(&["plan", "-no-color"]);
    assert!(said.contains("name = \"Not A Name\""), "{said}");
    assert!(
        said.contains("Attribute name must be letters, digits and dashes, got \"Not A Name\"."),
        "{said}"
    );

    std::fs::write(workspace.notes().join("first.json"), "{}").unwrap();
    workspace.configure(NOTE);
    let said = workspace.fail(&["apply", "-auto-approve", "-no-color"]);
    assert!(said.contains("The note is damaged"), "{said}");
}

#[test]
fn deletion_of_a_protected_note_fails_at_plan() {
    let workspace = Workspace::new("notes");
    let protected = NOTE.replace("name =", "protected = true\n  name =");
    workspace.configure(&protected);
    workspace.apply();
    for arguments in [
        &["plan", "-destroy", "-no-color"][..],
        &["destroy", "-auto-approve", "-no-color"],
    ] {
        let said = workspace.fail(arguments);
        assert!(said.contains("The note is protected"), "{said}");
    }
    workspace.configure(&protected.replace("first", "second"));
    let said = workspace.fail(&["plan", "-no-color"]);
    assert!(said.contains("The note is protected"), "{said}");
    workspace.configure(NOTE);
    workspace.apply();
    workspace.succeed(&["destroy", "-auto-approve", "-no-color"]);
}

#[test]
fn write_only_values_reach_the_provider_and_nothing_else() {
    const SECRET: &str = "correct-horse-battery";
    let workspace = Workspace::new("notes");
    let sealed = |version: u32| {
        NOTE.replace(
            "name =",
            &format!("passphrase_wo = \"{SECRET}\"\n  passphrase_wo_version = {version}\n  name ="),
        )
    };
    workspace.configure(&sealed(1));
    workspace.apply();
    let attributes = workspace.attributes("notes_file.a");
    assert_eq!(attributes["sealed"], true);
    assert_eq!(attributes["passphrase_wo"], json!(null));
    workspace.expect_empty_plan();
    workspace.configure(&sealed(2));
    let said = workspace.apply();
    assert!(said.contains("1 changed"), "{said}");
    workspace.expect_empty_plan();
    let state = workspace.succeed(&["state", "pull"]);
    assert!(!state.contains(SECRET));
    let log = std::fs::read_to_string(workspace.log()).unwrap();
    assert!(
        log.contains("note written"),
        "the provider's own lines are in the log"
    );
    assert!(!log.contains(SECRET));
}

#[test]
fn values_unknown_at_plan_arrive_at_apply() {
    let workspace = Workspace::new("notes");
    workspace.configure(
        r#"
resource "terraform_data" "origin" {
  input = "later"
}
resource "notes_file" "a" {
  name = "note-${terraform_data.origin.output}"
  text = terraform_data.origin.id
}
data "notes_file" "a" {
  name = notes_file.a.name
}
output "text" {
  value = data.notes_file.a.text == terraform_data.origin.id
}
"#,
    );
    let plan = workspace.succeed(&["plan", "-no-color"]);
    assert!(
        plan.contains("+ name") && plan.contains("(known after apply)"),
        "{plan}"
    );
    workspace.apply();
    assert_eq!(workspace.attributes("notes_file.a")["name"], "note-later");
    assert_eq!(
        workspace.succeed(&["output", "-json", "text"]).trim(),
        "true"
    );
    workspace.expect_empty_plan();
}

#[test]
fn functions_answer_and_name_the_bad_argument() {
    let workspace = Workspace::new("notes");
    workspace
        .configure(r#"output "slug" { value = provider::notes::slug(null, "Buy Milk", "today") }"#);
    workspace.apply();
    assert_eq!(
        workspace.succeed(&["output", "-raw", "slug"]),
        "buy-milk-today"
    );
    workspace.configure(r#"output "slug" { value = provider::notes::slug("a", "b", "") }"#);
    let said = workspace.fail(&["plan", "-no-color"]);
    assert!(said.contains("A word must not be empty"), "{said}");
}

#[test]
fn a_bad_provider_block_is_refused_with_its_attribute() {
    let workspace = Workspace::new("notes");
    workspace.configure(NOTE);
    std::fs::remove_dir(workspace.notes()).unwrap();
    let said = workspace.fail(&["plan", "-no-color"]);
    assert!(said.contains("is not a directory"), "{said}");
    assert!(said.contains("directory = "), "{said}");
}

#[test]
fn the_schema_is_shown_with_its_descriptions() {
    let workspace = Workspace::new("notes");
    workspace.configure(NOTE);
    let text = workspace.succeed(&["providers", "schema", "-json"]);
    let schemas: serde_json::Value = serde_json::from_str(&text).unwrap();
    let provider = &schemas["provider_schemas"]["example.com/test/notes"];
    let block = &provider["resource_schemas"]["notes_file"]["block"];
    assert_eq!(block["description"], "A note, kept in a file.");
    assert_eq!(block["description_kind"], "markdown");
    assert_eq!(block["attributes"]["passphrase_wo"]["write_only"], true);
    assert_eq!(block["attributes"]["text"]["computed"], true);
    assert_eq!(
        block["attributes"]["tags"]["type"],
        json!(["set", "string"])
    );
    assert_eq!(
        provider["functions"]["slug"]["variadic_parameter"]["name"],
        "words"
    );
    assert_eq!(
        provider["functions"]["slug"]["summary"],
        "Makes a note's name out of words."
    );
}
