//! The provider that is compared with the reference in Go: the same schemas, the same behaviour.
//!
//! It keeps nothing: what a resource holds is a function of its plan, and the attribute `script` says
//! what shall go wrong.

use std::process::ExitCode;

use tfplugin_rs::Deferral;
use tfplugin_rs::prelude::*;

use crate::memory::{Memory, Refusal, script};

mod blocks;
mod collections;
mod functions;
mod keeping;
mod known;
mod known_list;
mod lease;
mod lookup;
mod memory;
mod modelled;
mod modifiers;
mod nested;
mod numbers;
mod poke;
mod raw;
mod relations;
mod ruled;
mod scalars;
mod secrets;
mod sizes;
mod spelled;
mod texts;
mod timed;
mod validated;
mod versioned;
mod wide;

fn main() -> ExitCode {
    if std::env::args().any(|argument| argument == "-empty") {
        return tfplugin_rs::run(Nothing, env!("CARGO_CRATE_NAME"));
    }
    tfplugin_rs::run(Conform, env!("CARGO_CRATE_NAME"))
}

/// Offers one of everything.
struct Conform;

#[derive(Model)]
struct ConformConfig {
    #[attr(validate = validate::length(1..=20))]
    endpoint: Option<String>,
    rule_a: Option<String>,
    rule_b: Option<String>,
    rule_c: Option<String>,
    #[attr(optional)]
    script: Attr<String>,
    #[attr(optional, sensitive)]
    token: Attr<String>,
    #[attr(optional)]
    labels: Attr<std::collections::BTreeMap<String, Attr<String>>>,
}

struct Config;

impl raw::Describe for Config {
    fn schema() -> tfplugin_rs::schema::Schema {
        ruled::everywhere(ConformConfig::schema())
    }
}

impl Provider for Conform {
    const NAME: &'static str = "conform";
    type Config = raw::Raw<Config>;
    type Data = ();

    async fn validate(&self, cx: &mut Validation) -> Result<()> {
        memory::validate(cx)
    }

    async fn configure(&self, config: raw::Raw<Config>, cx: &mut Configure) -> Result<()> {
        match script(config.value()) {
            "configure_error" => return Err(Refusal::at("script")),
            "configure_warn" => cx.push(memory::warning()),
            "configure_defer" => return Err(cx.defer(Deferral::ProviderConfigUnknown)),
            _ => {}
        }
        Ok(())
    }

    fn contents(&self) -> Contents<()> {
        Contents::new()
            .data_source(lookup::Lookup)
            .action(poke::Poke)
            .ephemeral_resource(lease::Lease)
            .function(functions::Add)
            .function(functions::Checked)
            .function(functions::Describe)
            .function(functions::Join)
            .function(functions::Pick)
            .provider_meta::<raw::Raw<memory::Meta>>()
            .identified_resource(known::Known::<false>)
            .identified_resource(known::Known::<true>)
            .list_resource(known_list::KnownList)
            .resource(Memory::<blocks::Blocks>::new())
            .resource(Memory::<collections::Collections>::new())
            .resource(Memory::<keeping::Keeping>::new())
            .resource(modelled::Modelled)
            .resource(Memory::<modifiers::Modifiers>::new())
            .resource(Memory::<nested::Nested>::new())
            .resource(Memory::<numbers::Numbers>::new())
            .resource(Memory::<relations::Relations>::new())
            .resource(Memory::<ruled::Ruled>::new())
            .resource(Memory::<scalars::Scalars>::new())
            .resource(Memory::<secrets::Secrets>::new())
            .resource(Memory::<sizes::Sizes>::new())
            .resource(spelled::Spelled)
            .resource(Memory::<texts::Texts>::new())
            .resource(timed::Timed)
            .resource(validated::Validated)
            .resource(versioned::Versioned)
            .resource(wide::Wide)
    }
}

/// Offers nothing, to measure what a provider costs by itself.
struct Nothing;

#[derive(Model)]
struct NothingConfig {}

impl Provider for Nothing {
    const NAME: &'static str = "nothing";
    type Config = NothingConfig;
    type Data = ();

    async fn configure(&self, _config: NothingConfig, _cx: &mut Configure) -> Result<()> {
        Ok(())
    }

    fn contents(&self) -> Contents<()> {
        Contents::new()
    }
}
