//! An ephemeral resource: its script goes into its private state, for renewal and end.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tfplugin_rs::prelude::*;
use tfplugin_rs::schema::Schema;
use tfplugin_rs::value::Number;
use tfplugin_rs::{Deferral, EphemeralResource, Lease as Opened, Private};

use crate::lookup::fill;
use crate::memory::{Refusal, count, script, warning};
use crate::raw::{Describe, Raw};
use crate::ruled::everywhere;

pub(crate) struct Ticket;

impl Describe for Ticket {
    fn schema() -> Schema {
        everywhere(TicketModel::schema())
    }
}

#[derive(Model)]
struct TicketModel {
    rule_a: Option<String>,
    rule_b: Option<String>,
    rule_c: Option<String>,
    script: Option<String>,
    name: String,
    #[attr(sensitive)]
    token: Attr<String>,
    #[attr(optional, computed)]
    length: Attr<Number>,
}

/// When a lease is to be renewed.
fn due() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(4_000_000_000)
}

pub(crate) struct Lease;

impl EphemeralResource for Lease {
    const NAME: &'static str = "lease";
    type Data = ();
    type Model = Raw<Ticket>;

    async fn validate(&self, cx: &mut Validation) -> Result<()> {
        match script(cx.config().value()) {
            "validate_error" => Err(Refusal::at("script")),
            _ => Ok(()),
        }
    }

    async fn open(&self, config: Raw<Ticket>, cx: &mut Opened<()>) -> Result<Raw<Ticket>> {
        let script = script(config.value()).to_owned();
        match script.as_str() {
            "open_error" => return Err(Refusal::at("script")),
            "open_defer" => return Err(cx.defer(Deferral::AbsentPrerequisite)),
            "open_warn" => cx.push(warning()),
            "open_forever" => {}
            _ => cx.renew_at(due()),
        }
        cx.private_mut().set("script", &script)?;
        let mut result = config.into_value();
        fill(&mut result, "token", "made");
        fill(&mut result, "length", 7);
        Ok(Raw::new(result))
    }

    async fn renew(&self, cx: &mut Opened<()>) -> Result<()> {
        match kept(cx.private())?.as_str() {
            "renew_error" => return Err(Refusal::whole()),
            "renew_warn" => cx.push(warning()),
            _ => {}
        }
        count(cx.private_mut(), "renewed")?;
        cx.renew_at(due());
        Ok(())
    }

    async fn close(&self, cx: &mut Context<()>) -> Result<()> {
        match kept(cx.private())?.as_str() {
            "close_error" => return Err(Refusal::whole()),
            "close_warn" => cx.push(warning()),
            _ => {}
        }
        Ok(())
    }
}

/// The script that opening has left.
fn kept(private: &Private) -> Result<String> {
    Ok(private.get("script")?.unwrap_or_default())
}
