//! Modules and examples: formatted, documented, and run as they stand.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use acceptance::agent::Agent;
use acceptance::binaries::source_root;
use acceptance::process::Finished;
use acceptance::terraform::Workspace;
use anyhow::{Context, Result, ensure};

use super::fixture::PASSWORD;
use super::readme;

/// The agent that examples speak of.
const EXAMPLE_AGENT: &str = "broker-1.example.com:7443";

/// What it takes an account with AWS for: applied where there is a stand-in for one.
const OF_AWS: [&str; 3] = ["host", "instance_profile", "network"];

/// All else that examples know of: one folder each, with an example and how to import it.
const RESOURCES: [&str; 11] = [
    "binding",
    "broker",
    "exchange",
    "limits",
    "operator_policy",
    "permission",
    "policy",
    "queue",
    "topic_permission",
    "user",
    "vhost",
];

#[test]
fn every_configuration_is_formatted() -> Result<()> {
    let Some(terraform) = Workspace::empty()? else {
        return Ok(());
    };
    for folder in ["examples", "modules"] {
        let folder = source_root().join(folder);
        let folder = folder.to_str().context("the path is not UTF-8")?;
        let check = terraform.run(&["fmt", "-check", "-recursive", "-diff", folder])?;
        check
            .success()
            .context("run `terraform fmt -recursive` on it")?;
    }
    Ok(())
}

#[test]
fn tables_in_readmes_say_what_variables_and_outputs_say() -> Result<()> {
    for entry in fs::read_dir(source_root().join("modules"))? {
        readme::check(&entry?.path())?;
    }
    Ok(())
}

#[test]
fn the_broker_module_passes_its_own_tests() -> Result<()> {
    let agent = Agent::start()?;
    let Some(mut terraform) = Workspace::empty()? else {
        return Ok(());
    };
    terraform.copy("modules/broker")?;
    terraform.set("FERRYMQ_CA_CERTIFICATE", agent.ca());
    terraform.set("FERRYMQ_CLIENT_CERTIFICATE", agent.client_certificate());
    terraform.set("FERRYMQ_CLIENT_KEY", agent.client_key());
    terraform.set("TF_VAR_nodes", format!("[\"{}\"]", agent.endpoint()));
    let tested = terraform.run(&["test", "-no-color"])?.success()?;
    assert!(tested.stdout.contains("11 passed, 0 failed"), "{tested}");
    Ok(())
}

#[test]
fn no_resource_is_without_example() -> Result<()> {
    let folders = |kind: &str| -> Result<BTreeSet<String>> {
        let entries = fs::read_dir(source_root().join("examples").join(kind))?;
        entries
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect()
    };
    let expected: BTreeSet<_> = RESOURCES
        .iter()
        .chain(&OF_AWS)
        .map(|name| format!("ferrymq_{name}"))
        .collect();
    assert_eq!(folders("resources")?, expected);

    let Some(terraform) = Workspace::empty()? else {
        return Ok(());
    };
    terraform.copy("examples/provider")?;
    let shown = terraform
        .run(&["providers", "schema", "-json"])?
        .success()?
        .stdout;
    let schema: serde_json::Value = serde_json::from_str(&shown)?;
    let providers = schema["provider_schemas"]
        .as_object()
        .context("no provider")?;
    let ours = providers.values().next().context("no provider")?;
    for (kind, folder) in [
        ("resource_schemas", "resources"),
        ("data_source_schemas", "data-sources"),
        ("functions", "functions"),
    ] {
        let names = ours[kind]
            .as_object()
            .with_context(|| format!("no {kind}"))?;
        assert_eq!(
            names.keys().cloned().collect::<BTreeSet<_>>(),
            folders(folder)?
        );
    }
    everything_is_described(ours)
}

/// Every resource, data source and attribute has a description.
fn everything_is_described(schema: &serde_json::Value) -> Result<()> {
    let mut bare = Vec::new();
    for kind in ["resource_schemas", "data_source_schemas"] {
        for (name, object) in schema[kind].as_object().context("no objects")? {
            let block = &object["block"];
            if block["description"].as_str().is_none_or(str::is_empty) {
                bare.push(name.clone());
            }
            collect_bare(name, &block["attributes"], &mut bare);
        }
    }
    ensure!(bare.is_empty(), "without description: {bare:#?}");
    Ok(())
}

fn collect_bare(path: &str, attributes: &serde_json::Value, bare: &mut Vec<String>) {
    for (name, attribute) in attributes.as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        collect_bare(&path, &attribute["nested_type"]["attributes"], bare);
        if attribute["description"].as_str().is_none_or(str::is_empty) {
            bare.push(path);
        }
    }
}

/// An example's text with the running agent's address, and ports that are free here.
fn example(path: &str, agent: &Agent) -> Result<String> {
    let text = fs::read_to_string(source_root().join("examples").join(path))
        .with_context(|| format!("read examples/{path}"))?;
    let anywhere = format!("[\"{EXAMPLE_AGENT}\"]\n}}");
    let free_port = format!("[\"{EXAMPLE_AGENT}\"]\n  listeners = {{ amqp = {{ port = 0 }} }}\n}}");
    let text = if path.contains("data-sources") {
        text
    } else {
        text.replace(&anywhere, &free_port)
    };
    Ok(text
        .replace(EXAMPLE_AGENT, &agent.endpoint())
        .replace("= 5672", "= 0"))
}

#[test]
fn the_examples_apply_together_and_are_imported_as_they_say() -> Result<()> {
    let agent = Agent::start()?;
    let Some(mut terraform) = Workspace::empty()? else {
        return Ok(());
    };
    let provider = example("provider/provider.tf", &agent)?;
    let admin = agent.path("admin").to_string_lossy().into_owned();
    terraform.write(
        "provider.tf",
        &provider.replace("\"admin/", &format!("\"{admin}/")),
    )?;
    for name in RESOURCES {
        let text = example(&format!("resources/ferrymq_{name}/resource.tf"), &agent)?;
        terraform.write(&format!("{name}.tf"), &text)?;
    }
    for name in ["connection_uri", "encode_id", "parse_id", "topic_matches"] {
        let text = example(&format!("functions/{name}/function.tf"), &agent)?;
        terraform.write(&format!("function_{name}.tf"), &text)?;
    }
    terraform.set("TF_VAR_app_password", PASSWORD);
    terraform.set("TF_VAR_password", PASSWORD);
    terraform.apply_settles()?;
    for name in [
        "bindings",
        "broker",
        "exchanges",
        "queue",
        "queues",
        "users",
    ] {
        let text = example(
            &format!("data-sources/ferrymq_{name}/data-source.tf"),
            &agent,
        )?;
        terraform.write(&format!("data_{name}.tf"), &text)?;
    }
    terraform.apply_settles()?;
    assert_eq!(terraform.output("waiting")?, 0);
    assert_eq!(terraform.output("backlog")?, 0);
    assert_eq!(terraform.output("reaches")?, true);

    for name in RESOURCES {
        let import = example(&format!("resources/ferrymq_{name}/import.sh"), &agent)?;
        imports(&terraform, &import).with_context(|| import.clone())?;
    }
    let plan = terraform.plan()?;
    assert_eq!(
        plan.summary(),
        ["update ferrymq_user.app"],
        "only the password is sent again"
    );
    terraform.apply_settles()?;
    let vhosts = example("resources/ferrymq_vhost/resource.tf", &agent)?;
    let unprotected = vhosts.replace("deletion_protection = true", "deletion_protection = false");
    terraform.write("vhost.tf", &unprotected)?;
    terraform.apply_settles()?;
    terraform.destroy()
}

/// Forgets the object that the script imports, then runs the script.
fn imports(terraform: &Workspace, script: &str) -> Result<()> {
    let line = script
        .lines()
        .find(|line| line.starts_with("terraform import "));
    let line = line.context("the script imports nothing")?;
    let (address, id) = line["terraform import ".len()..]
        .split_once(' ')
        .context("no address and id")?;
    terraform.run(&["state", "rm", address])?.success()?;
    terraform.import(address, id.trim_matches('\''))
}

#[test]
fn the_install_script_puts_the_provider_where_a_mirror_is_looked_for() -> Result<()> {
    let Some(terraform) = Workspace::empty()? else {
        return Ok(());
    };
    let home = tempfile::tempdir()?;
    let mut install = Command::new(source_root().join("scripts/install-provider"));
    let bin_dir = acceptance::binaries::provider()?;
    let bin_dir = bin_dir.parent().context("a file has a folder")?;
    install
        .arg(home.path().join(".terraform.d/plugins"))
        .env("FERRYMQ_BIN_DIR", bin_dir);
    Finished::run(&mut install)?.success()?;

    // As a user's: no configuration of the command line at all, only the home directory.
    terraform.copy("examples/provider")?;
    let mut init = terraform.prepare_command(&["init", "-no-color"]);
    init.env_remove("TF_CLI_CONFIG_FILE")
        .env("HOME", home.path());
    let done = Finished::run(&mut init)?.success()?;
    assert!(done.stdout.contains("ferrymq/ferrymq v"), "{done}");
    assert!(Path::new(&terraform.root().join(".terraform.lock.hcl")).is_file());
    Ok(())
}
