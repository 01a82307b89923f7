//! Ephemeral resources and `provider_meta` blocks.

use serde_json::json;

use crate::terraform::Workspace;

/// Lines of the station's journal so far.
fn journal(workspace: &Workspace) -> Vec<String> {
    let journal = workspace.notes().join("journal");
    let text = std::fs::read_to_string(journal).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn a_key_is_opened_renewed_and_closed() {
    let workspace = Workspace::new("lockers");
    // The provisioner has the key until it has seen a renewal; Terraform must keep it alive.
    let wait = format!(
        "for i in $(seq 600); do grep -q renew {} && exit 0; sleep 0.1; done; exit 1",
        workspace.notes().join("journal").display()
    );
    workspace.configure(&format!(
        "ephemeral \"lockers_key\" \"a\" {{\n  locker = 3\n}}\n\
         resource \"terraform_data\" \"slow\" {{\n  provisioner \"local-exec\" {{\n    \
         command = \"{wait}\"\n    \
         environment = {{\n      CODE = ephemeral.lockers_key.a.code\n    }}\n  }}\n}}\n"
    ));
    workspace.succeed(&["plan", "-no-color"]);
    let events = journal(&workspace);
    assert_eq!(events.first().map(String::as_str), Some("open 3"));
    assert_eq!(events.last().map(String::as_str), Some("close 3"));

    std::fs::remove_file(workspace.notes().join("journal")).unwrap();
    workspace.apply();
    let events = journal(&workspace);
    let count = |event: &str| events.iter().filter(|seen| *seen == event).count();
    // Opened anew in each phase, that of the plan and that of the apply.
    assert_eq!((count("open 3"), count("close 3")), (2, 2), "{events:?}");
    assert!(count("renew 3") >= 1, "{events:?}");
    assert_eq!(events.last().map(String::as_str), Some("close 3"));
    let state = workspace.succeed(&["state", "pull"]);
    assert!(!state.contains("code-of-3"));
    let log = std::fs::read_to_string(workspace.log()).unwrap();
    assert!(!log.contains("code-of-3"), "the code is in the log");
}

#[test]
fn ephemeral_configurations_are_checked() {
    let workspace = Workspace::new("lockers");
    workspace.configure("ephemeral \"lockers_key\" \"a\" {\n  locker = -1\n}\n");
    let said = workspace.fail(&["plan", "-no-color"]);
    assert!(said.contains("locker = -1"), "{said}");
    assert!(said.contains("must be from 0 to 4294967295"), "{said}");
}

#[test]
fn a_module_speaks_to_the_provider() {
    let workspace = Workspace::new("lockers");
    let locker = "resource \"lockers_locker\" \"a\" {\n  number = 1\n  luggage = \"hat\"\n}\n";
    let meta = "terraform {\n  provider_meta \"lockers\" {\n    owner = \"ops\"\n  }\n}\n";
    workspace.configure(&format!("{meta}{locker}"));
    workspace.apply();
    assert_eq!(workspace.attributes("lockers_locker.a")["owner"], "ops");
    workspace.expect_empty_plan();
    workspace.succeed(&["destroy", "-auto-approve", "-no-color"]);
    workspace.configure(locker);
    workspace.apply();
    assert_eq!(
        workspace.attributes("lockers_locker.a")["owner"],
        json!(null)
    );
    workspace.succeed(&["state", "rm", "lockers_locker.a"]);
    // A Terraform without identities imports by id, and notices nothing.
    workspace.succeed(&["import", "-no-color", "lockers_locker.a", "1"]);
    workspace.expect_empty_plan();
}

#[test]
fn an_identity_imports_where_the_command_knows_identities() {
    let workspace = Workspace::new("lockers");
    std::fs::write(workspace.notes().join("locker-1"), "hat").unwrap();
    workspace.configure(
        "resource \"lockers_locker\" \"a\" {\n  number = 1\n  luggage = \"hat\"\n}\n\
         import {\n  to = lockers_locker.a\n  identity = {\n    number = 1\n  }\n}\n",
    );
    if workspace.version() < (1, 12) {
        let said = workspace.fail(&["plan", "-no-color"]);
        assert!(said.contains("\"identity\" is not expected here"), "{said}");
        return;
    }
    let said = workspace.apply();
    assert!(said.contains("1 imported, 0 added, 0 changed"), "{said}");
    workspace.expect_empty_plan();
}
