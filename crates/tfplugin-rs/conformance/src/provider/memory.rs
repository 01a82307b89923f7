//! Resources that become what was planned for them, or what their script says.

use std::marker::PhantomData;

use tfplugin_rs::prelude::*;
use tfplugin_rs::schema::Schema;
use tfplugin_rs::value::{Number, Value};
use tfplugin_rs::{Deferral, Diagnostics, Private};

use crate::raw::{Describe, Raw};

/// A scripted resource with the schema of `K`.
pub(crate) struct Memory<K>(PhantomData<fn() -> K>);

impl<K> Memory<K> {
    pub(crate) const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<K: Describe> Resource for Memory<K> {
    const NAME: &'static str = K::NAME;
    type Data = ();
    type Model = Raw<K>;

    async fn validate(&self, cx: &mut Validation) -> Result<()> {
        validate(cx)
    }

    async fn modify_plan(&self, plan: &mut ResourcePlan, cx: &mut Context<()>) -> Result<()> {
        modify_plan(plan, cx)
    }

    async fn create(&self, plan: Raw<K>, cx: &mut Apply<()>) -> Result<Raw<K>> {
        apply(plan, cx)
    }

    async fn read(&self, state: Raw<K>, cx: &mut Context<()>) -> Result<Option<Raw<K>>> {
        read(state, cx)
    }

    async fn update(&self, _prior: Raw<K>, plan: Raw<K>, cx: &mut Apply<()>) -> Result<Raw<K>> {
        apply(plan, cx)
    }

    async fn delete(&self, state: Raw<K>, cx: &mut Context<()>) -> Result<()> {
        delete(state.value(), cx)
    }
}

/// What a module says to the provider.
pub(crate) struct Meta;

impl Describe for Meta {
    fn schema() -> Schema {
        MetaModel::schema()
    }
}

#[derive(Model)]
struct MetaModel {
    note: Option<String>,
    weight: Option<Number>,
}

/// Shows that the module's word came through.
pub(crate) fn note(cx: &Context<()>) -> Result<String> {
    let meta: Option<Raw<Meta>> = cx.meta()?;
    let meta = meta.map(Raw::into_value).unwrap_or_default();
    let note = meta.as_object().and_then(|meta| meta.get("note"));
    let note = note.and_then(Value::as_str).unwrap_or_default();
    Ok(format!("note {note}"))
}

/// Does what the id of an import says.
pub(crate) fn import_script(id: &str, cx: &mut Context<()>) -> Result<()> {
    match id {
        "error" => return Err(Refusal::whole()),
        "defer" => return Err(cx.defer(Deferral::AbsentPrerequisite)),
        "warn" => cx.push(warning()),
        "private" => count(cx.private_mut(), "imported")?,
        _ => {}
    }
    Ok(())
}

/// What the script of an object says; "" if it is not known or there is none.
pub(crate) fn script(object: &Value) -> &str {
    let script = object.as_object().and_then(|object| object.get("script"));
    script.and_then(Value::as_str).unwrap_or_default()
}

/// The errors of this provider.
pub(crate) struct Refusal;

impl Refusal {
    pub(crate) fn at(attribute: &str) -> Diagnostics {
        Diagnostic::error("Refused", "As the script says.")
            .at(attribute)
            .into()
    }

    pub(crate) fn whole() -> Diagnostics {
        Diagnostic::error("Refused", "As the script says.").into()
    }
}

pub(crate) fn warning() -> Diagnostic {
    Diagnostic::warning("Warned", "As the script says.")
}

pub(crate) fn validate(cx: &mut Validation) -> Result<()> {
    match script(cx.config().value()) {
        "validate_error" => Err(Refusal::at("script")),
        "validate_warn" => {
            cx.push(warning());
            Ok(())
        }
        _ => Ok(()),
    }
}

pub(crate) fn modify_plan(plan: &mut ResourcePlan, cx: &mut Context<()>) -> Result<()> {
    if plan.planned().is_null() {
        match script(plan.prior().value()) {
            "destroy_error" => return Err(Refusal::at("script")),
            "destroy_warn" => cx.push(warning()),
            _ => {}
        }
        return Ok(());
    }
    match script(plan.planned().value()) {
        "plan_error" => return Err(Refusal::at("script")),
        "plan_warn" => cx.push(warning().at("stamp")),
        "plan_replace" => plan.require_replace("script"),
        "plan_private" => count(cx.private_mut(), "planned")?,
        "plan_set" => plan.set("stamp", &"planned".to_owned())?,
        "plan_meta" => plan.set("stamp", &changed(note(cx)?))?,
        "plan_defer" => return Err(cx.defer(Deferral::ResourceConfigUnknown)),
        _ => {}
    }
    Ok(())
}

/// The text, but with `-changed` another: whoever compares this provider with itself must then find
/// that.
fn changed(text: String) -> String {
    match std::env::args().any(|argument| argument == "-changed") {
        true => format!("changed {text}"),
        false => text,
    }
}

/// Adds one to a number in the private state.
pub(crate) fn count(private: &mut Private, key: &str) -> Result<()> {
    let before: u64 = private.get(key)?.unwrap_or(0);
    private.set(key, &(before + 1))
}

/// Create and update: the plan with its unknowns filled in, or what the script says.
pub(crate) fn apply<K: Describe>(plan: Raw<K>, cx: &mut Apply<()>) -> Result<Raw<K>> {
    let script = script(plan.value()).to_owned();
    match script.as_str() {
        "apply_error" => return Err(Refusal::at("script")),
        "apply_private" => count(cx.private_mut(), "applied")?,
        _ => {}
    }
    let plan = match script.as_str() {
        "apply_meta" => stamped(plan, &note(cx)?),
        _ => plan,
    };
    let plan = see_secret(plan, cx);
    if script == "apply_unknown" {
        return Ok(plan);
    }
    let mut done = plan.complete();
    match script.as_str() {
        "apply_change" => done = done.with("script", "changed"),
        "apply_save_error" => {
            cx.save(&done);
            return Err(Refusal::at("stamp"));
        }
        "apply_warn" => cx.push(warning()),
        _ => {}
    }
    Ok(done)
}

/// Shows that a write-only value came through.
fn see_secret<K: Describe>(plan: Raw<K>, cx: &Apply<()>) -> Raw<K> {
    let config = cx.config().value().as_object();
    let secret = config.and_then(|config| config.get("secret_wo"));
    match secret.and_then(Value::as_str) {
        Some(secret) if !secret.is_empty() => stamped(plan, &format!("saw {secret}")),
        _ => plan,
    }
}

/// Plans a stamp where it is still open.
pub(crate) fn stamped<K: Describe>(plan: Raw<K>, text: &str) -> Raw<K> {
    let stamp = plan.value().at(&"stamp".into());
    match stamp.is_some_and(Value::is_unknown) {
        true => plan.with("stamp", text),
        false => plan,
    }
}

pub(crate) fn read<K: Describe>(state: Raw<K>, cx: &mut Context<()>) -> Result<Option<Raw<K>>> {
    match script(state.value()) {
        "read_gone" => return Ok(None),
        "read_error" => return Err(Refusal::at("script")),
        "read_warn" => cx.push(warning()),
        "read_private" => count(cx.private_mut(), "read")?,
        "read_meta" => return Ok(Some(state.with("stamp", &note(cx)?))),
        "read_defer" => return Err(cx.defer(Deferral::AbsentPrerequisite)),
        "read_drift" => return Ok(Some(state.with("stamp", "drifted"))),
        _ => {}
    }
    Ok(Some(state))
}

pub(crate) fn delete(state: &Value, cx: &mut Context<()>) -> Result<()> {
    match script(state) {
        "delete_error" => Err(Refusal::at("script")),
        "delete_warn" => {
            cx.push(warning());
            Ok(())
        }
        _ => Ok(()),
    }
}
