//! Writes the provider's documentation: pages into `docs/`, and the schema as JSON to the output.
//!
//! `make docs`, or `cargo run -p provider --example docs > provider/schema.json` in the root of the
//! repository. Tests compare both with what is committed.

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
