//! The schema as `terraform providers schema -json` shows it: a change of it is a change for every
//! configuration, so it is on file, and a difference has to be looked at.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Map, Value as Json};

use super::fixture::Fixture;

#[test]
fn terraform_sees_the_schema_that_is_on_file() -> Result<()> {
    let Some(fixture) = Fixture::prepare()? else {
        return Ok(());
    };
    fixture.main("")?;
    let shown = fixture.terraform.run(&["providers", "schema", "-json"])?;
    let shown: Json = serde_json::from_str(&shown.success()?.stdout)?;
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../provider/schema.json");
    let filed: Json = serde_json::from_str(&fs::read_to_string(file)?)?;
    let (shown, mut filed) = (provider(&shown)?, provider(&filed)?);
    filed.retain(|section, _| !NEWER.contains(&&**section) || shown.contains_key(section));
    ensure!(
        shown == filed,
        "provider/schema.json is stale: run `make docs`, and look at the difference"
    );
    Ok(())
}

/// What Terraform 1.11 does not ask a provider for.
const NEWER: [&str; 3] = [
    "action_schemas",
    "list_resource_schemas",
    "resource_identity_schemas",
];

/// The schema of the one provider there is.
fn provider(schemas: &Json) -> Result<Map<String, Json>> {
    let providers = schemas["provider_schemas"].as_object();
    let first = providers.and_then(|it| it.values().next()?.as_object().cloned());
    first.context("the schema of one provider")
}
