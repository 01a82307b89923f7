//! Which room of the workspace may use which: the table of `crates/README.md`, enforced.

use std::collections::BTreeMap;

use anyhow::Result;
use cargo_metadata::{DependencyKind, MetadataCommand};

/// For each crate, the crates of the workspace it may use. A new edge is a change of design: it
/// changes this table and the architecture page in one commit that says why.
const ALLOWED: &[(&str, &[&str])] = &[
    ("acceptance", &[]),
    ("agent-api", &[]),
    ("bench", &["broker-core", "wire"]),
    (
        "broker-agent",
        &[
            "agent-api",
            "broker-core",
            "broker-net",
            "cloud-aws",
            "coordination",
        ],
    ),
    ("broker-core", &["wire"]),
    ("broker-net", &["broker-core", "wire"]),
    ("campaign", &["acceptance", "agent-api", "wire"]),
    ("cloud-aws", &[]),
    ("coordination", &["broker-core", "cloud-aws"]),
    ("provider", &["agent-api", "cloud-aws", "tfplugin-rs"]),
    ("replication-model", &["broker-core"]),
    ("tfplugin-conformance", &["tfplugin-rs"]),
    ("tfplugin-rs", &["tfplugin-rs-derive"]),
    ("tfplugin-rs-derive", &[]),
    ("wire", &[]),
];

/// Edges that tests alone may add: they never reach a built binary.
const ALLOWED_IN_TESTS: &[(&str, &[&str])] = &[
    // Drift is made behind Terraform's back through the contract.
    ("acceptance", &["agent-api"]),
    // The stand-in for AWS is started by the test kit.
    ("coordination", &["acceptance"]),
    // The derive macro's tests derive for the framework's traits.
    ("tfplugin-rs-derive", &["tfplugin-rs"]),
];

#[test]
fn crates_use_only_what_the_architecture_page_allows() -> Result<()> {
    let metadata = MetadataCommand::new().no_deps().exec()?;
    let allowed: BTreeMap<_, _> = ALLOWED.iter().copied().collect();
    let in_tests: BTreeMap<_, _> = ALLOWED_IN_TESTS.iter().copied().collect();
    let mut breaches = Vec::new();
    for package in &metadata.packages {
        let name = package.name.as_str();
        let Some(may_use) = allowed.get(name) else {
            breaches.push(format!(
                "crate `{name}` is not in the table of allowed edges"
            ));
            continue;
        };
        for dependency in package.dependencies.iter().filter(|d| d.path.is_some()) {
            let used = dependency.name.as_str();
            let test_only = dependency.kind == DependencyKind::Development
                && in_tests.get(name).is_some_and(|uses| uses.contains(&used));
            if !may_use.contains(&used) && !test_only {
                breaches.push(format!(
                    "`{name}` must not use `{used}` ({})",
                    dependency.kind
                ));
            }
        }
    }
    assert!(
        breaches.is_empty(),
        "edges outside the table:\n{}",
        breaches.join("\n")
    );
    Ok(())
}

#[test]
fn the_table_names_no_crate_that_is_gone() -> Result<()> {
    let metadata = MetadataCommand::new().no_deps().exec()?;
    for (name, _) in ALLOWED.iter().chain(ALLOWED_IN_TESTS) {
        let exists = metadata
            .packages
            .iter()
            .any(|package| package.name.as_str() == *name);
        assert!(
            exists,
            "`{name}` is in the table of edges but not in the workspace"
        );
    }
    Ok(())
}
