//! Writes the provider's documentation: pages into `docs/`, and the schema as JSON to the output.
//!
//! `cargo run -p provider --example docs` in the root of the repository.

#![allow(clippy::print_stdout, reason = "the schema is its output")]

use std::error::Error;
use std::path::Path;

use tfplugin_rs::docs::Docs;

fn main() -> Result<(), Box<dyn Error>> {
    let docs = Docs::of(provider::ferrymq())?;
    docs.write(Path::new("examples"), Path::new("docs"))?;
    println!(
        "{:#}",
        docs.schema_json("registry.terraform.io/ferrymq/ferrymq")
    );
    Ok(())
}
